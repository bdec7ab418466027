"""What figures and pages read from reports."""

import numpy as np


def listed(reports):
    """Returns reports as a list, of one report or of several.

    Raises:
        ValueError: if there are none.
    """
    found = [reports] if hasattr(reports, "to_dict") else list(reports)
    if not found:
        raise ValueError(
            "There is nothing to show. Received: no report. Pass the report "
            "that `learn` returned, or a list of reports."
        )
    return found


def measured(reports):
    """Returns the reports that have scores.

    Raises:
        ValueError: if none has.
    """
    found = [r for r in listed(reports) if is_measured(r)]
    if not found:
        raise ValueError(
            "Nothing was measured. Received: reports without validation. "
            "Pass `validation_data` of old and new classes to `learn`."
        )
    return found


def is_measured(report):
    """Returns whether a report has scores."""
    return report.scorer.is_measured(report)


def class_scores(reports):
    """Returns the scores of each class, from before the first phase on.

    Args:
        reports: Reports with scores, in order.

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
            first.class_score(c, True) if c in first.classes else None
            for c in names
        ]
    ]
    for report in reports:
        rows.append(_row(report, names) if report.accepted else rows[-1])
    return names, np.array(rows, float)


def _row(report, names):
    return [
        report.class_score(name) if name in report.classes else None
        for name in names
    ]


def forgetting(scores):
    """Returns how far each class is below the best it was before.

    Args:
        scores: Floats of shape `(1 + phases, classes)`.

    Returns:
        Floats of shape `(phases, classes)`; negative for a gain, NaN for a
        class that was unknown before.
    """
    filled = np.where(np.isnan(scores), -np.inf, scores)
    best = np.maximum.accumulate(filled)[:-1]
    known = np.isfinite(best)
    return np.where(known, best, np.nan) - scores[1:]


def means(rows):
    """Returns the mean of each row without NaN; NaN if all are."""
    known = ~np.isnan(rows)
    counts = known.sum(1)
    sums = np.where(known, rows, 0).sum(1)
    return np.divide(
        sums, counts, out=np.full(len(rows), np.nan), where=counts > 0
    )


def heading(metric):
    """Returns the name of a metric, with a capital letter."""
    return metric[0].upper() + metric[1:]


def in_points(share):
    """Returns a share from 0 to 1 in percent, NaN of `None`."""
    return np.nan if share is None else 100 * share
