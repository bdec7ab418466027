"""How a head learns: by gradients, or by a solution in closed form."""

from keras_incremental.layers.closed_form_head import ClosedFormHead
from keras_incremental.models.phases.training import train


def learner_of(head):
    """The function that lets a head learn the inputs of a phase."""
    return solve if isinstance(head, ClosedFormHead) else train


def solve(classifier, backbone, inputs, plan, options):
    """Grows the head and adapts it to new features; nothing is trained.

    Args:
        classifier: `IncrementalClassifier`.
        backbone: `Backbone`.
        inputs: `Inputs`.
        plan: `Plan`, of which it needs the phase only.
        options: `Options`.

    Returns:
        An empty dict: there is no history.
    """
    head = classifier.head
    check_seen(head, classifier.classes)
    if inputs.new_classes:
        head.expand(inputs.new_classes)
    samples, labels = inputs.labeled
    head.adapt(backbone.features_of(samples), labels)
    return {}


def check_seen(head, classes):
    """Raises if a head in closed form has no picture of a class."""
    counts = head.statistics.counts
    unseen = [
        name
        for k, name in enumerate(classes)
        if k >= len(counts) or not counts[k]
    ]
    if unseen:
        raise ValueError(
            f"{type(head).__name__} '{head.name}' has never seen the classes "
            f"{unseen}, so it cannot predict them beside new ones. Show it "
            "pictures of them first, by `remember`."
        )
