"""`python -m winnow_cli.demo.motion VIDEO`: the spans of frames with moving foreground, as JSON.

A judge that shares nothing with the selector: OpenCV's MOG2 background subtraction on every frame. In a process of its
own, since decoding a video that nobody has checked may end the process.
"""

from __future__ import annotations

import json
import sys

import av
import cv2
import numpy as np

WIDTH = 320
LEAST_SHARE = 0.004
"""Foreground of this share of the picture, after removing specks, is an event."""

LONGEST_GAP_S = 1.0
SHORTEST_S = 0.4
LEARNING_S = 1.0


def spans(video: str) -> list[tuple[int, int]]:
    """First and last frame of each event; gaps of up to 1 s do not end one, shorter ones than 0.4 s are none."""
    with av.open(video) as container:
        stream = container.streams.video[0]
        per_s = float(stream.average_rate or 25)
        height = max(1, round(WIDTH * stream.height / stream.width))
        model = cv2.createBackgroundSubtractorMOG2(history=int(60 * per_s), varThreshold=25, detectShadows=True)
        moving = []
        for index, frame in enumerate(container.decode(stream)):
            grey = cv2.resize(frame.to_ndarray(format="gray"), (WIDTH, height), interpolation=cv2.INTER_AREA)
            mask = model.apply(cv2.GaussianBlur(grey, (5, 5), 0))
            foreground = cv2.morphologyEx((mask == 255).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
            if index >= LEARNING_S * per_s and foreground.mean() >= LEAST_SHARE:
                moving.append(index)
    return _merged(moving, gap=int(LONGEST_GAP_S * per_s), least=int(SHORTEST_S * per_s))


def _merged(moving: list[int], *, gap: int, least: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for index in moving:
        if found and index - found[-1][1] <= gap:
            found[-1] = (found[-1][0], index)
        else:
            found.append((index, index))
    return [(first, last) for first, last in found if last - first >= least]


if __name__ == "__main__":
    print(json.dumps(spans(sys.argv[1])))
