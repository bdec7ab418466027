"""How a head in closed form learns."""

from keras_incremental.models.phases.plan import selected


def solve(run):
    """Grows the head and solves it for new features; nothing is trained.

    Args:
        run: `PhaseRun` that has read its samples.

    Returns:
        An empty dict: there is no history.
    """
    head, inputs = run.classifier.head, run.inputs
    check_seen(head, run.classifier.label_space)
    if inputs.num_new_classes:
        head.expand(inputs.num_new_classes)
    x, labels = selected(inputs, run.plan.phase_callbacks).labeled
    head.adapt(run.backbone.features_of(x), labels)
    return {}


def check_seen(head, label_space):
    """Raises if a head in closed form has seen no sample of a class."""
    found = label_space.unseen(head.statistics.counts)
    if len(found):
        unseen = [label_space.classes[k] for k in found]
        raise ValueError(
            f"{type(head).__name__} '{head.name}' has never seen the classes "
            f"{unseen}, so it cannot predict them beside new ones. Show it "
            "samples of them first, by `remember`."
        )
