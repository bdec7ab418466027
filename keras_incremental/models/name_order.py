"""Whether class names were given in the order of the outputs."""

import warnings

import numpy as np

# A class that is this rarely right has the name of another, if the other's
# output is this often right for it.
RARELY, OFTEN = 0.2, 0.6
MIN_SAMPLES = 5


def warn_of_wrong_order(classes, confusion):
    """Warns if other names of the outputs would fit the labels.

    Args:
        classes: Names of the classes that the model knew, in the order of
            its outputs.
        confusion: Ints of shape `(classes, classes)`: a row for each true
            class, a column for each predicted one. Or `None`.
    """
    if confusion is None or np.ndim(confusion) != 2:
        return
    size = len(classes)
    order = fitting_order(np.asarray(confusion)[:size, :size])
    if order is None:
        return
    names = [classes[index] for index in order]
    swapped = [
        name
        for name, other in zip(classes, names, strict=True)
        if name != other
    ]
    warnings.warn(
        f"The outputs of the classes {swapped} seem to have each other's "
        "names: samples of one are predicted as another. Received: classes="
        f"{list(classes)}. The order that fits the labels is {names}. Give "
        "`IncrementalClassifier` the names in the order of the model's "
        "outputs, or correct the labels.",
        stacklevel=4,
    )


def fitting_order(confusion):
    """Returns for each output the class whose samples it is predicted of.

    Args:
        confusion: Ints of shape `(classes, classes)`.

    Returns:
        List of indices, or `None` if the present order fits, or no other.
    """
    totals = confusion.sum(1)
    shares = confusion / np.maximum(totals, 1)[:, None]
    shown = totals >= MIN_SAMPLES
    wrong = np.flatnonzero(shown & (np.diag(shares) < RARELY))
    order = np.arange(len(confusion))
    best = shares[wrong].argmax(1)
    fits = (shares[wrong, best] >= OFTEN).all()
    if not len(wrong) or not fits or set(best) != set(wrong):
        return None
    order[best] = wrong
    return order.tolist()
