import numpy as np


class Answers:
    """What an `IncrementalClassifier` says of pictures."""

    def predict_names(self, x, batch_size=None, verbose=0, steps=None):
        """Names of the predicted classes, an array of strings."""
        outputs = self.predict(x, batch_size, verbose, steps)
        return np.asarray(self.classes)[outputs.argmax(-1)]
