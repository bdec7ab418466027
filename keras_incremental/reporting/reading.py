"""What pictures and pages read from reports."""

import numpy as np


def listed(reports):
    """Reports as a list, of one report or of several.

    Raises:
        ValueError: if there are none.
    """
    found = [reports] if hasattr(reports, "to_dict") else list(reports)
    if not found:
        raise ValueError(
            "There is nothing to show. Received: no report. Give what "
            "`learn` returned, or a list of that."
        )
    return found


def measured(reports):
    """Those of the reports that have accuracies.

    Raises:
        ValueError: if none has.
    """
    found = [r for r in listed(reports) if r.confusion_after is not None]
    if not found:
        raise ValueError(
            "No accuracy was measured. Received: reports without validation. "
            "Pass `validation_data` of old and new classes to `learn`."
        )
    return found


def class_accuracies(reports):
    """Accuracy of each class, from before the first phase on.

    Args:
        reports: Reports with accuracies, in order.

    Returns:
        Names of the classes, and floats of shape `(1 + phases, classes)`,
        NaN where a class was not known or not measured. A refused phase has
        left things as they were.
    """
    kept = [report for report in reports if report.accepted]
    names = kept[-1].classes if kept else reports[0].old_classes
    first = reports[0]
    rows = [
        [
            first.class_accuracy(c, True) if c in first.classes else None
            for c in names
        ]
    ]
    for report in reports:
        rows.append(_row(report, names) if report.accepted else rows[-1])
    return names, np.array(rows, float)


def _row(report, names):
    return [
        report.class_accuracy(name) if name in report.classes else None
        for name in names
    ]


def forgetting(accuracies):
    """How far each class is below the best it was before.

    Args:
        accuracies: Floats of shape `(1 + phases, classes)`.

    Returns:
        Floats of shape `(phases, classes)`; less than 0 is a gain, NaN
        where a class was not known before.
    """
    filled = np.where(np.isnan(accuracies), -np.inf, accuracies)
    best = np.maximum.accumulate(filled)[:-1]
    known = np.isfinite(best)
    return np.where(known, best, np.nan) - accuracies[1:]


def means(rows):
    """Mean of each row over what is no NaN; NaN where nothing is."""
    known = ~np.isnan(rows)
    counts = known.sum(1)
    sums = np.where(known, rows, 0).sum(1)
    return np.divide(
        sums, counts, out=np.full(len(rows), np.nan), where=counts > 0
    )


def measure_of(report):
    """What the accuracies of a report are, in words."""
    of_pixels = report.unit == "pixels"
    return "intersection over union" if of_pixels else "accuracy"


def in_points(share):
    """A share from 0 to 1 in percent, NaN of `None`."""
    return np.nan if share is None else 100 * share
