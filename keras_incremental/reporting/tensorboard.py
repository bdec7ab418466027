import io
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.reporting import confusion
from keras_incremental.reporting import reading

if TYPE_CHECKING:
    from keras_incremental.reporting import PhaseReport

SHARED = ("old", "new", "all")


class TensorBoardReports(PhaseCallback):
    """Writes the scores of phases for TensorBoard.

    Give it to `learn`, which calls it when a phase has ended, or call
    `write`. The step is the number of the phase. Beside it, in the same
    `log_dir`, `keras.callbacks.TensorBoard` writes what happens in the
    epochs. Works with every backend.

    Scalars are `accuracy/old`, `accuracy/old before`, `accuracy/new`,
    `accuracy/all` and `accuracy/<class>` (`IoU/old` of pixels, `F1/old` where
    several classes may apply), and `forgetting`, how far the classes
    are below the best they were, on average; all are shares from 0 to 1.
    `seconds` is what the phase took. The image `confusion` shows which
    classes were predicted, and how that changed. Refused phases are a run of
    their own.

    Args:
        log_dir: Path of the log directory, with the subdirectories `phases`
            and `refused`. Defaults to `"logs"`.
        earlier: `PhaseReport`s of earlier phases that another process wrote,
            for `forgetting`. Defaults to `()`.

    Raises:
        ImportError: if tensorboard or matplotlib is not installed.

    Example:

    ```python
    board = reporting.TensorBoardReports("logs")
    clf.learn(birds, classes=["bird"], validation_data=val, callbacks=[board])
    ```
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        earlier: Sequence["PhaseReport"] = (),
    ):
        super().__init__()
        self.log_dir = os.fspath(log_dir)
        self._reports = list(earlier)
        _events()

    def on_phase_end(self, report: "PhaseReport") -> None:
        self.write(report)

    def write(self, report: "PhaseReport") -> None:
        """Writes one report.

        Args:
            report: `PhaseReport`.
        """
        run = "phases" if report.accepted else "refused"
        seen = [*self._reports, report]
        values = {**_scalars(report), **_forgetting(seen)}
        drawn = reading.is_measured(report) and report.scorer.has_confusion
        _write(
            os.path.join(self.log_dir, run),
            report.phase,
            values,
            {"confusion": _png(report)} if drawn else {},
        )
        self._reports = seen


def _scalars(report):
    metric = report.scorer.class_metric
    values = {
        "seconds": report.seconds,
        f"{metric}/old": report.old_score,
        f"{metric}/old before": report.old_score_before,
        f"{metric}/new": report.new_score,
        f"{metric}/all": report.score,
    }
    for name in report.classes:
        tag = f"class {name}" if name in SHARED else name
        values[f"{metric}/{tag}"] = report.class_score(name)
    return {tag: value for tag, value in values.items() if value is not None}


def _forgetting(reports):
    """Returns the mean over the classes of the loss since the best."""
    if not reading.is_measured(reports[-1]) or not reports[-1].accepted:
        return {}
    _, scores = reading.class_scores(reading.measured(reports))
    (lost,) = reading.means(reading.forgetting(scores)[-1:])
    return {} if lost != lost else {"forgetting": float(lost)}


def _png(report):
    """Returns bytes, height and width of a plot of the confusion."""
    from matplotlib.figure import Figure

    panels = (confusion.AFTER, confusion.CHANGE)
    figure = confusion.plot_confusion(report, panels, Figure(dpi=100))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    width, height = figure.canvas.get_width_height()
    return buffer.getvalue(), height, width


def _write(folder, step, values, images):
    """Writes a complete file of events."""
    writer, protos = _events()
    summary = protos.summary_pb2.Summary
    entries = [
        summary.Value(tag=tag, simple_value=value)
        for tag, value in values.items()
    ]
    for tag, (data, height, width) in images.items():
        image = summary.Image(
            encoded_image_string=data, height=height, width=width, colorspace=4
        )
        entries.append(summary.Value(tag=tag, image=image))
    event = protos.event_pb2.Event(
        wall_time=time.time(), step=step, summary=summary(value=entries)
    )
    file = writer(folder)
    file.add_event(event)
    file.close()


def _events():
    """Imports the writer of event files and its protocol buffers."""
    try:
        from tensorboard.compat import proto
        from tensorboard.compat.proto import event_pb2 as event_pb2
        from tensorboard.compat.proto import summary_pb2 as summary_pb2
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise ImportError(
            "TensorBoardReports needs tensorboard. Install it: "
            "`pip install 'keras-incremental[tensorboard]'`."
        ) from error
    return EventFileWriter, proto
