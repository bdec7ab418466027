"""The same batches as data of each kind that `fit` takes."""

import keras
import pytest

SIZE = 4


class Batches(keras.utils.PyDataset):
    def __init__(self, parts, endless=False, **options):
        super().__init__(**options)
        self.batches = list(batches_of(parts))
        self.endless = endless

    @property
    def num_batches(self):
        return None if self.endless else len(self.batches)

    def __getitem__(self, index):
        return self.batches[index % len(self.batches)]


def part_of(parts, rows):
    return keras.tree.map_structure(lambda array: array[rows], parts)


def batches_of(parts):
    for start in range(0, len(parts[-1]), SIZE):
        yield part_of(parts, slice(start, start + SIZE))


def rows_of(parts):
    return [part_of(parts, row) for row in range(len(parts[-1]))]


def as_tf_data(*parts):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices(parts).batch(SIZE)


def as_loader(*parts):
    torch = pytest.importorskip("torch")
    return torch.utils.data.DataLoader(rows_of(parts), batch_size=SIZE)


def as_stream_loader(*parts):
    torch = pytest.importorskip("torch")

    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(rows_of(parts))

    return torch.utils.data.DataLoader(Stream(), batch_size=SIZE)


def as_grain_map(*parts, repeat=False):
    grain = pytest.importorskip("grain")
    rows = grain.MapDataset.source(rows_of(parts))
    return (rows.repeat() if repeat else rows).batch(SIZE)


def as_grain_iter(*parts):
    return as_grain_map(*parts).to_iter_dataset()


def as_grain_loader(*parts):
    grain = pytest.importorskip("grain")
    rows = rows_of(parts)
    return grain.DataLoader(
        data_source=rows,
        sampler=grain.samplers.IndexSampler(len(rows), num_epochs=1),
        operations=[grain.transforms.Batch(SIZE)],
    )


KINDS = {
    "arrays": lambda *parts: parts,
    "tf.data": as_tf_data,
    "PyDataset": lambda *parts: Batches(parts),
    "DataLoader": as_loader,
    "DataLoader of a stream": as_stream_loader,
    "Grain MapDataset": as_grain_map,
    "Grain IterDataset": as_grain_iter,
    "Grain DataLoader": as_grain_loader,
    "generator": lambda *parts: batches_of(parts),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def read(data):
    """All batches of one pass, as NumPy arrays."""
    batches = [data] if isinstance(data, tuple) else list(data)
    return [
        keras.tree.map_structure(keras.ops.convert_to_numpy, tuple(batch))
        for batch in batches
    ]
