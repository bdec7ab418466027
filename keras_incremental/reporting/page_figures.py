"""The figures on a page of reports."""

from keras_incremental.reporting import class_bars
from keras_incremental.reporting import confusion
from keras_incremental.reporting import curves
from keras_incremental.reporting import figures
from keras_incremental.reporting import galleries
from keras_incremental.reporting import phases
from keras_incremental.reporting import reading
from keras_incremental.reporting.markup import element
from keras_incremental.reporting.markup import joined
from keras_incremental.reporting.markup import picture
from keras_incremental.utils.formatting import change
from keras_incremental.utils.formatting import percent

MOST_BARS = 30


def figures_of(reports):
    """Returns sections of scores, confusion and learning curves."""
    seen = [report for report in reports if reading.is_measured(report)]
    parts = []
    if seen:
        parts.append(_section(_metric(seen[-1]), *_scores(seen)))
        if seen[-1] is reports[-1] and seen[-1].scorer.has_confusion:
            few = len(seen[-1].classes) <= confusion.NUMBERED
            parts.append(
                _section("Confusion", *_confusions(seen[-1]), three=few)
            )
    if any(report.history.get("loss") for report in reports):
        drawn = curves.plot_curves(reports, _figure())
        words = "Accuracy and loss by epoch, of all phases."
        parts.append(_section("Training", _shown(drawn, words)))
    return joined(*parts)


def galleries_of(report, pictures, memory):
    """Returns sections of flipped samples and of exemplars, if any."""
    parts = []
    if pictures is not None and len(report.flips):
        parts.append(_flips(report, pictures))
    if memory is not None:
        names = report.classes
        drawn = galleries.plot_exemplars(memory, names, figure=_figure())
        words = "The first exemplars of each class."
        parts.append(_section("Exemplars", _shown(drawn, words)))
    return joined(*parts)


def _scores(reports):
    last = reports[-1]
    old = change(reports[0].old_score_before, last.old_score)
    words = (
        f"{_metric(last)} by phase. Old classes: {old}; new classes of the "
        f"last phase: {percent(last.new_score)}."
    )
    yield _shown(phases.plot_phases(reports, _figure()), words)
    if len(reports) > 1:
        words = "How far each class is below the best it ever was, by phase."
        yield _shown(phases.plot_forgetting(reports, _figure()), words)
    worst = class_bars.by_drop(last)[:MOST_BARS]
    if not worst:
        return
    was, now = (last.class_score(worst[0], b) for b in (True, False))
    words = (
        f"{reading.heading(last.scorer.class_metric)} of {len(worst)} classes "
        "before and after the last phase, those that lost most first. The "
        f"first, {worst[0]}: {change(was, now)}."
    )
    drawn = class_bars.plot_classes(last, MOST_BARS, _figure())
    yield _shown(drawn, words)


def _confusions(report):
    told = {
        confusion.BEFORE: "Before: the predictions for each class, in percent "
        "of the true class.",
        confusion.AFTER: "After: the same with the new classes.",
        confusion.CHANGE: "Change in points of percent.",
    }
    for panel, words in told.items():
        drawn = confusion.plot_confusion(report, [panel], _figure())
        yield _shown(drawn, words)


def _flips(report, pictures):
    drawn = galleries.plot_flips(report, pictures, figure=_figure())
    shown = min(len(report.flips), 24)
    words = (
        f"{shown} of {len(report.flips)} validation samples that went from "
        "right to wrong: the true class, and the predicted one now."
    )
    return _section("From right to wrong", _shown(drawn, words))


def _section(title, *shown, three=False):
    kind = "figures three" if three else "figures"
    inside = element("div", *shown, class_=kind) if len(shown) > 1 else shown[0]
    return element("section", element("h2", title), inside)


def _shown(figure, words):
    return element(
        "figure", picture(figure, words), element("figcaption", words)
    )


def _metric(report):
    return reading.heading(report.scorer.metric)


def _figure():
    """Returns a figure that no window shows."""
    figures.pyplot()
    from matplotlib.figure import Figure

    return Figure()
