"""Two models on the same samples."""

import functools
import os
import time
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.data import as_source
from keras_incremental.data import check_class_names
from keras_incremental.data import to_indices
from keras_incremental.metrics.paired_tests import quantile
from keras_incremental.models.inputs.parts import may_vary
from keras_incremental.models.inputs.reading import local_names
from keras_incremental.models.loading import read_class_names
from keras_incremental.models.transaction import Gate
from keras_incremental.problems.problem import SINGLE_LABEL
from keras_incremental.reporting.comparison import Comparison
from keras_incremental.reporting.comparison import decided
from keras_incremental.reporting.report import PhaseReport
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Tensor
from keras_incremental.utils.varying import by_shape


def compare(
    old: keras.Model | str | os.PathLike,
    new: keras.Model | str | os.PathLike,
    x: Data,
    y: Tensor | None = None,
    classes: Sequence[str] | None = None,
    *,
    max_drop: float | None = None,
    level: float = 0.95,
    batch_size: int = 32,
) -> Comparison:
    """Compares two models on the same samples, and decides between them.

    Call it before a deployment, to see which classes became better or worse,
    which samples went from right to wrong, and whether the old classes lost
    more than `max_drop`. The decision is `"undecided"` if the confidence
    interval of the drop contains `max_drop`, and the result has the number of
    samples that are needed. In contrast, `max_drop` of `learn` refuses an
    update by the measured drop alone.

    Args:
        old: `IncrementalClassifier`, its file, the model or the file of
            `to_keras`, or a Keras model with the attribute `class_names`.
        new: Same as `old`. Classes are matched by their names.
        x: Samples that neither has learned from, or a data set of `(samples,
            labels)`, same as for `evaluate_classes`.
        y: Labels as names, or as ints that index `classes`.
        classes: Names that integer labels index. Defaults to the folder names
            of the data set, else to the classes of `new`.
        max_drop: Float from 0 to 1. The most accuracy that the old classes
            may lose. Defaults to `None`, any.
        level: Float between 0 and 1. Confidence level of the interval. A
            larger value needs more samples. Defaults to `0.95`.
        batch_size: Int. Defaults to `32`.

    Returns:
        A `Comparison`.

    Raises:
        ValueError: if data or arguments do not fit, or a model has no names.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> from keras_incremental.models import IncrementalClassifier, compare
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> clf = IncrementalClassifier(model, ["cat", "dog"])
    >>> samples, labels = np.eye(4), ["cat", "cat", "dog", "dog"]
    >>> comparison = compare(clf, clf, samples, labels, max_drop=0.02)
    >>> comparison.decision, comparison.samples_needed
    ('undecided', 385)
    """
    _check_limits(max_drop, level)
    first, second = _opened(old), _opened(new)
    features = [getattr(model, "features", model) for model in (first, second)]
    varies = all(map(may_vary, features))
    source = as_source(x, y, batch_size=batch_size, varies=varies)
    x, labels = source.collect()
    if labels is None:
        raise ValueError(
            "`compare` needs labels. Received: samples only. Pass `y`, or a "
            "data set of `(samples, labels)`."
        )
    names = local_names(classes, source)
    return compare_predictions(
        _names_of(labels, names, class_names_of(second)),
        predicted_names(first, x, batch_size),
        predicted_names(second, x, batch_size),
        class_names_of(first),
        class_names_of(second),
        max_drop=max_drop,
        level=level,
    )


def compare_predictions(
    labels: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    old_classes: Sequence[str],
    new_classes: Sequence[str],
    max_drop: float | None = None,
    level: float = 0.95,
) -> Comparison:
    """Returns the `Comparison` of predictions that were made already.

    Args:
        labels: Strings of shape `(num_samples,)`, the names of the true
            classes.
        before: Strings of the same shape, predicted by the old model.
        after: The same by the new one.
        old_classes: Names of all classes of the old model.
        new_classes: Names of all classes of the new model.
        max_drop: See `compare`.
        level: See `compare`.

    Raises:
        ValueError: if a name is not a class, or no sample is of an old class.
    """
    started = time.perf_counter()
    _check_limits(max_drop, level)
    added = tuple(c for c in new_classes if c not in old_classes)
    classes = (*old_classes, *added)
    truth = to_indices(np.asarray(labels), classes, classes)
    if truth.min() >= len(old_classes):
        shown = sorted(set(np.asarray(labels).tolist()))
        raise ValueError(
            "There is no sample of an old class to compare the models on. "
            f"Received: labels of {shown}. Add samples of "
            f"{list(old_classes)}."
        )
    measured = SINGLE_LABEL.scorer.measure(
        truth,
        to_indices(np.asarray(before), classes, classes, "before"),
        to_indices(np.asarray(after), classes, classes, "after"),
        classes,
        len(old_classes),
    )
    report = PhaseReport(
        classes=classes,
        new_classes=added,
        phase_classes=tuple(classes[k] for k in np.unique(truth)),
        used={"method": "comparison of two models"},
        seconds=time.perf_counter() - started,
        accepted=True,
        reason="",
        **measured,
    )
    return decided(report, max_drop, level)


def class_names_of(model: keras.Model) -> tuple[str, ...]:
    """Returns the names of the outputs of a model.

    Raises:
        ValueError: if it has none.
    """
    names = getattr(model, "classes", None) or getattr(
        model, "class_names", None
    )
    if not names:
        raise ValueError(
            "A model to compare needs the names of its classes. Received: "
            f"{model!r}. Set its attribute `class_names`, or pass "
            "`IncrementalClassifier(model, names)`."
        )
    return check_class_names(names)


def predicted_names(
    model: keras.Model, x: np.ndarray, batch_size: int = 32
) -> np.ndarray:
    """Returns the names of the classes that a model predicts.

    Args:
        model: `IncrementalClassifier`, or Keras model with `class_names`.
        x: Samples.
        batch_size: Int. Defaults to `32`.
    """
    names = class_names_of(model)
    predict = getattr(model, "predict_scores", model.predict)
    predict = functools.partial(predict, batch_size=batch_size, verbose=0)
    outputs = keras.tree.flatten(by_shape(predict, x))
    # What `to_keras` gives has the other outputs of a model beside these.
    fitting = [o for o in outputs if o.ndim == 2 and o.shape[-1] == len(names)]
    if len(fitting) != 1:
        raise ValueError(
            "A model to compare has one output for each class. Received: "
            f"outputs of shape {[o.shape[1:] for o in outputs]} for the "
            f"classes {list(names)}. Pass `IncrementalClassifier(model, names"
            ")`, with `output=` where there are several."
        )
    return np.array(names)[fitting[0].argmax(-1)]


def _opened(model):
    """Returns a model, from its file if it is one."""
    if not isinstance(model, keras.Model):
        names = read_class_names(model)
        model = keras.saving.load_model(model)
        if not hasattr(model, "classes"):
            model.class_names = names
    if getattr(model, "multi_label", False):
        raise ValueError(
            "`compare` knows models of one class for each sample. Received: "
            f"{model!r} of several labels. Compare the `evaluate_classes` of "
            "both."
        )
    return model


def _names_of(labels, names, known):
    if labels.dtype.kind == "U":
        return labels
    names = np.array(names or known)
    return names[to_indices(labels, names, names)]


def _check_limits(max_drop, level):
    Gate(max_drop)
    quantile(level)
