"""`docs/uploads.md` does what it says: its curl lines run as they stand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.support.pictures import picture
from tests.support.uploads import open_door
from tests.support.world import World

from winnow.events import Frame

pytestmark = pytest.mark.stack

PAGE = Path(__file__).parents[2] / "docs" / "uploads.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on PATH")
def test_the_curl_lines_of_the_page_run_as_they_stand(world: World, tmp_path: Path) -> None:
    door = open_door(world)
    (tmp_path / "gate.jpg").write_bytes(picture(1))
    (tmp_path / "yard.jpg").write_bytes(picture(2))
    noise = np.random.default_rng(1).integers(0, 255, (40, 60, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "gate.png"), noise)
    with zipfile.ZipFile(tmp_path / "day.zip", "w") as day:
        for number in range(3):
            day.writestr(f"{number}.jpg", picture(10 + number))
    lines = [
        line for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL) for line in block.splitlines()
    ]
    assert len(lines) == 4
    url = f"http://127.0.0.1:{door.port}/v1/cameras/yard/frames"
    counts = []
    for line in lines:
        ran = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env={**os.environ, "KEY": door.key, "URL": url},
            capture_output=True, text=True, check=True, timeout=30,
        )  # fmt: skip
        frames = json.loads(ran.stdout)["frames"]
        assert {frame["status"] for frame in frames} == {"published"}
        counts.append(len(frames))
    assert counts == [1, 1, 2, 3]
    assert len(world.events(world.names.frames, Frame)) == sum(counts)
