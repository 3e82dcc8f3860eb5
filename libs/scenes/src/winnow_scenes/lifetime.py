"""A child that makes frames for its parent ends with it, whatever it is doing then."""

from __future__ import annotations

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Has the kernel kill this process when the thread that started it ends (prctl(2)); Linux only.

    Elsewhere, and where the parent was gone before this call, the next frame finds nobody who reads and ends it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
