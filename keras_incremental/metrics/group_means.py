import numpy as np


def _task_mean(correct, total, groups):
    return mean_of(ratio(sums(correct, groups), sums(total, groups)))


def _class_mean(correct, total, groups):
    return float(np.nanmean(ratio(correct, total)))


def _sample_mean(correct, total, groups):
    return float(correct.sum() / total.sum())


MEANS = {"task": _task_mean, "class": _class_mean, "sample": _sample_mean}


def sums(counts, groups):
    """Counts of groups."""
    return np.bincount(groups, weights=counts).astype(int)


def ratio(part, whole):
    """Shares, NaN where there is nothing to share."""
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(
        part, whole, out=np.full_like(whole, np.nan), where=whole > 0
    )


def mean_of_known(values, chosen=None):
    """Mean of those of the chosen values that are not NaN, NaN of none."""
    found = values if chosen is None else values[np.asarray(chosen, int)]
    return mean_of(found[~np.isnan(found)])


def mean_of(values):
    """A mean, NaN of nothing."""
    return float(np.mean(values)) if len(values) else float("nan")
