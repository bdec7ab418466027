"""What became of models and data that were tried, as tables in Markdown."""

import dataclasses

# CPU seconds of a forward pass; a shorter one is noise.
LEAST = 0.005


@dataclasses.dataclass
class Row:
    """What became of a model, or of a form of data.

    Attributes:
        name: What it is.
        steps: Dict from steps to `True`, or to the message of the error.
        seconds: CPU seconds of a first and a second update, and of a forward
            pass. A busy machine changes them less than the time that passes.
    """

    name: str
    steps: dict = dataclasses.field(default_factory=dict)
    seconds: dict = dataclasses.field(default_factory=dict)


def page(group, rows, steps):
    """The rows of a group: how many pass, all of them, and what was said."""
    passed = sum(all(row.steps.get(s) is True for s in steps) for row in rows)
    told = f"{passed} of {len(rows)} pass all steps."
    parts = [f"## {group}", told, table(rows, steps), messages(rows)]
    return "\n\n".join(part for part in parts if part)


def table(rows, steps):
    """The rows as a table.

    The last column has CPU seconds of `learn`, the second time, and of a
    forward pass of the same samples, where that takes long enough to measure.
    """
    timed = any(_ratio(row) for row in rows)
    head = ["what", *steps] + ["update / forward"] * timed
    cells = [[*_cells(row, steps), *[_ratio(row)] * timed] for row in rows]
    lines = [head, ["---"] * len(head), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row, steps):
    return [row.name, *(_mark(row.steps.get(step)) for step in steps)]


def _mark(outcome):
    """A message is that of a refusal, or of a fault."""
    if outcome in (True, None):
        return "yes" if outcome else ""
    return "refused" if outcome.startswith(("Value", "Type")) else "no"


def _ratio(row):
    if (
        row.seconds.get("forward", 0) < LEAST
        or "next update" not in row.seconds
    ):
        return ""
    update, forward = (row.seconds[k] for k in ("next update", "forward"))
    return f"{update:.2g} / {forward:.2g}"


def messages(rows):
    """What was said of those that did not pass, as a list."""
    steps_of = {}
    for row in rows:
        for step, message in row.steps.items():
            if message is not True:
                steps_of.setdefault((row.name, message), []).append(step)
    return "\n".join(
        f"* {name}, {', '.join(steps)}: {message}"
        for (name, message), steps in steps_of.items()
    )
