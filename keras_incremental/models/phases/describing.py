"""How a phase describes the classes that it shows."""

from keras_incremental.data.labels import NO_LABEL
from keras_incremental.models.phases.auxiliary import brought


def describe_head(run):
    """Adds classes by where their samples lie; nothing is trained.

    See `ExpandableDense.describe`. The logits of the old classes stay as they
    are.

    Args:
        run: `PhaseRun` that has read its samples.

    Returns:
        An empty dict: there is no history.
    """
    head, inputs = run.classifier.head, run.inputs
    x, labels = inputs.labeled
    features = run.backbone.features_of(x)
    unlabeled = None
    if run.auxiliary is not None:
        # Where classes are described, all others have labels.
        rows = inputs.new_labels == NO_LABEL
        unlabeled = run.backbone.features_of(inputs.new[rows])
    if inputs.num_new_classes:
        head.expand(inputs.num_new_classes, initializer="zeros")
    recall = run.classifier.recipe.recall
    others = head.describe(features, labels, recall, unlabeled)
    if unlabeled is not None:
        note, run.candidates = brought(run, unlabeled, others)
        run.notes.append(note)
    return {}
