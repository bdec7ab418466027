import keras
from keras import ops

from keras_incremental.distillation.term import Term
from keras_incremental.losses.function_loss import as_loss
from keras_incremental.losses.label_loss import reads_replayed
from keras_incremental.models.centering import CenteredFeatures
from keras_incremental.utils import graph
from keras_incremental.utils import state


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
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.upper = upper
        self.head = head
        self._readout = state.Untracked(readout)
        self.coordinates = coordinates
        self._teacher = state.Untracked(teacher)
        self._teachers = state.Untracked(tuple(teachers))
        self._terms = state.Untracked(tuple(terms))
        self._needs = frozenset(
            name
            for _, term in terms
            for name in getattr(term, "reads", ("logits",))
        )
        layers = [n for _, t in terms for n in _map_layers(t, upper)]
        self._maps = state.Untracked(
            graph.with_outputs(upper, layers) if layers else None
        )
        self._seen = state.Untracked(None)
        self._label_loss = state.Untracked(None)
        if teacher is not None and layers:
            teacher.watch(layers)

    @property
    def features(self):
        """Layer from the inputs to what the head reads, for `split_head`."""
        if self.coordinates is not None:
            return CenteredFeatures(self.upper, self.coordinates)
        return keras.layers.Identity() if self.upper is None else self.upper

    @property
    def activation(self):
        """`None`: the outputs are logits."""
        return None

    def compile(self, optimizer, loss=None, label_weight=1.0, metrics=None):
        """Compiles with a loss of labels, and a weight of that loss."""
        super().compile(optimizer, metrics=metrics)
        self._label_loss.value = None if loss is None else as_loss(loss)
        self._label_weight = float(label_weight)

    def watch(self, layers):
        """Adds the outputs of layers of `upper` to the outputs, as maps."""
        self._maps.value = graph.with_outputs(self.upper, layers)

    def call(self, inputs, training=None):
        outputs = self.outputs_of(inputs, training)
        # What the terms of this step read again.
        self._seen.value = outputs if training and self._needs else None
        return outputs["logits"]

    def outputs_of(self, inputs, training=None):
        """Returns a dict of logits, features and watched maps."""
        maps = []
        if self._maps.value is not None:
            inputs, *maps = self._maps.value(inputs, training=training)
        elif self.upper is not None:
            inputs = self.upper(inputs, training=training)
        read = inputs
        if self.coordinates is not None:
            read = self.coordinates.of(inputs)
        logits = scores_of(self.head, self._readout.value, read)
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
        label_loss = self._label_loss.value
        # Validation samples are neither new nor replayed.
        takes_all = "replayed" in y and reads_replayed(label_loss)
        y_true = y if takes_all else y["labels"]
        loss = self._label_weight * label_loss(y_true, y_pred, sample_weight)
        for penalty in self.losses:
            loss = loss + ops.sum(penalty)
        terms = self._terms.value
        if not terms or not training:
            return loss
        given, self._seen.value = self._seen.value, None
        given = self._completed(given, y.get("stored"))
        taught = self._teacher_outputs(x)
        for factor, term in terms:
            loss = loss + factor * _value(term, taught, given, y["labels"])
        return loss

    def _teacher_outputs(self, inputs):
        teacher, given = self._teacher.value, {}
        if teacher is not None:
            outputs = teacher.outputs_of(inputs, training=False)
            given = teacher._completed(outputs, needs=self._needs)
        for outputs_of in self._teachers.value:
            given.update(outputs_of(inputs))
        return given

    def _completed(self, outputs, stored=None, needs=None):
        """Returns outputs with what only some terms read."""
        needs = self._needs if needs is None else needs
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
    if readout is None:
        return head(features)
    return readout(head(features) if readout.reads_logits else features)


class Joined(Student):
    """Two teachers: the older one for the classes that it knows.

    Args:
        older: `Student`.
        newer: `Student` with the same `rest` or none, and more classes.
    """

    def __init__(self, older, newer):
        super().__init__(newer.upper, newer.head, coordinates=newer.coordinates)
        self._older = state.Untracked(older)

    def outputs_of(self, inputs, training=None):
        outputs = super().outputs_of(inputs, training)
        old = self._older.value.outputs_of(inputs, training)["logits"]
        new = outputs["logits"][:, old.shape[-1] :]
        return {**outputs, "logits": ops.concatenate([old, new], -1)}


def teacher_of(student):
    """The same stack with its own copy of all that may train."""
    upper = student.upper
    if upper is not None and upper.trainable_variables:
        upper = keras.models.clone_model(upper)
        upper.set_weights(student.upper.get_weights())
    head = type(student.head).from_config(student.head.get_config())
    head.build((None, student.head.input_dim))
    head.restore(student.head.snapshot())
    return Student(upper, head, coordinates=student.coordinates)


def _value(term, taught, given, labels):
    if not isinstance(term, Term):
        return term(taught["logits"], given["logits"])
    term.validate_outputs(taught, given)
    return term.compute_loss(taught, given, labels)


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
