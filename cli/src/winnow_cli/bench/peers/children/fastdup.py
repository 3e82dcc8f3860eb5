"""fastdup: its whole run over a folder, with one thread; two images differ by 1 - the cosine of its features."""

from winnow_cli.bench.peers.children.task import Task

FEATURES = 576


def main() -> None:
    task = Task.from_arguments()
    with task.startup():
        import fastdup  # type: ignore[import-not-found]
        import numpy as np
    work = task.folder / "fastdup"
    with task.job("run"):
        made = fastdup.create(work_dir=str(work), input_dir=str(task.images))
        made.run(num_threads=1, overwrite=True, print_summary=False, verbose=False)
    stats = {_name(row["filename"]): row for _, row in made.img_stats().iterrows()}
    rows = [stats[name] for name in task.names]
    task.scores("run", "blurred", [row["blur"] for row in rows])
    task.scores("run", "dark", [row["mean"] for row in rows])
    task.scores("run", "over_exposed", [255.0 - row["mean"] for row in rows])
    files, features = fastdup.load_binary_feature(str(work / "atrain_features.dat"), FEATURES)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    place = {_name(file): number for number, file in enumerate(files)}
    pairs = [(place[task.names[a]], place[task.names[b]]) for a, b in task.pairs]
    task.distances("run", [1.0 - float(unit[a] @ unit[b]) for a, b in pairs])
    task.done()


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


if __name__ == "__main__":
    main()
