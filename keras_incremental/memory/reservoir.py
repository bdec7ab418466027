import dataclasses
import numbers
import os
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import Self

import keras
import numpy as np

from keras_incremental.data import arrays
from keras_incremental.data.source import as_source
from keras_incremental.memory import exemplar_files
from keras_incremental.memory import stored_samples
from keras_incremental.memory import stream_policies
from keras_incremental.memory.base_memory import BaseMemory
from keras_incremental.memory.base_memory import check_snapshot
from keras_incremental.memory.exemplars import Exemplars
from keras_incremental.memory.exemplars import checked_logits
from keras_incremental.memory.exemplars import in_one_form
from keras_incremental.memory.exemplars import join
from keras_incremental.memory.exemplars import widened_logits
from keras_incremental.memory.selector import class_of_each
from keras_incremental.memory.stored_samples import keys_of
from keras_incremental.memory.stream_policies import Slots
from keras_incremental.memory.stream_state import Stream
from keras_incremental.memory.stream_state import generator_at
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class Reservoir(BaseMemory):
    """Keeps a few samples of a stream that has no phases.

    `add` decides sample by sample, so the content does not depend on the batch
    size of the stream, nor on calls of `draw`. Samples are stored as they
    came, pictures as `uint8` if their values allow it. A sample that is stored
    already with the same class is ignored.

    Reference:
    - [Vitter, 1985](https://doi.org/10.1145/3147.3165), `"uniform"`
    - [Chrysakis and Moens, 2020](
      https://proceedings.mlr.press/v119/chrysakis20a.html), `"balanced"`
    - [Prabhu et al., 2020](https://doi.org/10.1007/978-3-030-58536-5_31),
      `"greedy"`
    - [Buzzega et al., 2020](https://arxiv.org/abs/2004.07211), logits

    Args:
        budget: Int, 1 or more: samples in all. Defaults to `2000`.
        policy: `"uniform"`: after s samples each of them is kept with the
            chance `budget / s`, so that frequent classes fill the memory.
            `"balanced"`: as many of each class, if there are as many, and
            within a class with the same chance. `"greedy"`: as many of each
            class, the first ones that come. Or a function `(slots, label) ->
            slot or None`, see `memory.Slots`. Defaults to `"uniform"`.
        seed: Int, 0 or more. Defaults to `0`.
        path: String or path of the file where the samples lie, see
            `ExemplarMemory`. Each `add` that keeps a sample then waits for
            the disk. Defaults to `None`, memory.

    Example:

    >>> import numpy as np
    >>> from keras_incremental.memory import Reservoir
    >>> memory = Reservoir(budget=4, policy="balanced")
    >>> memory.add(np.random.rand(20, 3), np.repeat([0, 1], 10))
    >>> memory.counts[0], memory.counts[1]
    (2, 2)
    >>> x, y, logits = memory.draw(3)
    >>> x.shape, logits.shape
    ((3, 3), (3, 0))
    """

    def __init__(
        self,
        budget: int = 2000,
        policy: str | Callable = "uniform",
        seed: int = 0,
        path: str | os.PathLike | None = None,
    ):
        super().__init__(path)
        for name, value, least in (("budget", budget, 1), ("seed", seed, 0)):
            if not isinstance(value, numbers.Integral) or value < least:
                raise ValueError(
                    f"`{name}` of Reservoir must be an integer of {least} or "
                    f"more. Received: {name}={value!r}."
                )
        self._place = stream_policies.get(policy)
        self.budget = int(budget)
        self.policy = policy
        self.seed = int(seed)
        self._stream = Stream.begun(self.seed)

    @property
    def seen(self) -> dict[int, int]:
        """Dict of class to how many samples of it the stream had."""
        return dict(self._stream.seen)

    def add(self, x: Tensor, y: Tensor, logits: Tensor | None = None) -> None:
        """Offers the next samples of the stream to the memory.

        When this raises, the memory is as before.

        Args:
            x: Array of shape `(n, ...)`, or list of arrays that differ in
                shape.
            y: Labels of shape `(n,)`, integers or one-hot.
            logits: Array of shape `(n, num_classes)`, what the model says of
                the samples now, to be drawn with them. It may become wider
                as classes arrive. Defaults to `None`.
        """
        x = arrays.samples_to_numpy(x, "x", varies=True)
        x, y = as_source(x, y, varies=True).whole
        y = class_of_each(y)
        logits = checked_logits(logits, len(x))
        self._check_like(x, x.dtype)
        held, x = in_one_form(self._content, x)
        keys = keys_of(x)
        origins, stream = self._decide(held, y.tolist(), keys.tolist())
        self._content = self._refilled(held, origins, x, y, logits, keys)
        self._stream = stream

    def draw(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draws different samples, each with the same chance.

        Args:
            count: Int, 1 or more. All are returned if there are fewer.

        Returns:
            Arrays `(x, y, logits)`: x in the dtype that the model saw, as
            `arrays` returns it, y of int64, and stored logits as float32 of
            shape `(n, width)`, with the width of the widest that are stored
            and NaN where a sample has none.

        Raises:
            ValueError: if the memory is empty.
        """
        if not isinstance(count, numbers.Integral) or count < 1:
            raise ValueError(
                "`count` of samples to draw must be an integer of 1 or more. "
                f"Received: count={count!r}."
            )
        self._check_filled()
        generator = generator_at(self._stream.draws)
        rows = generator.permutation(len(self))[:count]
        self._stream = dataclasses.replace(
            self._stream, draws=generator.bit_generator.state
        )
        held = self._content.take(rows)
        width = 0 if held.logits is None else held.logits.shape[1]
        logits = widened_logits(held.logits, len(rows), width)
        x = stored_samples.as_array(held.x, held.dtype)
        return x, held.y, logits

    def drop_classes(self, classes: Sequence[int]) -> int:
        """Same as of memories, and the stream never had these classes."""
        removed, stream = super().drop_classes(classes), self._stream
        gone = {int(label) for label in classes}
        self._stream = dataclasses.replace(
            stream,
            seen={k: n for k, n in stream.seen.items() if k not in gone},
            full=stream.full - gone,
        )
        return removed

    def snapshot(self) -> Any:
        """The present content and its place in the stream, for `restore`."""
        return _Snapshot(self._content, self._stream)

    def restore(self, snapshot: Any) -> None:
        """Puts an earlier content back, exactly."""
        check_snapshot(snapshot, _Snapshot)
        super().restore(snapshot.content)
        self._stream = snapshot.stream

    def save(self, path: str | os.PathLike) -> None:
        """Writes the content to one `.npz` file, see `ExemplarMemory`."""
        stream = {**self._stream.to_json(), **self.get_config()}
        exemplar_files.write(path, self._content, stream)

    def load(self, path: str | os.PathLike) -> None:
        """Reads a content; the stream continues where it was saved.

        Raises:
            ValueError: if the file is damaged, or of a memory with another
                budget or policy. The memory stays as it was.
        """
        content, saved, stream = exemplar_files.read_stream(path)
        own = self.get_config()
        for name in ("budget", "policy"):
            if saved.get(name) != own[name]:
                raise ValueError(
                    f"The file is of a Reservoir with another {name}. "
                    f"Received: {name}={saved.get(name)!r} in '{path}', "
                    f"{own[name]!r} here. Load it into "
                    f"`Reservoir({name}={saved.get(name)!r})`."
                )
        self._content, self._stream = self._kept(content), stream
        self.forgotten = frozenset()

    def get_config(self) -> Config:
        return {
            "budget": self.budget,
            "policy": keras.saving.serialize_keras_object(self.policy),
            "seed": self.seed,
            "path": self.path,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        if isinstance(config["policy"], dict):
            policy = keras.saving.deserialize_keras_object(config["policy"])
            config = {**config, "policy": policy}
        stored_samples.check_exists(config.get("path"))
        return cls(**config)

    def _decide(self, old, labels, keys):
        """Where the sample in each slot comes from: stored ones, then new."""
        stream = self._stream
        generator = generator_at(stream.decisions)
        held = old.y
        slots = Slots(self.budget, held, stream.seen, stream.full, generator)
        origins = {slot: slot for slot in range(len(held))}
        pairs = [
            *zip(held.tolist(), old.keys.tolist(), strict=True),
            *zip(labels, keys, strict=True),
        ]
        present = set(pairs[: len(held)])
        for place, label in enumerate(labels, start=len(held)):
            if pairs[place] in present:
                continue
            slot = slots.see(label, self._place)
            if slot is not None:
                if slot in origins:
                    present.discard(pairs[origins[slot]])
                present.add(pairs[place])
                origins[slot] = place
        return np.array(list(origins.values())), dataclasses.replace(
            stream,
            seen=dict(slots.seen),
            full=frozenset(slots.full),
            decisions=generator.bit_generator.state,
        )

    def _refilled(self, old, origins, x, y, logits, keys):
        chosen = np.sort(origins[origins >= len(old)])
        if not len(chosen):
            return self._content
        rows = chosen - len(old)
        logits = None if logits is None else logits[rows]
        kept = self._hold(arrays.compact(x[rows]))
        new = old.new(kept, y[rows], 0, x.dtype, logits, keys[rows])
        both = join([old, new]) if len(old) else new
        moved = np.where(
            origins < len(old),
            origins,
            len(old) + np.searchsorted(chosen, origins),
        )
        return dataclasses.replace(
            both.take(moved), next_phase=old.next_phase + 1
        )


@dataclasses.dataclass(frozen=True)
class _Snapshot:
    content: Exemplars
    stream: Stream
