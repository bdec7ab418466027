"""Changes of names and of what counts as what, without any training."""

import dataclasses

import numpy as np

from keras_incremental.data.names import check_class_names
from keras_incremental.data.names import normal
from keras_incremental.utils import state


class Edits:
    """How classes of an `IncrementalClassifier` are renamed, merged, removed.

    Weights and the indices of outputs stay as they are.
    """

    def rename(self, names):
        """Gives classes other names.

        Args:
            names: Dict of names and new names.

        Raises:
            ValueError: if a name is not known, or a new one is taken.
        """
        chosen = self._chosen("names", names)
        renamed = list(self.classes)
        for old, new in chosen.items():
            renamed[self.classes.index(old)] = new
        self._edit(classes=check_class_names(renamed))

    def merge(self, names):
        """Counts classes as others from now on.

        The probability of the other is then the sum of both, exactly; the
        output of the merged class says 0. Its exemplars stay, and stand for
        either.

        Where classes do not exclude each other, the other is as probable as
        the surer of the two.

        Args:
            names: Dict of names, and the name that each is counted as.

        Raises:
            ValueError: if a name is not known, or is merged already.
        """
        chosen = self._chosen("names", names)
        pairs = []
        for source, target in chosen.items():
            self._check_active("names", target)
            if source == target or target in chosen:
                raise ValueError(
                    f"A class cannot be merged into '{target}', which is "
                    f"merged itself. Received: names={names}."
                )
            pairs.append(self._pair(source, target))
        self._edit(merged=(*self.label_space.merged, *pairs))

    def remove(self, names):
        """Makes classes no answer any more, and forgets what is kept of them.

        Exemplars and mean features are deleted, the output says 0, and the
        other probabilities are as if it had never been. What the weights
        learned of these pictures stays in the weights: train anew without
        them where that is not allowed.

        Args:
            names: List of names.

        Raises:
            ValueError: if a name is not known, or no class would be left.
        """
        names = check_class_names(names)
        for name in names:
            self._check_active("names", name)
        gone = [self.classes.index(name) for name in names]
        answers = self.label_space.counted_as
        gone = np.flatnonzero(np.isin(answers, gone)).tolist()
        if set(answers) <= {-1, *gone}:
            raise ValueError(
                "A classifier needs one class at least. Received: "
                f"names={list(names)}, of {list(self.classes)}."
            )
        if self.memory is not None and len(self.memory):
            ids, labels = self.memory.ids, self.memory.arrays()[1]
            self.memory.forget(ids[np.isin(labels, gone)])
        self.set_knowledge(
            self.label_space, self.phases, self.statistics.without(gone)
        )
        self._edit(removed=(*self.label_space.removed, *gone))

    def _edit(self, **changes):
        label_space = dataclasses.replace(self.label_space, **changes)
        self.set_knowledge(label_space, self.phases, self.statistics)
        # What it answers is part of the compiled functions.
        state.forget_compiled(self)

    def _pair(self, source, target):
        return self.classes.index(source), self.classes.index(target)

    def _chosen(self, argument, names):
        if not isinstance(names, dict) or not names:
            raise TypeError(
                f"`{argument}` must be a dict of names of classes. Received: "
                f"{argument}={names!r}. Pass, for example, "
                f"{{{self.classes[0]!r}: ...}}."
            )
        chosen = {normal(old): normal(new) for old, new in names.items()}
        for name in chosen:
            self._check_active(argument, name)
        return chosen

    def _check_active(self, argument, name):
        known = [
            name
            for index, name in enumerate(self.classes)
            if self.label_space.counted_as[index] == index
        ]
        if name not in known:
            raise ValueError(
                f"`{argument}` must name classes that are answered. "
                f"Received: {name!r}. Known classes: {known}."
            )
