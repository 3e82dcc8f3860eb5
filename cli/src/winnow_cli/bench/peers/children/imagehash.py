"""ImageHash: a hash for each file; two images differ by the number of bits."""

from winnow_cli.bench.peers.children.task import Task


def main() -> None:
    task = Task.from_arguments()
    with task.startup():
        import imagehash  # type: ignore[import-not-found]
        import scipy.fftpack  # type: ignore[import-untyped]  # noqa: F401 -- else the first phash would import it
        from PIL import Image
    for method in ("dhash", "phash"):
        make = getattr(imagehash, method)
        hashes = []
        with task.job(method):
            for path in task.paths:
                with Image.open(path) as picture:
                    hashes.append(make(picture))
        task.distances(method, [hashes[a] - hashes[b] for a, b in task.pairs])
    task.done()


if __name__ == "__main__":
    main()
