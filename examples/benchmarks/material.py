"""The arrays that the runs of a protocol learn from, and how they start."""

import collections.abc
import dataclasses

import keras
import numpy as np

from . import backbones
from . import datasets
from . import networks
from . import scratch


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network below the head.

    Attributes:
        build: Function of `input_shape` and `weights`.
        frozen: Bool. Whether it is pretrained and stays as it is.
        image_size: Int, what pictures are resized to; `None`: as they are.
        weights: Name of its weights, unless another is asked for.
    """

    build: collections.abc.Callable
    frozen: bool = False
    image_size: int | None = None
    weights: str | None = None


BACKBONES = {
    "vgg16": Backbone(backbones.vgg16, True, 64, "hed"),
    "efficientnet_lite0": Backbone(
        backbones.efficientnet_lite0, True, 160, "imagenet"
    ),
    "mlp": Backbone(scratch.mlp),
    "cnn": Backbone(scratch.cnn),
}


@dataclasses.dataclass(frozen=True)
class Material:
    """What the runs of a protocol have in common.

    Below a frozen network nothing ever changes, so its features are computed
    once, and the classifiers learn on these.

    Attributes:
        data: `datasets.Data`, of pictures or of features.
        backbone: `Backbone`.
    """

    data: datasets.Data
    backbone: Backbone

    def start(self, num_classes):
        """A new model of the first classes, with logits."""
        shape = self.data.x_train.shape[1:]
        if self.backbone.frozen:
            return keras.Sequential(
                [keras.Input(shape), keras.layers.Dense(num_classes)]
            )
        return networks.classifier(
            self.backbone.build(shape, None), num_classes
        )


def prepare(protocol) -> Material:
    """Reads the data of a protocol, and computes features if they last.

    Args:
        protocol: `Protocol`.

    Raises:
        ValueError: if there is no such network or data set.
    """
    backbone = backbone_of(protocol)
    data = datasets.load(
        protocol.data,
        protocol.data_dir,
        protocol.image_size,
        protocol.train_per_class,
        protocol.test_per_class,
    )
    if not backbone.frozen:
        return Material(_mapped(data, single_channel), backbone)
    network = backbone.build(data.x_train.shape[1:], protocol.weights)

    def features(pictures):
        return network.predict(pictures, batch_size=64, verbose=0)

    return Material(_mapped(data, features), backbone)


def backbone_of(protocol) -> Backbone:
    """The `Backbone` that a protocol names."""
    if protocol.backbone not in BACKBONES:
        raise ValueError(
            f"`backbone` must be one of {sorted(BACKBONES)}. Received: "
            f"backbone={protocol.backbone!r}."
        )
    return BACKBONES[protocol.backbone]


def single_channel(pictures) -> np.ndarray:
    """Grey pictures with one channel; those with colours as they are."""
    grey = pictures[..., :1]
    return grey if np.all(pictures == grey) else pictures


def _mapped(data, function):
    return dataclasses.replace(
        data, x_train=function(data.x_train), x_test=function(data.x_test)
    )
