"""`winnow upload-key`: what a camera shows to the upload API."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from winnow_cli.failures import FAILED


def upload_key(
    camera: Annotated[str, typer.Argument(help="The camera's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Make a key with which a camera may upload, and print it: this once, only its hash is kept.

    It holds at once, beside those made before. To take one back, remove its line from the file of keys.

    Example: `winnow upload-key yard-1`
    """
    from ingest.adapters.uploads.keys import make_key
    from winnow.errors import PoisonRecord
    from winnow.identity import check_camera_id
    from winnow_cli.services import upload_keys
    from winnow_cli.stack import Home

    try:
        check_camera_id(camera)
    except PoisonRecord as error:
        print(f"winnow: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    file = Path(os.environ.get("WINNOW_INGEST_UPLOAD_KEYS_FILE") or upload_keys(Home.default()))
    try:
        key = make_key(file, camera)
    except OSError as error:
        print(f"winnow: no key was made: {file}: {error.strerror}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    if as_json:
        print(json.dumps({"camera": camera, "key": key, "file": str(file)}))
        return
    print(key)
    print(f"The key of camera {camera}; its hash is in {file}.", file=sys.stderr)
