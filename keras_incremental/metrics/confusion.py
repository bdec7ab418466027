import numpy as np
from numpy.typing import ArrayLike


def confusion_matrix(
    labels: ArrayLike,
    predictions: ArrayLike,
    num_classes: int,
    num_predicted: int | None = None,
) -> np.ndarray:
    """Counts the samples of each true class by their predicted class.

    Args:
        labels: Ints of any shape, the true classes.
        predictions: Ints of the same shape, the predicted classes.
        num_classes: Int. Number of rows.
        num_predicted: Int. Number of columns, for a model that does not know
            all classes. Defaults to `None`, which is `num_classes`.

    Returns:
        Ints of shape `(num_classes, num_predicted)`: a row for each true
        class, a column for each predicted class.

    Raises:
        ValueError: if a label or a prediction is outside the matrix.

    Example:

    >>> confusion_matrix([0, 0, 1], [0, 1, 1], num_classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    labels = np.asarray(labels, "int64").ravel()
    predictions = np.asarray(predictions, "int64").ravel()
    columns = num_classes if num_predicted is None else num_predicted
    shape = (num_classes, columns)
    cells = np.ravel_multi_index((labels, predictions), shape)
    return np.bincount(cells, minlength=num_classes * columns).reshape(shape)
