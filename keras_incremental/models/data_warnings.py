"""Warnings of data that was read or named in a mistaken way."""

import keras
import numpy as np

from keras_incremental.utils import large_arrays
from keras_incremental.utils import records
from keras_incremental.utils import state
from keras_incremental.utils.user_warnings import warn
from keras_incremental.utils.varying import is_varying

# A class that is this rarely right has the name of another, if the other's
# output is this often right for it.
RARELY, OFTEN = 0.2, 0.6
MIN_SAMPLES = 5
# Of largest values: pixels to 1, or of unit spread, and pixels to 255.
SMALL, LARGE = 4.0, 50.0
# Exemplars that are looked at.
MOST = 1000


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
    warn(
        f"The outputs of the classes {swapped} seem to have each other's "
        "names: samples of one are predicted as another. Received: classes="
        f"{list(classes)}. The order that fits the labels is {names}. Give "
        "`IncrementalClassifier` the names in the order of the model's "
        "outputs, or correct the labels."
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


def warn_of_pixel_range(classifier, samples, **others):
    """Warns if pictures are to 1 where others, or the model's, are to 255.

    Args:
        classifier: `IncrementalClassifier`.
        samples: `Samples` to learn.
        **others: Arrays of other samples by what they are, or `None`.
    """
    given = _range(samples.x)
    if given is None:
        return
    memory = classifier.memory
    if memory is not None and len(memory):
        rows = np.linspace(0, len(memory) - 1, MOST).astype(int)
        others["the memory"] = memory.arrays(np.unique(rows))[0]
    ranges = {name: _range(x) for name, x in others.items() if x is not None}
    ranges["the `Rescaling` of the model"] = _read_by(classifier.features)
    for name, known in ranges.items():
        if known is not None and _are_far(given, known):
            _warn(samples.argument, given, name, known)
            return


def _warn(argument, given, name, known):
    factor = "multiply it by" if given[1] < known[1] else "divide it by"
    warn(
        f"The pixels of `{argument}` seem to be on another scale than those "
        f"of {name}. Received: `{argument}` from {given[0]:.3g} to "
        f"{given[1]:.3g}, and {name} from {known[0]:.3g} to {known[1]:.3g}. "
        f"Bring all to one scale: {factor} 255, or read it as the old "
        "samples were read."
    )


def _are_far(first, second):
    sizes = sorted(max(map(abs, each)) for each in (first, second))
    return 0 < sizes[0] <= SMALL and sizes[1] >= LARGE


def _range(x):
    """Returns the least and the largest value of pictures, or `None`."""
    arrays = records.fields_of(x).values() if records.is_records(x) else [x]
    pictures = [
        a for a in arrays if a.ndim == 4 and a.size and a.dtype.kind in "uif"
    ]
    if len(pictures) != 1:
        return None
    (x,) = pictures
    rows = range(len(x)) if is_varying(x) else large_arrays.slices(x)
    parts = [(x[k].min(), x[k].max()) for k in rows]
    return float(np.min(parts)), float(np.max(parts))


def _read_by(features):
    """Returns the range that scaling in the model makes 0 to 1 of."""
    scales = [
        layer.scale
        for layer in state.flatten_layers(features)
        if isinstance(layer, keras.layers.Rescaling)
    ]
    if not scales or not all(np.isscalar(scale) for scale in scales):
        return None
    product = abs(float(np.prod(scales)))
    # 1 / 127.5, with an offset, makes -1 to 1 of the same.
    return (0.0, 255.0) if 1 / 256 <= product <= 1 / 127 else None
