"""Networks of `keras.applications` and tasks of KerasHub, untrained."""

import keras
from keras import layers

NUM_CLASSES = 5
# The smallest pictures of a network, where they are not of 32 pixels.
SIZES = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}
# The smallest of each family.
APPLICATIONS = (
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "NASNetMobile",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "Xception",
)
SEQUENCES = {
    "vocabulary_size": 30,
    "num_layers": 1,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 12,
}
ATTENTION = {**SEQUENCES, "num_heads": 2}
PICTURES = {"image_shape": (32, 32, 3)}
# The smallest backbones of KerasHub that make sense.
BACKBONES = {
    "AlbertTextClassifier": {**ATTENTION, "embedding_dim": 8},
    "BertTextClassifier": ATTENTION,
    "DebertaV3TextClassifier": ATTENTION,
    "DistilBertTextClassifier": ATTENTION,
    "FNetTextClassifier": SEQUENCES,
    "RobertaTextClassifier": ATTENTION,
    "XLMRobertaTextClassifier": ATTENTION,
    "DeiTImageClassifier": {
        **PICTURES,
        "patch_size": (16, 16),
        "num_layers": 1,
        "num_heads": 2,
        "hidden_dim": 8,
        "intermediate_dim": 16,
    },
    "DenseNetImageClassifier": {
        **PICTURES,
        "stackwise_num_repeats": [1, 1],
        "growth_rate": 4,
    },
    "ResNetImageClassifier": {
        **PICTURES,
        "input_conv_filters": [64],
        "input_conv_kernel_sizes": [3],
        "stackwise_num_filters": [64],
        "stackwise_num_blocks": [1],
        "stackwise_num_strides": [1],
        "block_type": "basic_block",
    },
    "VGGImageClassifier": {
        **PICTURES,
        "stackwise_num_repeats": [1, 1],
        "stackwise_num_filters": [8, 8],
    },
    "ViTImageClassifier": {
        **PICTURES,
        "patch_size": (16, 16),
        "num_layers": 1,
        "num_heads": 2,
        "hidden_dim": 8,
        "mlp_dim": 16,
    },
}
OPTIONS = {"VGGImageClassifier": {"pooling_hidden_dim": 8}}


def applications(every=False):
    """Networks of `keras.applications`, with and without their own top.

    Args:
        every: Bool. Whether to add the larger ones of each family.

    Returns:
        Dict from names to functions that make a model.
    """
    names = APPLICATIONS
    if every:
        names = [n for n in dir(keras.applications) if n[0].isupper()]
    return {
        f"{name}, {'own top' if top else 'new top'}": _application(name, top)
        for name in names
        for top in (True, False)
    }


def _application(name, top):
    def make():
        size = SIZES.get(name, 32)
        options = {"weights": None, "input_shape": (size, size, 3)}
        network = getattr(keras.applications, name)
        if top:
            return network(classes=NUM_CLASSES, **options)
        base = network(include_top=False, pooling="avg", **options)
        outputs = layers.Dense(NUM_CLASSES, activation="softmax")(base.output)
        return keras.Model(base.input, outputs)

    return make


def hub():
    """Tasks of KerasHub without preprocessors, as `applications`."""
    return {name: _task(name) for name in BACKBONES}


def _task(name):
    def make():
        from keras_hub import models

        task = getattr(models, name)
        kind = name.removesuffix("TextClassifier").removesuffix(
            "ImageClassifier"
        )
        backbone = getattr(models, f"{kind}Backbone")(**BACKBONES[name])
        return task(backbone, NUM_CLASSES, **OPTIONS.get(name, {}))

    return make
