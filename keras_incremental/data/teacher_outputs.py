import functools
import threading

import keras
import numpy as np

from keras_incremental.data.adapters import ArraysAdapter
from keras_incremental.data.adapters import adapter_of
from keras_incremental.data.class_weights import ClassWeights
from keras_incremental.data.map_batches import map_batches
from keras_incremental.data.map_batches import refuse_processes
from keras_incremental.data.map_batches import require_labels
from keras_incremental.losses.joined_labels import JoinedLabels
from keras_incremental.losses.joined_labels import join
from keras_incremental.losses.joined_labels import joined_shape
from keras_incremental.utils import devices
from keras_incremental.utils import graph
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor


def with_teacher(
    data: Data | Structure,
    teacher: keras.Model,
    y: Tensor | None = None,
    sample_weight: Tensor | None = None,
    batch_size: int = 32,
    from_logits: bool | None = None,
    verbose: int | str = 0,
    class_weight: dict[int, float] | None = None,
) -> Data:
    """Adds the outputs of a teacher to labels, for `LossWithTeacher`.

    The teacher runs in inference mode, on exactly what the student will see:
    mix exemplars into the data first. Arrays pass through it once. Other data
    may shuffle and augment anew in each epoch, so the teacher sees each batch
    when it is drawn; where nothing is random, append `.cache()` to the
    resulting `tf.data.Dataset`, and the teacher runs once.

    Keras takes no labels beside outputs for a model with one output, so the
    logits lie behind the labels, in the last axis of one array. So `fit` and
    `train_on_batch` cannot tell the class, and their `class_weight` would
    weigh by the largest of these numbers: give it here. `y` is a tuple of
    this array, for which Keras refuses `class_weight`; batches of a
    `tf.data.Dataset`, of a `PyDataset` and of a list have sample weights for
    the same reason.

    Args:
        data: See `map_batches`; there must be labels. Or an array of inputs
            (or a structure of arrays), with `y`.
        teacher: `keras.Model`, as it was before the new classes came. It
            must not share weights with the model in training.
        y: Array of labels, if `data` is only the inputs: ints, or one-hot.
            Defaults to `None`.
        sample_weight: Array or `None`, passed on. Defaults to `None`.
        batch_size: Int, for arrays. A larger value is faster and takes more
            memory. Defaults to `32`.
        from_logits: Boolean. Whether the teacher gives logits, not
            probabilities. Defaults to what its last layer says.
        verbose: See `keras.Model.predict`. Defaults to `0`.
        class_weight: Dict of labels and floats of 0 or more, by which
            `sample_weight` is multiplied. Defaults to `None`, 1 for all.

    Returns:
        What `fit` takes, of the kind of `data`: `(x, y)` or `(x, y,
        sample_weight)`. `y` is a tuple of one array of shape `(batch_size,
        ..., labels + num_old)`, dtype float32, the logits of the teacher
        last, and `sample_weight` is one of their array.

    Raises:
        ValueError: if there are no labels, if labels or teacher outputs are
            not finite numbers, or if their shapes do not fit.

    Example:

    >>> import keras, numpy as np
    >>> from keras_incremental.data import with_teacher
    >>> teacher = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> x, y = with_teacher(np.ones((3, 4)), teacher, np.array([0, 1, 2]))
    >>> y[0].shape
    (3, 3)
    """
    teacher = _Teacher(teacher, from_logits)
    if y is not None:
        data = data, y, sample_weight
    refuse_processes(data, "has no copy of the teacher")
    predict = teacher.predict_on_batch
    if isinstance(adapter_of(data), ArraysAdapter):
        options = {"batch_size": batch_size, "verbose": verbose}
        predict = functools.partial(teacher.predict, **options)

    weights = ClassWeights(class_weight, data)

    def teach(x, y, sample_weight):
        require_labels(y, "with_teacher")
        logits = predict(x)
        sample_weight = weights.times(sample_weight, y, logits.ndim)
        return x, JoinedLabels(join(y, logits)), _one_part(sample_weight)

    def spec(x, y, sample_weight):
        require_labels(y, "with_teacher")
        logits = teacher.output_shape(x)
        shape = joined_shape(y.shape, logits)
        if weights.changes(sample_weight):
            shape_of_weights = weights.shape(y.shape, len(logits))
            sample_weight = type(y)(shape_of_weights, "float32")
        y = JoinedLabels(type(y)(shape, "float32"))
        return x, y, _one_part(sample_weight)

    return map_batches(data, teach, spec)


def _one_part(sample_weight):
    # Weights have the structure of labels.
    return None if sample_weight is None else JoinedLabels(sample_weight)


class _Teacher:
    def __init__(self, model, from_logits):
        if from_logits is None:
            from_logits = _gives_logits(model)
        self.model = model
        self.from_logits = from_logits
        # Data is also drawn by the threads of a PyDataset.
        self._lock = threading.Lock()

    def predict(self, x, **options):
        return self._logits(self.model.predict(x, **options))

    def predict_on_batch(self, x):
        with self._lock:
            return self._logits(devices.predict_on_batch(self.model, x))

    def output_shape(self, spec):
        if hasattr(self.model, "preprocess_samples"):
            # A task of KerasHub, whose texts have no spec.
            batch = keras.tree.flatten(spec)[0].shape[:1]
            return (*batch, *self.model.output_shape[1:])
        tensors = keras.tree.map_structure(
            lambda s: keras.KerasTensor(s.shape, s.dtype.name), spec
        )
        return self.model.compute_output_spec(tensors).shape

    def _logits(self, outputs):
        outputs = np.asarray(outputs, "float32")
        if not np.isfinite(outputs).all():
            raise ValueError(
                f"Teacher '{self.model.name}' gives outputs that are not "
                "finite. Check its weights and its inputs."
            )
        if self.from_logits:
            return outputs
        return np.log(np.maximum(outputs, keras.config.epsilon()))


def _gives_logits(model):
    try:
        split = graph.split_head(model)
    except ValueError as error:
        raise ValueError(
            f"What teacher '{getattr(model, 'name', model)}' gives is "
            f"unknown ({error}) Say `from_logits=True`, or `False` for "
            "probabilities."
        ) from error
    if split.activation == "sigmoid":
        raise ValueError(
            f"Teacher '{model.name}' ends in a sigmoid. Its classes do not "
            "compete, so their softmax means nothing. Give a teacher that "
            "ends in logits or in a softmax."
        )
    return split.gives_logits
