from keras_incremental.utils.types import Structure

# Where a dict of samples has their labels.
LABELS = frozenset({"label", "labels"})


def is_labeled(batch: Structure) -> bool:
    """Returns whether a batch is a dict that has labels."""
    return isinstance(batch, dict) and not LABELS.isdisjoint(batch)
