"""Labels of the one output that a classifier learns."""

from keras_incremental.data.adapters import adapter_of
from keras_incremental.data.map_batches import map_batches
from keras_incremental.data.map_batches import unpack
from keras_incremental.models.inputs.pipelines import is_arrays


def with_chosen_labels(classifier, x, y):
    """Returns data whose labels are those of the chosen output.

    Labels of several outputs come in a dict of their names, weights too.

    Args:
        classifier: `IncrementalClassifier`.
        x: Samples, or a data set.
        y: Labels of samples, or `None`.
    """
    if classifier.others is None:
        return x, y
    chosen = classifier.others.layout.chosen
    if y is not None or is_arrays(x):
        return x, _part(y, chosen)
    spec = adapter_of(x).element_spec
    if spec is not None and not isinstance(unpack(spec)[1], dict):
        return x, y

    def choose(x, y, sample_weight):
        return x, _part(y, chosen), _part(sample_weight, chosen)

    return map_batches(x, choose, choose), y


def chosen_of(classifier, value):
    """Returns the chosen part of a dict of outputs; else what was given."""
    if classifier.others is None:
        return value
    return _part(value, classifier.others.layout.chosen)


def _part(value, chosen):
    return (
        value[chosen] if isinstance(value, dict) and chosen in value else value
    )
