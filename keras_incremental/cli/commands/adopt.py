import pathlib

import click

import keras_incremental as ki
from keras_incremental.cli import options
from keras_incremental.cli.command import Result
from keras_incremental.cli.command import command


@command("adopt", "adopt cats_dogs.keras --classes cat,dog --out pets.keras")
@options.model
@click.option(
    "--classes",
    required=True,
    metavar="NAMES",
    help="Names of its classes in the order of its outputs, with commas.",
)
@options.memory
@click.option(
    "--out",
    required=True,
    type=options.PATH,
    metavar="FILE",
    help="Where the classifier is saved.",
)
@options.force
def adopt(
    model: pathlib.Path,
    classes: str,
    memory: int | None,
    out: pathlib.Path,
    force: bool,
) -> Result:
    """Make a classifier of MODEL that can learn new classes.

    MODEL is a .keras file of any trained classifier. It stays as it is.
    """
    options.checked_classifier(out, force)
    names = ki.data.check_class_names(
        [name.strip() for name in classes.split(",")]
    )
    trained = _trained(model)
    kept = None if memory is None else ki.ExemplarMemory(memory)
    classifier = ki.IncrementalClassifier(trained, names, memory=kept)
    classifier.save(out)
    text = f"'{out}' knows {', '.join(classifier.classes)}"
    return Result(text, {"out": str(out), "classes": list(classifier.classes)})


def _trained(path):
    if not path.exists():
        raise FileNotFoundError(f"There is no file '{path}'.")
    import keras

    model = keras.saving.load_model(path)
    if isinstance(model, ki.IncrementalClassifier):
        raise ValueError(
            f"'{path}' is a classifier that can learn already. Received: "
            f"classes {list(model.classes)}. Go on with `learn`."
        )
    return model
