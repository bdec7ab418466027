import contextlib

from keras_incremental.layers.growth import HeadCompilation
from keras_incremental.models.centering import uncentered


class Checkpoint:
    """A classifier in the middle of a phase, made whole to be read or saved.

    While a head trains, it lies in other coordinates, old columns may be
    frozen, and the names of new classes are not yet known to the classifier.

    Args:
        run: `PhaseRun`, before the head grows.
    """

    def __init__(self, run):
        self._run = run
        self._coordinates = run.plan.coordinates
        classifier = run.classifier
        self._frozen_groups = classifier.head.frozen_groups
        self._compilation = HeadCompilation(classifier, classifier.head)
        self._compiled_for = classifier.head.units

    def save(self, *args, **kwargs):
        """Calls `save` of the classifier, as it is after the last step."""
        with self.whole() as classifier:
            classifier.save(*args, **kwargs)

    @contextlib.contextmanager
    def whole(self):
        """Yields the classifier, as it is after the last step."""
        classifier = self._run.classifier
        head, label_space = classifier.head, classifier.label_space
        frozen_groups = head.frozen_groups
        if self._compiled_for != head.units:
            self._compilation.apply()
            self._compiled_for = head.units
        with uncentered(head, self._coordinates):
            head.frozen_groups = self._frozen_groups
            classifier.label_space = self._run.samples.label_space(classifier)
            try:
                yield classifier
            finally:
                classifier.label_space = label_space
                head.frozen_groups = frozen_groups
