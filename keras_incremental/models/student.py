"""The part of a classifier that trains, and the classifier it is part of."""

import contextlib
import dataclasses
from collections.abc import Callable

import keras
from keras import ops

from keras_incremental.distillation.term import Term
from keras_incremental.layers.growth import HeadCompilation
from keras_incremental.losses.function_loss import as_loss
from keras_incremental.losses.label_loss import reads_replayed
from keras_incremental.models.centering import CenteredFeatures
from keras_incremental.models.centering import uncentered
from keras_incremental.utils import devices
from keras_incremental.utils import graph
from keras_incremental.utils import state
from keras_incremental.utils.compilation import running_arguments
from keras_incremental.utils.copies import copy_model


class Checkpoint:
    """A classifier in the middle of a phase, made whole to be read or saved.

    While a head trains, it lies in other coordinates, old columns may be
    frozen, and the names of new classes are not yet known to the classifier.

    Args:
        run: `PhaseRun`, before the head grows.
    """

    def __init__(self, run):
        self._run = run
        self._coordinates = run.plan.coordinates
        classifier = run.classifier
        self._frozen_groups = classifier.head.frozen_groups
        self._compilation = HeadCompilation(classifier, classifier.head)
        self._compiled_for = classifier.head.units

    def save(self, *args, **kwargs):
        """Calls `save` of the classifier, as it is after the last step."""
        with self.whole() as classifier:
            classifier.save(*args, **kwargs)

    @contextlib.contextmanager
    def whole(self):
        """Yields the classifier, as it is after the last step."""
        classifier = self._run.classifier
        head, label_space = classifier.head, classifier.label_space
        frozen_groups = head.frozen_groups
        if self._compiled_for != head.units:
            self._compilation.apply()
            self._compiled_for = head.units
        with uncentered(head, self._coordinates):
            head.frozen_groups = self._frozen_groups
            classifier.label_space = self._run.samples.label_space(classifier)
            try:
                yield classifier
            finally:
                classifier.label_space = label_space
                head.frozen_groups = frozen_groups


@dataclasses.dataclass
class StudentPlan:
    """What a student reads and learns by, besides its own weights.

    Keras looks for layers in the attributes of a model and in its lists, not
    in those of a plain object. So it neither trains nor saves what is here.

    Attributes:
        readout: Layer that predicts in the place of the head, or `None`.
        teacher: `Student` of the phase before, or `None`.
        teachers: Tuple of functions of a batch, further teacher outputs.
        terms: Tuple of pairs `(factor, term)`.
        needs: Set of strings, the outputs that the terms read.
        maps: Model that gives the outputs of watched layers too, or `None`.
        seen: Outputs of the step that runs, or `None`.
        label_loss: Loss of the labels, or `None` before `compile`.
        label_weight: Float, what that loss is multiplied by.
        checkpoint: `Checkpoint` that saves the classifier, or `None`.
    """

    readout: keras.layers.Layer | None
    teacher: "Student | None"
    teachers: tuple[Callable, ...]
    terms: tuple[tuple[float, Callable], ...]
    needs: frozenset[str]
    maps: keras.Model | None = None
    seen: dict | None = None
    label_loss: keras.losses.Loss | None = None
    label_weight: float = 1.0
    checkpoint: Checkpoint | None = None


class Student(keras.Model):
    """The part of a network that trains in a phase, and its teacher.

    It reads what the frozen part of the backbone gives, and returns logits.
    The teacher is the same stack as it was before the phase. It reads what
    the student reads, so the two share the frozen part, and distillation
    costs one more head.

    Labels come as a dict: `"labels"`; where there are any, `"replayed"`, one
    bool for each sample, and `"stored"`, logits that were kept with an
    exemplar, NaN where there are none.

    Args:
        upper: Model between the frozen part and the head, or `None`.
        head: `ExpandableHead`.
        teacher: `Student` of the phase before, or `None`.
        terms: Pairs `(factor, term)`: a `Term`, or a loss of teacher and
            student logits. Defaults to `()`.
        coordinates: `Coordinates` that the head is in, or `None` for those
            of the network.
        readout: Layer that predicts in the place of the head, or `None`.
        teachers: Functions of a batch that return dicts of further teacher
            outputs. Defaults to `()`.
        checkpoint: `Checkpoint` of the phase. Defaults to `None`.
    """

    def __init__(
        self,
        upper,
        head,
        teacher=None,
        terms=(),
        coordinates=None,
        readout=None,
        teachers=(),
        checkpoint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.upper = upper
        self.head = head
        self.coordinates = coordinates
        self._plan = StudentPlan(
            readout, teacher, tuple(teachers), tuple(terms), _reads_of(terms)
        )
        self._plan.checkpoint = checkpoint
        state.build_without_data(self)
        layers = [n for _, t in terms for n in _map_layers(t, upper)]
        if layers:
            self.watch(layers)
        if teacher is not None and layers:
            teacher.watch(layers)

    @property
    def head_split(self):
        """`HeadSplit` of what the head reads, the head, and logits."""
        if self.coordinates is not None:
            features = CenteredFeatures(self.upper, self.coordinates)
        else:
            whole = self.upper is None
            features = keras.layers.Identity() if whole else self.upper
        return graph.HeadSplit(features, self.head, None)

    def compile(
        self,
        optimizer,
        loss=None,
        label_weight=1.0,
        metrics=None,
        like=None,
    ):
        """Compiles with a loss of labels, and a weight of that loss.

        Steps run eagerly or by XLA as those of the model `like` do. Callbacks
        see each of them, so there is one in an execution.
        """
        running = running_arguments(like)
        running.pop("steps_per_execution", None)
        super().compile(optimizer, metrics=metrics, **running)
        self._plan.label_loss = None if loss is None else as_loss(loss)
        self._plan.label_weight = float(label_weight)

    def save(self, *args, **kwargs):
        """Saves the classifier of all classes, for `ModelCheckpoint`."""
        if self._plan.checkpoint is None:
            super().save(*args, **kwargs)
        else:
            self._plan.checkpoint.save(*args, **kwargs)

    def classifier(self):
        """Returns a context of the classifier of all classes, for callbacks.

        `with self.model.classifier() as clf` is the classifier as it is after
        the last step, to predict and evaluate with, not to change.
        """
        return self._plan.checkpoint.whole()

    def watch(self, layers):
        """Adds the outputs of layers of `upper` to the outputs, as maps."""
        self._plan.maps = graph.with_outputs(self.upper, layers)

    def call(self, inputs, training=None):
        inputs = devices.constrained(inputs)
        outputs, plan = self.outputs_of(inputs, training), self._plan
        # What the terms of this step read again.
        plan.seen = outputs if training and plan.needs else None
        return outputs["logits"]

    def outputs_of(self, inputs, training=None):
        """Returns a dict of logits, features and watched maps."""
        maps, plan = [], self._plan
        if plan.maps is not None:
            inputs, *maps = plan.maps(inputs, training=training)
        elif self.upper is not None:
            inputs = self.upper(inputs, training=training)
        read = inputs
        if self.coordinates is not None:
            read = self.coordinates.of(inputs)
        logits = scores_of(self.head, plan.readout, read)
        return {"logits": logits, "features": inputs, "maps": maps}

    def make_variables(self, inputs, y, weights=None):
        """Makes what `fit` needs besides weights.

        TensorFlow traces a step twice that makes variables, which takes
        longer than training a head.

        Args:
            inputs: One batch.
            y: Its labels.
            weights: Its sample weights, or `None`.
        """
        outputs = self(inputs, training=False)
        self.compute_metrics(inputs, y, outputs, weights)
        self.reset_metrics()
        self.optimizer.build(self.trainable_variables)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y["labels"], y_pred, sample_weight)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        # Before the teacher runs, which may share layers.
        penalties = list(self.losses)
        plan, seen, outputs = self._plan, None, ()
        if plan.terms and training:
            seen, plan.seen = plan.seen, None
            outputs = self._teacher_outputs(x)
        y, y_pred, sample_weight, seen, outputs = devices.gathered(
            (y, y_pred, sample_weight, seen, outputs)
        )

        def whole():
            loss = self._label_loss(y, y_pred, sample_weight)
            for penalty in penalties:
                loss = loss + ops.sum(penalty)
            if seen is None:
                return loss
            taught = self._taught(outputs)
            given = self._completed(seen, y.get("stored"))
            for factor, term in plan.terms:
                loss = loss + factor * _value(term, taught, given, y["labels"])
            return loss

        return devices.share_of(whole)

    def _label_loss(self, y, y_pred, sample_weight):
        plan = self._plan
        # Validation samples are neither new nor replayed.
        takes_all = "replayed" in y and reads_replayed(plan.label_loss)
        y_true = y if takes_all else y["labels"]
        return plan.label_weight * plan.label_loss(
            y_true, y_pred, sample_weight
        )

    def _teacher_outputs(self, inputs):
        """Returns outputs of the teacher, or `None`, and of the others."""
        teacher, first = self._plan.teacher, None
        if teacher is not None:
            first = teacher.outputs_of(inputs, training=False)
        return first, *(of(inputs) for of in self._plan.teachers)

    def _taught(self, outputs):
        """Returns outputs of all teachers, with what only some terms read."""
        first, *others = outputs
        plan, given = self._plan, {}
        if first is not None:
            given = plan.teacher._completed(first, needs=plan.needs)
        for other in others:
            given.update(other)
        return given

    def _completed(self, outputs, stored=None, needs=None):
        """Returns outputs with what only some terms read."""
        needs = self._plan.needs if needs is None else needs
        outputs = dict(outputs)
        if "scores" in needs:
            outputs["scores"] = self.head.scores(outputs["features"])
        if "kernel" in needs:
            outputs["kernel"] = self.head.column_tensor("kernel")
        if stored is not None:
            outputs["stored"] = stored
        return outputs


def scores_of(head, readout, features):
    """Logits of a head, or what a readout makes of features or of them."""
    # TensorFlow takes fewer names outside of all scopes.
    with keras.name_scope("scores"):
        if readout is None:
            return head(features)
        return readout(head(features) if readout.reads_logits else features)


class Joined(Student):
    """Two teachers: the older one for the classes that it knows.

    Args:
        older: `Student`.
        newer: `Student` with more classes.
    """

    def __init__(self, older, newer):
        super().__init__(
            newer.upper, newer.head, older, coordinates=newer.coordinates
        )

    def outputs_of(self, inputs, training=None):
        outputs = super().outputs_of(inputs, training)
        older = self._plan.teacher.outputs_of(inputs, training)["logits"]
        new = outputs["logits"][:, older.shape[-1] :]
        return {**outputs, "logits": ops.concatenate([older, new], -1)}


def teacher_of(student):
    """The same stack with its own copy of all that may train."""
    upper = student.upper
    if upper is not None and upper.trainable_variables:
        upper = copy_model(upper)
    head = type(student.head).from_config(student.head.get_config())
    head.build((None, student.head.input_dim))
    head.restore(student.head.snapshot())
    return Student(upper, head, coordinates=student.coordinates)


def _value(term, taught, given, labels):
    if not isinstance(term, Term):
        return term(taught["logits"], given["logits"])
    term.validate_outputs(taught, given)
    return term.compute_loss(taught, given, labels)


def _reads_of(terms):
    """Returns the names of the outputs that terms read."""
    reads = [getattr(term, "reads", ("logits",)) for _, term in terms]
    return frozenset(name for names in reads for name in names)


def _map_layers(term, upper):
    names = getattr(term, "layers", ())
    if not names:
        return []
    if upper is None:
        raise ValueError(
            f"{type(term).__name__} reads feature maps. Received: a network "
            "that is frozen below its head, of which only features are "
            "cached. Unfreeze some layers, or pass `cache_features=False`."
        )
    return graph.stage_ends(upper) if names == "auto" else list(names)
