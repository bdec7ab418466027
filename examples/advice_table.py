"""The table and the picture of `advice_measured.py`."""

import numpy as np


def table(rows):
    lines = [
        "| advice | old pictures | old classes | new class | all | s | MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for (_, words, used), values in rows.items():
        values = np.array(values)
        cells = [
            f"{100 * mean:.1f} ± {100 * spread:.1f}"
            for mean, spread in zip(
                values.mean(0)[:3], values.std(0)[:3], strict=True
            )
        ]
        seconds, size = values.mean(0)[3:]
        cells += [f"{seconds:.1f}", f"{size / 1e6:.2f}"]
        lines.append(f"| {words} | {used} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw(rows, path):
    """Bars by way, with the old pictures that it uses in brackets."""
    import bars

    (before, *_), *means = [np.mean(values, 0) for values in rows.values()]
    labels = [tick(words, used) for _, words, used in rows][1:]
    old, new, *_ = np.transpose(means)
    bars.draw(labels, old, new, before, path)


def tick(words, used):
    words = words.replace("*", "").replace("`", "")
    return f"{words}  ({used})"
