"""cleanvision: all its default checks over a folder, with one job."""

from winnow_cli.bench.peers.children.task import Task

SETS = ("exact_duplicates", "near_duplicates")
ISSUES = {"blurred": "blurry_score", "dark": "dark_score", "over_exposed": "light_score"}


def main() -> None:
    task = Task.from_arguments()
    with task.startup():
        from cleanvision import Imagelab  # type: ignore[import-not-found]
    with task.job("find_issues"):
        lab = Imagelab(data_path=str(task.images), verbose=False)
        lab.find_issues(n_jobs=1, verbose=False)
    by_path = {str(path): row for path, row in lab.issues.iterrows()}
    rows = [by_path[path] for path in task.paths]
    for issue, column in ISSUES.items():
        task.scores("find_issues", issue, [row[column] for row in rows])
    places = {
        (kind, str(path)): number
        for kind in SETS
        for number, same in enumerate(lab.info[kind]["sets"])
        for path in same
    }

    def same_set(first: str, second: str) -> bool:
        return any((kind, first) in places and places[kind, first] == places.get((kind, second)) for kind in SETS)

    task.distances("find_issues", [0.0 if same_set(task.paths[a], task.paths[b]) else 1.0 for a, b in task.pairs])
    task.done()


if __name__ == "__main__":
    main()
