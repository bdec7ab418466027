import pathlib

import click

import keras_incremental as ki
from keras_incremental.cli import options
from keras_incremental.cli.command import Result
from keras_incremental.cli.command import command

# Written out, as completions must not wait for Keras.
FORMATS = ("keras", "tf_saved_model", "litert", "onnx", "openvino")


@command("export", "export pets.keras --format onnx --out pets.onnx")
@options.model
@click.option(
    "--format",
    "name",
    type=click.Choice(FORMATS),
    default="tf_saved_model",
    show_default=True,
    help="The runtime that it is for.",
)
@click.option(
    "--first",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Answer with the first classes only, for clients that know no others.",
)
@click.option("--int8", is_flag=True, help="Quantize, for LiteRT only.")
@click.option(
    "--extendable",
    is_flag=True,
    help="For devices that go on learning by `keras_incremental.edge`.",
)
@click.option(
    "--out",
    required=True,
    type=options.PATH,
    metavar="FILE",
    help="A new folder, or a file that ends in .keras, .onnx or .tflite.",
)
@options.force
def export(
    model: pathlib.Path,
    name: str,
    first: int | None,
    int8: bool,
    extendable: bool,
    out: pathlib.Path,
    force: bool,
) -> Result:
    """Write MODEL for another runtime, names inside."""
    options.checked_target(out, force)
    if int8 and name != "litert":
        raise ValueError(
            f"Only LiteRT is quantized. Received: --int8 --format {name}. "
            "Pass --format litert."
        )
    quantize = {"quantize": "int8"} if int8 else {}
    classifier = ki.models.load_classifier(model)
    classifier.export(
        out,
        name,
        verbose=False,
        num_classes=first,
        extendable=extendable,
        **quantize,
    )
    names = list(classifier.classes[:first])
    text = f"'{out}' answers with {', '.join(names)}, as {name}"
    return Result(text, {"out": str(out), "format": name, "classes": names})
