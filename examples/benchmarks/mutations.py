"""Changes of files as strangers make them, by numbers from any source.

Each function takes a `random.Random`, or what looks like one: Hypothesis and
Atheris bring their own, and so choose where to look.
"""

import io
import json
import zipfile

import h5py
import numpy as np

VALUES = (
    None,
    True,
    False,
    0,
    -1,
    2,
    2**31,
    2**63,
    2**100,
    1e300,
    -1e300,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "<script>",
    "\ud800",
    "a" * 10_000,
    "O",
    "float64",
    [],
    {},
    [[]],
    [[1, 2], [3]],
    {"class_name": "Zeros", "config": {}},
    {"module": "os", "class_name": "system", "config": "true"},
)
DTYPES = ("int64", "float32", "float64", "uint8", "bool", "U3", "int8")


def flipped(rng, data):
    """Returns bytes of which some were flipped, cut, repeated or inserted."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(data) + 1)
        size = rng.choice((1, 1, 4, 64))
        rng.choice((_flip, _cut, _insert, _repeat))(rng, data, place, size)
    return bytes(data)


def json_changed(rng, value):
    """Returns a JSON value with something in it replaced, moved or gone."""
    root = [_copied(value)]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        holder, key = rng.choice(list(_places(root)))
        change = rng.choice((_replace, _replace, _deepen, _move, _drop))
        if holder is root:
            change = _replace
        change(rng, holder, key, root)
    return root[0]


def arrays_changed(rng, arrays):
    """Returns a dict of arrays, one of them of other values, size or dtype."""
    arrays = dict(arrays)
    name = rng.choice(sorted(arrays))
    changed = array_changed(rng, arrays.pop(name))
    if changed is not None:
        arrays[name] = changed
    return arrays


def array_changed(rng, array):
    """Returns an array of other values, another size or dtype, or `None`."""
    kind = rng.randrange(7)
    with np.errstate(all="ignore"):
        if kind == 0:
            return None
        if kind == 1:
            return array[: len(array) // 2] if array.ndim else array[None]
        if kind == 2:
            return np.concatenate([array, array]) if array.ndim else array
        if kind == 3:
            return array[..., None]
        if kind == 4:
            return np.array(rng.choice(("", "text", "[]")))
        if kind == 5 and array.dtype.kind in "biuf":
            return array.astype(rng.choice(DTYPES))
        return _with_value(rng, array)


def npz_changed(rng, data):
    """Returns an `.npz` file with other arrays, or another header."""
    with np.load(io.BytesIO(data)) as saved:
        arrays = dict(saved)
    if "header" in arrays and rng.randrange(2):
        header = json_changed(rng, json.loads(arrays["header"].item()))
        arrays["header"] = np.array(json.dumps(header))
    else:
        arrays = arrays_changed(rng, arrays)
    file = io.BytesIO()
    save = np.savez_compressed if rng.randrange(20) == 0 else np.savez
    save(file, **arrays)
    return file.getvalue()


def h5_changed(rng, data):
    """Returns an HDF5 file in which one array is another, or much larger."""
    file = io.BytesIO(data)
    with h5py.File(file, "a") as weights:
        names = []
        weights.visititems(
            lambda name, item: (
                names.append(name) if isinstance(item, h5py.Dataset) else None
            )
        )
        name = rng.choice(sorted(names))
        array = weights[name][()]
        del weights[name]
        if rng.randrange(8) == 0:
            weights.create_dataset(
                name, (10**5, 10**5), "float32", chunks=(64, 64)
            )
        else:
            changed = array_changed(rng, np.asarray(array))
            if changed is not None and changed.dtype.kind != "U":
                weights[name] = changed
    return file.getvalue()


def keras_changed(rng, data):
    """Returns a `.keras` file in which one file is another."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(parts))
    if name.endswith(".json"):
        value = json_changed(rng, json.loads(parts[name]))
        parts[name] = json.dumps(value).encode()
    elif name.endswith(".npz"):
        parts[name] = npz_changed(rng, parts[name])
    else:
        parts[name] = h5_changed(rng, parts[name])
    if rng.randrange(20) == 0:
        del parts[name]
    file = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if rng.randrange(20) == 0 else 0
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return file.getvalue()


def _flip(rng, data, place, size):
    if data:
        data[place % len(data)] ^= 1 << rng.randrange(8)


def _cut(rng, data, place, size):
    del data[place : place + (size if rng.randrange(2) else len(data))]


def _insert(rng, data, place, size):
    data[place:place] = bytes(rng.randrange(256) for _ in range(size))


def _repeat(rng, data, place, size):
    data[place:place] = data[place : place + size]


def _places(value, depth=30):
    """Yields each list or dict in a value, with each of its keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield value, key
        if isinstance(item, (dict, list)) and depth:
            yield from _places(item, depth - 1)


def _replace(rng, holder, key, root):
    value = holder[key]
    choices = [*VALUES]
    if isinstance(value, (int, float)):
        choices += [value + 1, value - 1, 10 * value, -value, float(value)]
    holder[key] = _copied(rng.choice(choices))


def _deepen(rng, holder, key, root):
    value = holder[key]
    for _ in range(rng.choice((1, 10, 250))):
        value = [value]
    holder[key] = value


def _move(rng, holder, key, root):
    other, place = rng.choice(list(_places(root)))
    holder[key] = _copied(other[place])


def _copied(value):
    """Returns a copy, as no value may come to lie within itself."""
    # `copy.deepcopy` ends at half the depth.
    return json.loads(json.dumps(value))


def _drop(rng, holder, key, root):
    del holder[key]


def _with_value(rng, array):
    array = array.copy()
    if array.size and array.dtype.kind in "biuf":
        value = rng.choice((0, -1, 1, 10**6, 2**62, 1e300, np.nan, np.inf))
        if array.dtype.kind == "f":
            array.flat[rng.randrange(array.size)] = value
        elif value == value and abs(value) < 2**63:
            place = rng.randrange(array.size)
            array.flat[place] = np.array(int(value)).astype(array.dtype)
    return array
