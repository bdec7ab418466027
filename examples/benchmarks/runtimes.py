"""Runs an exported classifier by its runtime, without Keras or this package.

    python examples/benchmarks/runtimes.py FORMAT MODEL SAMPLES.npy ANSWERS.npz

The answers are the outputs of the graph, the names of the classes that it
says or that lie with it, and the seconds of the second call. It needs NumPy
and the runtime only.
"""

import json
import pathlib
import sys
import time
import zipfile

import numpy as np


def saved_model(path, samples):
    import tensorflow as tf

    serve = tf.saved_model.load(path).signatures["serving_default"]
    names = pathlib.Path(path, "assets.extra", "classes.json").read_text()
    return json.loads(names), lambda: {
        name: value.numpy()
        for name, value in serve(tf.constant(samples)).items()
    }


def onnx(path, samples):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    names = session.get_modelmeta().custom_metadata_map["classes.json"]
    feed = {session.get_inputs()[0].name: samples}
    outputs = [output.name for output in session.get_outputs()]
    return json.loads(names), lambda: dict(
        zip(outputs, session.run(None, feed), strict=True)
    )


def litert(path, samples):
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(path).get_signature_runner()
    with zipfile.ZipFile(path) as archive:
        names = archive.read("classes.json")
    (name,) = run.get_input_details()
    return json.loads(names), lambda: run(**{name: samples})


def openvino(path, samples):
    import openvino as ov

    # Some processors compute in bfloat16 unless they are told.
    hints = {"INFERENCE_PRECISION_HINT": "f32"}
    model = ov.compile_model(pathlib.Path(path, "model.xml"), "CPU", hints)
    names = pathlib.Path(path, "classes.json").read_text()
    return json.loads(names), lambda: {
        output.any_name: value for output, value in model(samples).items()
    }


RUNTIMES = {
    "tf_saved_model": saved_model,
    "onnx": onnx,
    "litert": litert,
    "openvino": openvino,
}


def as_text(names):
    """Strings of TensorFlow are bytes."""
    if isinstance(names.flat[0], bytes):
        names = np.char.decode(names.astype(bytes), "utf-8")
    return names.astype(str)


def main(kind, path, samples, answers):
    # An import of what is `None` there says that there is no such module.
    sys.modules.update(dict.fromkeys(("keras", "keras_incremental")))
    description, run = RUNTIMES[kind](path, np.load(samples))
    run()
    start = time.perf_counter()
    outputs = run()
    seconds = time.perf_counter() - start
    if "names" in outputs:
        outputs["names"] = as_text(np.asarray(outputs["names"]))
    np.savez(
        answers,
        classes=description["classes"],
        seconds=seconds,
        **outputs,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
