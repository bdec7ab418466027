"""All runs of a protocol, those that are not finished yet."""

import contextlib
import traceback

from . import results
from .course import course_of
from .material import backbone_of
from .material import prepare
from .one_run import run_one


def run_all(protocol, recipes, folder, quiet=False) -> list[str]:
    """Runs each recipe with each seed, and writes a file for each run.

    Finished runs are not run again. One that fails leaves its error in a
    file `.error`, and the others go on.

    Args:
        protocol: `Protocol`.
        recipes: Names of recipes.
        folder: Where the files go, a folder for each protocol.
        quiet: Bool. Whether to show no progress. Defaults to `False`.

    Returns:
        Names of the runs that failed.

    Raises:
        ValueError: if the folder has runs of another protocol.
    """
    backbone_of(protocol)
    results.check_protocol(folder, results.read(folder), protocol)
    open_runs = [
        (recipe, seed)
        for seed in protocol.seeds
        for recipe in recipes
        if not results.path_of(folder, recipe, seed).exists()
    ]
    if not open_runs:
        return []
    failed = []
    with contextlib.closing(_progress(quiet, unit="phase")) as bar:
        bar.set_description("data")
        material = prepare(protocol)
        course = course_of(material.data, protocol, seed=0)
        bar.reset(len(course.phases) * len(open_runs))
        for recipe, seed in open_runs:
            bar.set_description(f"{recipe}, seed {seed}")
            if not _run(material, protocol, recipe, seed, folder, bar.update):
                failed.append(results.path_of(folder, recipe, seed).stem)
    return failed


def _run(material, protocol, recipe, seed, folder, after_phase):
    """Whether a run ended as it should."""
    error = results.path_of(folder, recipe, seed).with_suffix(".error")
    try:
        values = run_one(material, protocol, recipe, seed, after_phase)
    except Exception:
        error.parent.mkdir(parents=True, exist_ok=True)
        error.write_text(traceback.format_exc(), encoding="utf-8")
        return False
    results.write(folder, values)
    error.unlink(missing_ok=True)
    return True


def _progress(quiet, **options):
    if quiet:
        return _NoProgress()
    try:
        import tqdm
    except ImportError as error:
        raise ImportError(
            "Progress is shown by tqdm: `pip install tqdm`, or pass `--quiet`."
        ) from error
    return tqdm.tqdm(**options)


class _NoProgress:
    """Stands where a bar would be."""

    def set_description(self, text):
        pass

    def reset(self, total):
        pass

    def update(self):
        pass

    def close(self):
        pass
