"""Arguments of `learn` that say what labels leave open."""

from keras_incremental.problems import PartialLabels

NAMES = ("unlabeled", "parents", "shares")


def with_partial_labels(arguments):
    """Arguments of `learn`, with these three as one of them."""
    given = {n: arguments[n] for n in NAMES if n in arguments}
    others = {n: v for n, v in arguments.items() if n not in NAMES}
    return {**others, "partial_labels": PartialLabels(**given)}
