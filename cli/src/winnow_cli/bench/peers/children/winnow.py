"""Winnow itself, the same way: the files of a folder as one camera's frames, in order, with one thread."""

from datetime import timedelta
from pathlib import Path

from winnow_cli.bench.peers.children.task import Task

INTERVAL_S = 1.0


def main() -> None:
    task = Task.from_arguments()
    with task.startup():
        import cv2

        from selector.adapters.frames import extract_image
        from selector.adapters.verdicts import States, judge
        from selector.app import warm_up
        from selector.domain.extraction import ExtractionLimits
        from winnow.clock import EPOCH
        from winnow.events import Frame, Source
        from winnow_cli.offline.policy import policy_book

        cv2.setNumThreads(1)
        warm_up()
        book, limits = policy_book(None), ExtractionLimits()
    states: States = {}
    with task.job("select"):
        for number, path in enumerate(task.paths):
            at = EPOCH + timedelta(seconds=number * INTERVAL_S)
            image = Path(path).read_bytes()
            frame = Frame(f"{number}", "folder", at, None, "image/jpeg", image)
            extracted = extract_image(frame, f"{number}", image, limits)
            judge(extracted, Source("folder", 0, number), at, states, book.in_force)
    task.done()


if __name__ == "__main__":
    main()
