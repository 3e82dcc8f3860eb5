"""imagededup: the hash methods over a folder, with one worker."""

import sys
from types import ModuleType

from winnow_cli.bench.peers.children.task import Task

NEED_TORCH = {"imagededup.methods.cnn": "CNN", "imagededup.utils.models": "CustomModel"}


def main() -> None:
    task = Task.from_arguments()
    with task.startup():
        _leave_out_torch()
        from imagededup.methods import DHash, PHash  # type: ignore[import-not-found]
    for method, kind in (("dhash", DHash), ("phash", PHash)):
        encoder = kind(verbose=False)
        with task.job(method):
            hashes = encoder.encode_images(image_dir=str(task.images), num_enc_workers=1)
        pairs = [(hashes[task.names[a]], hashes[task.names[b]]) for a, b in task.pairs]
        task.distances(method, [encoder.hamming_distance(first, second) for first, second in pairs])
    task.done()


def _leave_out_torch() -> None:
    """The package imports its network with its hashes; empty modules take the place of what would import torch."""
    for name, member in NEED_TORCH.items():
        empty = ModuleType(name)
        setattr(empty, member, None)
        sys.modules[name] = empty


if __name__ == "__main__":
    main()
