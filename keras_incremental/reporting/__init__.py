"""Reports of phases: their counts, plots, pages and model cards."""

from keras_incremental.reporting.card import model_card as model_card
from keras_incremental.reporting.class_bars import plot_classes as plot_classes
from keras_incremental.reporting.comparison import Comparison as Comparison
from keras_incremental.reporting.confusion import (
    plot_confusion as plot_confusion,
)
from keras_incremental.reporting.curves import plot_curves as plot_curves
from keras_incremental.reporting.galleries import (
    plot_exemplars as plot_exemplars,
)
from keras_incremental.reporting.galleries import plot_flips as plot_flips
from keras_incremental.reporting.page import to_html as to_html
from keras_incremental.reporting.phases import (
    plot_forgetting as plot_forgetting,
)
from keras_incremental.reporting.phases import plot_phases as plot_phases
from keras_incremental.reporting.record import PhaseRecord as PhaseRecord
from keras_incremental.reporting.report import PhaseReport as PhaseReport
from keras_incremental.reporting.tensorboard import (
    TensorBoardReports as TensorBoardReports,
)
