"""Protocols, data and networks that recipes are compared on."""

from .backbones import efficientnet_lite0 as efficientnet_lite0
from .backbones import vgg16 as vgg16
from .datasets import Data as Data
from .datasets import load as load
from .datasets import phases as phases
from .scenes import annotated_only as annotated_only
from .scenes import scenes as scenes
