import itertools
import math
from collections.abc import Iterator
from collections.abc import Sequence

from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Function
from keras_incremental.utils.types import Structure


class Adapter:
    """Base of the views of one data set.

    Args:
        data: The data set.

    Attributes:
        kind: String, what errors call data of this kind.
        classes: Names of the classes by which it is recognized.
        module: Where these classes are from.
        reiterable: Whether there can be a second pass.
        class_names: List of strings, if the data set has them. Else `None`.
        num_batches: Int, `math.inf` if a pass has no end, or `None` if it is
            not known.
        element_spec: Specs of a batch, if the data set has them. Else `None`.
    """

    kind = ""
    classes: tuple[str, ...] = ()
    module = ""
    reiterable = True
    class_names: list[str] | None = None
    num_batches: float | None = None
    element_spec: Structure | None = None

    def __init__(self, data: Data):
        self.data = data

    @classmethod
    def matches(cls, data: Data) -> bool:
        """Returns whether data is of this kind, where `classes` is empty."""
        raise NotImplementedError

    def batches(self) -> Iterator[Structure]:
        """Returns an iterator over the batches as they come."""
        return iter(self.data)

    @property
    def goes_on(self) -> bool:
        """Bool. Whether `passes` has no end."""
        return self.num_batches == math.inf

    def passes(self, steps: int | None = None) -> Iterator[Structure]:
        """Returns an iterator over one pass, or over pass after pass.

        What is random goes on being drawn where `batches` would begin anew by
        the same seeds.

        Args:
            steps: Int, batches of a pass, where that has an end. Defaults to
                `None`, all.
        """
        return itertools.islice(self.batches(), None if self.goes_on else steps)

    def second_pass(self, steps: int | None, count: int) -> Iterator:
        """Returns an iterator over some batches, drawn as a second pass is.

        Args:
            steps: Same as for `passes`.
            count: Int, how many batches, where a pass has so many.
        """
        first = (steps or 0) if self.num_batches == math.inf else 0
        return itertools.islice(self.passes(steps), first, first + count)

    def set_class_names(self, names: Sequence[str]) -> None:
        """Sets the names that the labels of the data number."""
        self.data.class_names = list(names)

    def map(self, function: Function, spec: Function | None = None) -> Data:
        """Returns data of the same kind, for `fit`.

        Args:
            function: Called with a batch, returns a batch.
            spec: Function of the element spec, which returns that of what
                `function` returns. Defaults to `None`, the same.
        """
        raise NotImplementedError
