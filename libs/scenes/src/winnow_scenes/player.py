"""`python -m winnow_scenes.player KIND --frames N`: a scene's frames to standard output, its truth to a file.

The truth has one line a frame (see `FrameTruth.to_json`), each written before its frame leaves.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2

from winnow_scenes.episodes import parse_episodes
from winnow_scenes.lifetime import end_with_parent
from winnow_scenes.records import write_begin, write_end, write_frame
from winnow_scenes.scene import WORLDS, Scene, encoded


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 with one line on standard error for parameters that make no scene."""
    parser = argparse.ArgumentParser(prog="winnow_scenes.player")
    parser.add_argument("kind", choices=sorted(WORLDS))
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--view", type=int, default=0)
    parser.add_argument("--visits-per-minute", type=float, default=1.0)
    parser.add_argument("--episodes", default="", help="NAME:START-END,... in seconds")
    parser.add_argument("--truth", type=Path)
    options = parser.parse_args(arguments)
    try:
        scene = Scene(
            options.kind,
            options.seed,
            options.width,
            options.height,
            fps=options.fps,
            view=options.view,
            episodes=parse_episodes(options.episodes),
            visits_per_minute=options.visits_per_minute,
        )
    except ValueError as error:
        print(f"scene {options.kind}: {error}", file=sys.stderr)
        return 2
    end_with_parent()
    # One scene is one of many processes: it keeps to one core.
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the reader decides when it is over
    with contextlib.ExitStack() as stack:
        truth = None
        if options.truth is not None:
            truth = stack.enter_context(options.truth.open("w", encoding="utf-8", buffering=1))
        out = os.fdopen(sys.stdout.fileno(), "wb", closefd=False)
        try:
            write_begin(out, options.frames / options.fps)
            for index in range(options.frames):
                picture, known = scene.frame(index)
                if truth is not None:
                    truth.write(known.to_json() + "\n")
                write_frame(out, index, known.t_s, encoded(picture))
            write_end(out, options.frames)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
