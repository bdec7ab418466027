"""Command line: classifiers that learn from folders, without any Python."""

import os


def main() -> None:
    """Runs `keras-incremental`, the command of the extra `cli`.

    Raises:
        SystemExit: at the end, with the exit code: 0 for done or accepted, 2
            for bad input, 3 for an update that was refused, 4 where there are
            not enough samples to tell, 1 for anything else.
    """
    try:
        import click  # noqa: F401
    except ImportError:
        raise SystemExit(
            "Error: the command line needs click, which is not installed. "
            'Run: pip install "keras-incremental[cli]"'
        ) from None
    from keras_incremental.cli.app import app

    # TensorFlow tells of itself at each start.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    app(prog_name="keras-incremental")
