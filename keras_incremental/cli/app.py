"""The commands in one program."""

import click

from keras_incremental.cli.command import InOrder
from keras_incremental.cli.commands.adopt import adopt
from keras_incremental.cli.commands.calibrate import calibrate
from keras_incremental.cli.commands.classes import classes
from keras_incremental.cli.commands.compare import compare
from keras_incremental.cli.commands.evaluate import evaluate
from keras_incremental.cli.commands.export import export
from keras_incremental.cli.commands.learn import learn
from keras_incremental.cli.commands.merge import merge
from keras_incremental.cli.commands.predict import predict
from keras_incremental.cli.commands.remember import remember
from keras_incremental.cli.commands.review import review
from keras_incremental.cli.commands.rollback import rollback
from keras_incremental.version import __version__

COMMANDS = (
    adopt,
    remember,
    learn,
    evaluate,
    compare,
    predict,
    calibrate,
    review,
    classes,
    rollback,
    export,
    merge,
)


@click.group(
    cls=InOrder,
    commands=COMMANDS,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 80,
    },
)
@click.version_option(__version__, package_name="keras-incremental")
def app() -> None:
    """Teaches new classes to trained Keras classifiers.

    DATA is a folder with a folder of pictures for each class, or a CSV file
    with the columns path and label.

    Exit codes: 0 done or accepted, 2 bad input, 3 refused, 4 not enough
    samples to tell, 1 anything else.
    """
