"""Backbones by the runtimes of devices."""

import pathlib
from collections.abc import Callable

import numpy as np

ONNX, LITERT = "backbone.onnx", "backbone.tflite"


def backbone_in(folder: pathlib.Path) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from samples to features.

    Args:
        folder: Path of a folder that `export` has written.

    Raises:
        FileNotFoundError: if there is no backbone.
        ImportError: if its runtime is not installed.
    """
    for name, load in RUNTIMES.items():
        if (folder / name).exists():
            return load(str(folder / name))
    raise FileNotFoundError(
        "There is no backbone to run. Received: "
        f"path='{folder}', without {' or '.join(RUNTIMES)}. Pass a folder "
        "that `IncrementalClassifier.export(extendable=True)` has written."
    )


def _onnx(path):
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(_missing(path, "onnxruntime")) from error
    options = onnxruntime.SessionOptions()
    # Threads that spin after a run would take cores from what learns.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    (spec,) = session.get_inputs()
    dtype = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}[spec.type]

    def run(samples):
        check_shape(
            samples, [d if isinstance(d, int) else -1 for d in spec.shape]
        )
        return session.run(None, {spec.name: samples.astype(dtype)})[0]

    return run


def _litert(path):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(_missing(path, "ai-edge-litert")) from error
    runner = Interpreter(path).get_signature_runner()
    ((name, spec),) = runner.get_input_details().items()

    def run(samples):
        check_shape(samples, spec["shape_signature"].tolist())
        (features,) = runner(**{name: samples.astype(spec["dtype"])}).values()
        return features

    return run


def check_shape(samples, wanted):
    """Raises if samples are not of a shape, in which -1 is any length."""
    fits = len(wanted) == samples.ndim and all(
        w in (-1, n) for w, n in zip(wanted[1:], samples.shape[1:], strict=True)
    )
    if not fits:
        wanted = tuple(None if w == -1 else w for w in wanted[1:])
        raise ValueError(
            f"`images` must have the shape (count, ...) with {wanted}. "
            f"Received: images of shape {samples.shape}. Resize them, or "
            "export with an `input_signature` of any size."
        )


def _missing(path, package):
    return (
        f"The backbone needs a runtime that is not installed. Received: "
        f"'{path}'. Run `pip install {package}`."
    )


RUNTIMES = {ONNX: _onnx, LITERT: _litert}
