"""How a phase describes the classes that it shows."""


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
    if inputs.num_new_classes:
        head.expand(inputs.num_new_classes, initializer="zeros")
    head.describe(features, labels, run.classifier.recipe.recall)
    return {}
