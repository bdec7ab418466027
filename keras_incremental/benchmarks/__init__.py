"""Protocols, data and networks that recipes are compared on."""

from keras_incremental.benchmarks.backbones import (
    efficientnet_lite0 as efficientnet_lite0,
)
from keras_incremental.benchmarks.backbones import vgg16 as vgg16
from keras_incremental.benchmarks.datasets import Data as Data
from keras_incremental.benchmarks.datasets import load as load
from keras_incremental.benchmarks.datasets import phases as phases
