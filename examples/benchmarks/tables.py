"""The report of a folder of runs, as Markdown or as CSV."""

import csv
import io
import math

from . import peers
from .summary import peer_rows
from .summary import rows_of

# Heading, and digits after the point.
COLUMNS = {
    "average": ("average incremental", 1),
    "last": ("last", 1),
    "to_replay": ("last, to own replay", 1),
    "forgetting": ("forgetting", 1),
    "task_aware": ("last, task-aware", 1),
    "seconds": ("seconds", 1),
    "exemplar_megabytes": ("exemplars, MB", 2),
    "peak_megabytes": ("peak, MB", 0),
}
EXPLAINED = (
    "Accuracies in per cent over the test samples of all classes so far, "
    "mean ± standard deviation over the runs. Forgetting is the mean over "
    "earlier phases of what was lost since their best. Task-aware: the phase "
    "of a sample's class is told. To own replay: differences run by run. "
    "Seconds are those of learning, on a machine that may have had other work."
)


def report(found, protocol=None, form="markdown", baseline="er") -> str:
    """The table of results, with figures of other libraries beside them.

    Args:
        found: `Result`s.
        protocol: Name of a protocol of the peers, or `None` for no peers.
        form: `"markdown"` or `"csv"`.
        baseline: Name of the recipe that differences are to.

    Raises:
        ValueError: if there is no result, or none of that protocol.
    """
    _check(found, protocol)
    rows = rows_of(found, baseline)
    if protocol is not None:
        rows += peer_rows(protocol)
    return FORMS[form](rows, found, protocol)


def _check(found, protocol):
    if not found:
        raise ValueError("There are no finished runs to report.")
    name = found[0].protocol.name
    if protocol is not None and protocol != name:
        raise ValueError(
            f"The runs are of protocol '{name}'. Received: protocol="
            f"{protocol!r}."
        )


def _markdown(rows, found, protocol):
    titles = [title for title, _ in COLUMNS.values()]
    lines = [
        _title(found),
        "",
        _line(["method", "runs", *titles]),
        _line(["---", *["---:"] * (len(titles) + 1)]),
        *(_line(_cells(row)) for row in rows),
        "",
        EXPLAINED,
        *_remarks(found, protocol),
    ]
    return "\n".join(lines) + "\n"


def _cells(row):
    name = f"*{row.name}*" if row.peer else row.name
    return [name, str(row.runs), *(_cell(row, key) for key in COLUMNS)]


def _cell(row, key):
    figure, digits = row.figures.get(key), COLUMNS[key][1]
    if figure is None or math.isnan(figure.mean):
        return "-"
    sign = "+" if key == "to_replay" else ""
    text = f"{figure.mean:{sign}.{digits}f}"
    if math.isnan(figure.deviation):
        return text
    return f"{text} ± {figure.deviation:.{digits}f}"


def _title(found):
    protocol, versions = found[0].protocol, found[0].values["versions"]
    phases = found[0].values["phases"]
    orders = {"natural": "natural", "seeds": "by the seed of the run"}
    order = orders.get(protocol.order, protocol.order)
    return (
        f"{protocol.data}, {protocol.backbone}, {len(phases)} phases, order "
        f"of classes {order}; keras_incremental "
        f"{versions['keras_incremental']} on {versions['backend']}"
    )


def _remarks(found, protocol):
    if found[0].protocol.remark:
        yield f"\n{found[0].protocol.remark}"
    if protocol is None:
        return
    yield (
        "\nIn italics: other libraries, one run for each order of the classes "
        "and with few epochs. Differences of less than about 2 points are not "
        "resolved."
    )
    if protocol in peers.SEED_NOISE:
        yield f"Their seeds alone move `last` by {peers.SEED_NOISE[protocol]}."


def _line(cells):
    return f"| {' | '.join(cells)} |"


def _csv(rows, found, protocol):
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    pairs = [[key, f"{key}_deviation"] for key in COLUMNS]
    writer.writerow(["method", "peer", "runs", *sum(pairs, [])])
    for row in rows:
        figures = [row.figures.get(key) for key in COLUMNS]
        pairs = [_numbers(figure) for figure in figures]
        writer.writerow([row.name, row.peer, row.runs, *sum(pairs, [])])
    return file.getvalue()


def _numbers(figure):
    if figure is None:
        return ["", ""]
    values = (figure.mean, figure.deviation)
    return ["" if math.isnan(value) else f"{value:.4f}" for value in values]


FORMS = {"markdown": _markdown, "csv": _csv}
