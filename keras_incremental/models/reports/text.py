"""The table that a `PhaseReport` prints."""

from keras_incremental.utils.formatting import megabytes


def text_of(report):
    """Returns the table that `str` of a report gives."""
    return "\n".join(
        [_headline(report), *_class_lines(report), *_footnotes(report)]
    )


def _headline(report):
    change = _change(report.old_score_before, report.old_score)
    new = [
        f"{name} {_percent(report.class_score(name))}"
        for name in report.new_classes
    ]
    verdict = "accepted" if report.accepted else "REFUSED"
    return "  ".join([f"old {change}", *new, verdict])


def _class_lines(report):
    width = max(len(name) for name in report.classes)
    for name in report.classes:
        change = _change(
            report.class_score(name, before=True),
            report.class_score(name),
        )
        mark = "new" if name in report.new_classes else "old"
        count = f"{report.support(name)} validation {report.scorer.unit}"
        yield f"  {mark}  {name:<{width}}  {change}  ({count})"


def _footnotes(report):
    yield f"  {report.reason}"
    if report.drop is not None and report.drop.count:
        drop = report.drop
        yield (
            f"  {drop.lost} of {drop.count} old {report.scorer.unit} went from "
            f"right to wrong, {drop.gained} from wrong to right"
        )
    yield "  " + ", ".join(f"{k}: {v}" for k, v in report.used.items())
    sizes = [f"{k} {megabytes(size)}" for k, size in report.nbytes.items()]
    yield "  " + ", ".join([f"{report.seconds:.1f} seconds", *sizes])


def _percent(value):
    return "not measured" if value is None else f"{100 * value:.1f}"


def _change(before, after):
    if before is None or after is None:
        return _percent(after)
    difference = 100 * (after - before)
    return f"{_percent(before)} -> {_percent(after)} ({difference:+.1f})"
