import numpy as np
from keras import ops

from keras_incremental.data.labels import to_indices
from keras_incremental.losses.shapes import logits_at
from keras_incremental.memory import policies
from keras_incremental.metrics.pixel_counts import count_pixels
from keras_incremental.models.problems.partial_labels import UNKNOWN
from keras_incremental.models.problems.review_formats import ReviewMaps
from keras_incremental.models.problems.single_label import SingleLabel
from keras_incremental.models.reports.report import PIXELS


class Segmentation(SingleLabel):
    """One class for each pixel."""

    unit = PIXELS
    balances = calibrates = center_features = False
    # Pixels without a label do not count.
    said_missing = UNKNOWN
    reviewing = ReviewMaps()

    def labels(self, y, names, known, argument, missing=False):
        return to_indices(y, names, known, argument, missing, maps=True)

    def statistics(self, known, backbone, inputs):
        # Pixels are too many, and too alike.
        return type(known)()

    def counts(self, policy, labels, exact, num_new, batch_size, num_classes):
        # Pixels of a picture come together, whatever the policy.
        return policies.Concatenate().counts(
            labels[exact], num_new, batch_size, num_classes
        )

    def check_recipe(self, recipe, callbacks=()):
        super().check_recipe(recipe, callbacks)
        if recipe.memory is not None:
            raise ValueError(
                "A memory keeps pictures by their class, and a picture of "
                "many pixels has several. Received: memory="
                f"{recipe.memory!r}. Keep old pictures with their label maps "
                "yourself, and pass them to `learn` as `old_data=(x, y)`."
            )

    def sized(self, outputs, labels):
        return ops.convert_to_numpy(logits_at(labels, outputs))

    def scores(self, labels, answers, count):
        return count_pixels(labels, answers, count).iou()

    def _flips(self, flipped):
        return np.zeros(0, int)


SEGMENTATION = Segmentation()
