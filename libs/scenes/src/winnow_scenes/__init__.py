"""Rendered fixed-camera scenes with known truth: `scene`, its `episodes`, and a `player` that streams frames.

It imports nothing: who reads or writes `records` alone has no use for 40 MB of OpenCV.
"""
