"""All that a classifier or a model is, to be compared to the bit."""

import dataclasses
import json

import numpy as np
from keras import ops


def whole_state(model):
    """Returns a dict of names and values; arrays as bytes."""
    found = {
        "config": _text(model.get_config()),
        "compile": _text(model.get_compile_config()),
        "trainable": [v.trainable for v in model.variables],
        "weights": [(v.name, _bytes(v)) for v in model.variables],
        "penalties": [_text(_penalty(v)) for v in model.variables],
        "optimizer": [
            (v.path.partition("/")[2], _bytes(v))
            for v in getattr(model.optimizer, "variables", ())
        ],
    }
    if hasattr(model, "label_space"):
        found.update(_of_classifier(model))
    return found


def differences(one, other):
    """Returns the names of what differs."""
    return [name for name in one if one[name] != other[name]]


def _of_classifier(clf):
    memory, calibration = clf.memory, clf.calibration
    parts = (*clf.recipe.callbacks, clf.recipe.bias_correction)
    return {
        "names": (clf.classes, clf.label_space),
        "phases": (clf.num_phases, clf.phases),
        "statistics": _arrays_of(clf.statistics),
        "stored": _stored(clf),
        "head": _stored(clf.head),
        "readout": None if clf.readout is None else _stored(clf.readout),
        "memory": None if memory is None else _memory(memory),
        "calibration": calibration and _text(vars(calibration.rejector)),
        "previous": clf.previous is None,
        "callbacks": [_text(vars(p)) for p in parts if hasattr(p, "set_model")],
    }


def _memory(memory):
    content = memory.snapshot()
    stream = getattr(content, "stream", None)
    content = getattr(content, "content", content)
    fields = {
        f.name: getattr(content, f.name) for f in dataclasses.fields(content)
    }
    return _text({"stream": stream and stream.to_json(), **fields})


def _stored(layer):
    store = {}
    layer.save_own_variables(store)
    return {str(name): _bytes(value) for name, value in store.items()}


def _penalty(variable):
    penalty = variable.regularizer
    return None if penalty is None else vars(penalty)


def _arrays_of(statistics):
    return _text({n: getattr(statistics, n) for n in statistics.ARRAYS})


def _bytes(value):
    return np.ascontiguousarray(ops.convert_to_numpy(value)).tobytes()


def _text(value):
    return json.dumps(value, default=_plain, sort_keys=True)


def _plain(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return [str(value.dtype), value.shape, value.tobytes().hex()]
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return f"{type(value).__name__} at {id(value)}"
