"""Checks of what files say, before a classifier is made of it."""

import numpy as np

from keras_incremental.errors import DamagedFileError
from keras_incremental.utils.archives import check_whole

# Of what `get_config` and `save_own_variables` of a classifier write.
FORMAT = 1


def check_format(value):
    """Raises if a file is of a format that this version does not read."""
    if isinstance(value, bool) or value != FORMAT:
        raise DamagedFileError(
            None,
            "config of IncrementalClassifier",
            f"format={value!r}, where this version reads {FORMAT}",
            "Load it with the version of keras_incremental that wrote it.",
        )


def check_label_space(label_space, classes):
    """Raises if a `LabelSpace` is not one of these classes."""
    problem = _problem_of(label_space, len(classes))
    if list(label_space.classes) != list(classes):
        problem = f"classes {label_space.classes}, not {tuple(classes)}"
    if problem:
        raise DamagedFileError(None, "`label_space` of the config", problem)


def read_count(name, value):
    """Returns an int that was stored as an array.

    Raises:
        DamagedFileError: if it is none, or negative.
    """
    value = np.asarray(value)
    try:
        return check_whole(name, value[()], most=2**31)
    except ValueError as error:
        raise DamagedFileError(None, f"variable `{name}`", error) from error


def check_statistics(statistics, num_classes, width, name="statistics"):
    """Raises if statistics are not of such classes and features.

    Args:
        statistics: `FeatureStatistics` as they were read.
        num_classes: Int, the most classes that they can be of.
        width: Int, number of features.
        name: String, for the message.
    """
    counts, means = statistics.counts, statistics.means
    if not len(counts):
        return
    size = len(counts)
    wrong = (
        counts.ndim != 1
        or size > num_classes
        or counts.min() < 0
        or np.shape(means) != (size, width)
        or not statistics.fits(width)
        or not np.isfinite(means).all()
    )
    if wrong:
        raise DamagedFileError(
            None,
            f"variables `{name}`",
            f"{counts.shape} counts, {np.shape(means)} means and a "
            f"{np.shape(statistics.scatter)} scatter, of {num_classes} "
            f"classes and {width} features, finite and not negative",
        )


def _problem_of(label_space, count):
    pairs = label_space.merged
    groups = [label_space.removed, *pairs]
    groups += [members for sets in label_space.steps for members in sets]
    if any(type(i) is not int for members in groups for i in members):
        return "indices that are no ints"
    indices = set(range(count))
    strange = {i for members in groups for i in members} - indices
    if strange:
        return f"classes {sorted(strange)} of {count}"
    if any(len(pair) != 2 for pair in pairs):
        return f"merged={pairs}"
    before = [*(len(sets) for sets in label_space.steps), count]
    for sets, after in zip(label_space.steps, before[1:], strict=True):
        members = sorted(i for members in sets for i in members)
        grown = len(sets) <= after and members == sorted(set(members))
        if not grown or set(members) - set(range(after)):
            return f"a step of {sets}"
        if any(own[:1] != (label,) for label, own in enumerate(sets)):
            return f"a step of {sets}"
    return ""
