import numpy as np


def _task_mean(correct, total, groups):
    return mean_of(ratio(sums(correct, groups), sums(total, groups)))


def _class_mean(correct, total, groups):
    return float(np.nanmean(ratio(correct, total)))


def _sample_mean(correct, total, groups):
    return float(correct.sum() / total.sum())


MEANS = {"task": _task_mean, "class": _class_mean, "sample": _sample_mean}


def sums(counts, groups):
    """Sums counts of classes over groups."""
    return np.bincount(groups, weights=counts).astype(int)


def ratio(part, whole):
    """Divides two arrays; NaN where `whole` is 0."""
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(
        part, whole, out=np.full_like(whole, np.nan), where=whole > 0
    )


def mean_of_known(values, chosen=None):
    """Returns the mean of chosen values, ignoring NaN."""
    found = values if chosen is None else values[np.asarray(chosen, int)]
    return mean_of(found[~np.isnan(found)])


def mean_of(values):
    """Returns the mean; NaN without values."""
    return float(np.mean(values)) if len(values) else float("nan")
