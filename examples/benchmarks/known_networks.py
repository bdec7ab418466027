"""Networks of `keras.applications` and tasks of KerasHub, untrained."""

import re

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
UNBOUNDED = {
    "vocabulary_size": 30,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 16,
}
ATTENTION = {**UNBOUNDED, "max_sequence_length": 12}
SEQUENCES = {k: v for k, v in ATTENTION.items() if k != "num_heads"}
PICTURES = {"image_shape": (32, 32, 3)}
# The smallest backbones of KerasHub that make sense, by their tasks.
TEXTS = {
    "AlbertTextClassifier": {**ATTENTION, "embedding_dim": 8},
    "BertTextClassifier": ATTENTION,
    "DebertaV3TextClassifier": ATTENTION,
    "DistilBertTextClassifier": ATTENTION,
    "ESMProteinClassifier": UNBOUNDED,
    "FNetTextClassifier": SEQUENCES,
    "RobertaTextClassifier": ATTENTION,
    "RoformerV2TextClassifier": {**UNBOUNDED, "head_size": 4},
    "XLMRobertaTextClassifier": ATTENTION,
}
IMAGES = {
    "CSPNetImageClassifier": {
        **PICTURES,
        "stem_filters": 8,
        "stem_kernel_size": 3,
        "stem_strides": 1,
        "stackwise_depth": [1, 1],
        "stackwise_strides": [1, 2],
        "stackwise_num_filters": [8, 16],
        "block_type": "dark_block",
        "stage_type": "dark",
    },
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
    "EfficientNetImageClassifier": {
        "input_shape": (32, 32, 3),
        "stackwise_kernel_sizes": [3, 3],
        "stackwise_num_repeats": [1, 1],
        "stackwise_input_filters": [8, 8],
        "stackwise_output_filters": [8, 16],
        "stackwise_expansion_ratios": [1, 4],
        "stackwise_squeeze_and_excite_ratios": [0.25, 0.25],
        "stackwise_strides": [1, 2],
        "stackwise_block_types": ["fused", "unfused"],
        "width_coefficient": 1.0,
        "depth_coefficient": 1.0,
    },
    "HGNetV2ImageClassifier": {
        **PICTURES,
        "depths": [1, 1],
        "embedding_size": 8,
        "hidden_sizes": [8, 16],
        "stem_channels": [3, 8, 8],
        "hidden_act": "relu",
        "use_learnable_affine_block": False,
        "stackwise_stage_filters": [(8, 8, 8, 1, 1, 3), (8, 8, 16, 1, 1, 3)],
        "apply_downsample": [False, True],
        "use_lightweight_conv_block": [False, False],
    },
    "MiTImageClassifier": {
        **PICTURES,
        "layerwise_depths": [1, 1],
        "num_layers": 2,
        "layerwise_num_heads": [1, 2],
        "layerwise_sr_ratios": [2, 1],
        "max_drop_path_rate": 0.1,
        "layerwise_patch_sizes": [7, 3],
        "layerwise_strides": [4, 2],
        "hidden_dims": [4, 8],
    },
    "MobileNetImageClassifier": {
        **PICTURES,
        "stackwise_expansion": [[8, 16]],
        "stackwise_num_blocks": [2],
        "stackwise_num_filters": [[8, 8]],
        "stackwise_kernel_size": [[3, 3]],
        "stackwise_num_strides": [[2, 1]],
        "stackwise_se_ratio": [[None, 0.25]],
        "stackwise_activation": [["relu", "hard_swish"]],
        "stackwise_padding": [[1, 1]],
        "depthwise_filters": 8,
        "depthwise_stride": 2,
        "depthwise_residual": False,
        "input_num_filters": 8,
        "output_num_filters": 16,
        "last_layer_filter": 16,
        "squeeze_and_excite": 0.5,
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
    "SwinTransformerImageClassifier": {
        **PICTURES,
        "embed_dim": 8,
        "depths": (1, 1),
        "num_heads": (2, 2),
        "window_size": 4,
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
    "XceptionImageClassifier": {
        **PICTURES,
        "stackwise_conv_filters": [[8, 8], [8, 16]],
        "stackwise_pooling": [True, False],
    },
}
OPTIONS = {
    "HGNetV2ImageClassifier": {"preprocessor": None},
    "VGGImageClassifier": {"pooling_hidden_dim": 8},
}
# What a tokenizer knows, its special tokens first.
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]


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
    """Tasks of KerasHub, as `applications`; one reads text, by a tokenizer."""
    return {
        **{name: _task(name) for name in {**TEXTS, **IMAGES}},
        "BertTextClassifier, with its preprocessor": text_task,
    }


def _task(name):
    def make():
        from keras_hub import models

        options = {"num_classes": NUM_CLASSES, **OPTIONS.get(name, {})}
        return getattr(models, name)(_backbone(name), **options)

    return make


def _backbone(name):
    from keras_hub import models

    kind = re.sub("(Text|Image|Protein)Classifier", "Backbone", name)
    return getattr(models, kind)(**{**TEXTS, **IMAGES}[name])


def text_task():
    """A task of KerasHub that reads text."""
    from keras_hub import models

    preprocessor = models.BertTextClassifierPreprocessor(
        models.BertTokenizer(vocabulary=WORDS),
        sequence_length=SEQUENCES["max_sequence_length"],
    )
    return models.BertTextClassifier(
        _backbone("BertTextClassifier"), NUM_CLASSES, preprocessor=preprocessor
    )
