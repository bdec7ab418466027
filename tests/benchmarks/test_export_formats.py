import keras
import numpy as np
from benchmarks import export_formats
from toy_exports import writes_onnx


def digits(size):
    """Pictures of four colors, to learn and to test."""
    draw = np.random.default_rng(0)
    y = np.arange(160) % 4
    colors = draw.integers(0, 256, (4, 1, 1, 3))
    x = colors[y] + draw.integers(-30, 30, (len(y), size, size, 3))
    x = np.clip(x, 0, 255).astype("uint8")
    return x[:80], y[:80], x[80:], y[80:]


def network(shape, weights):
    inputs = keras.Input(shape)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(8, 3, activation="relu", name="_first")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


@writes_onnx
def test_the_table_has_a_row_for_each_format(monkeypatch, capfd):
    monkeypatch.setattr(export_formats, "digits", digits)
    monkeypatch.setattr(export_formats.backbones, "efficientnet_lite0", network)
    export_formats.main(["--formats", "onnx", "--size", "8"])
    header, _, row, _, device = capfd.readouterr().out.strip().split("\n")
    assert header.startswith("| format | largest difference of scores |")
    name, difference, agreement, *numbers = row.strip("| ").split(" | ")
    assert name == "onnx" and agreement == "100.0 %"
    assert float(difference) <= 1e-5
    assert len(numbers) == 3 and all(float(n) >= 0 for n in numbers)
    assert "20 pictures of a new class learned in" in device


def test_a_format_without_its_runtime_has_no_row(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert export_formats.row_of(None, "onnx", None, None) is None
