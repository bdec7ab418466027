import dataclasses

import numpy as np

# Places that are tried for each article; the one that covers least is taken.
TRIES = 8


def scenes(
    pictures,
    labels,
    names,
    count: int,
    size: int | tuple = 64,
    per_scene: tuple = (2, 4),
    scale: tuple = (0.6, 1.0),
    shares=None,
    threshold: float = 0.1,
    seed: int = 0,
):
    """Makes pictures with several articles in each, and exact label maps.

    Small pictures of one article on black, such as those of Fashion-MNIST,
    are put at random places and in random sizes on a canvas of noise. An
    article is where its ink is above a threshold; elsewhere the canvas
    shows. Later articles cover earlier ones, as little as can be.

    The same arguments give the same scenes on every machine.

    Args:
        pictures: Bytes of shape `(num_pictures, height, width)`, or with a
            last dimension of 1 or 3.
        labels: Array of shape `(num_pictures,)`: ints or strings.
        names: The values of `labels` to draw articles of. Those of the first
            have the class 1 in the maps; 0 is the background.
        count: Int, 1 or more: how many scenes.
        size: Int or `(height, width)` of a scene. Defaults to `64`.
        per_scene: Pair of ints, the least and the most articles in a scene.
            Defaults to `(2, 4)`.
        scale: Pair of floats above 0: the least and the largest size of an
            article, for that of its picture. Defaults to `(0.6, 1.0)`.
        shares: Floats of 0 or more, one for each name: how often it occurs,
            for the others. Defaults to `None`, all alike.
        threshold: Float from 0 to 1, the ink above which a pixel belongs to
            the article. A larger one makes articles thinner. Defaults to
            `0.1`.
        seed: Int. Defaults to `0`.

    Returns:
        Bytes of shape `(count, height, width, 3)`, and int32 of shape
        `(count, height, width)`.

    Raises:
        ValueError: if there is no picture of a name, or an article may be
            larger than a scene.

    Example:

    >>> import numpy as np
    >>> squares = np.full((2, 8, 8), 255, "uint8")
    >>> x, y = scenes(squares, ["cat", "dog"], ["cat", "dog"], 5, size=32)
    >>> x.shape, y.shape, np.unique(y).tolist()
    ((5, 32, 32, 3), (5, 32, 32), [0, 1, 2])
    """
    pictures, labels = np.asarray(pictures), np.asarray(labels)
    size = (size, size) if isinstance(size, int) else tuple(size)
    _check_counts(count, per_scene, scale)
    pools = _pools(pictures, labels, names)
    _check_sizes(pictures, size, scale)
    random = np.random.default_rng(seed)
    numbers = random.integers(per_scene[0], per_scene[1] + 1, count)
    classes = _draw_classes(numbers.sum(), len(pools), shares, random)
    x = np.empty((count, *size, 3), "uint8")
    y = np.zeros((count, *size), "int32")
    for canvas, label_map, number in zip(x, y, numbers, strict=True):
        canvas[:] = _canvas(size, random)
        chosen, classes = classes[:number], classes[number:]
        for index in chosen:
            picture = pictures[random.choice(pools[index])]
            article = _article(picture, scale, threshold, random)
            _paste(article, index + 1, canvas, label_map, random)
    return x, y


def annotated_only(maps, keep, unlabelled: int = 255) -> np.ndarray:
    """Label maps on which only some classes are annotated.

    Args:
        maps: Ints of any shape.
        keep: Int or ints, the classes whose pixels keep their labels.
        unlabelled: Int, the label of all other pixels. Defaults to `255`.

    Returns:
        Ints of the same shape.

    Example:

    >>> annotated_only([[0, 1], [2, 3]], keep=3, unlabelled=-1).tolist()
    [[-1, -1], [-1, 3]]
    """
    maps = np.asarray(maps)
    return np.where(np.isin(maps, keep), maps, unlabelled).astype("int32")


@dataclasses.dataclass(frozen=True)
class _Article:
    pixels: np.ndarray
    ink: np.ndarray


def _draw_classes(total, num_classes, shares, random):
    """Indices of classes in the shares that were asked for, in any order."""
    shares = np.ones(num_classes) if shares is None else np.asarray(shares)
    if shares.shape != (num_classes,) or shares.min() < 0 or not shares.any():
        raise ValueError(
            f"`shares` must be {num_classes} numbers of 0 or more, one for "
            f"each of `names`. Received: shares={shares.tolist()}."
        )
    ends = np.cumsum(shares) / np.sum(shares)
    quantiles = (np.arange(total) + 0.5) / total
    return random.permutation(np.searchsorted(ends, quantiles))


def _article(picture, scale, threshold, random):
    """A picture in another size, and where it has ink."""
    if picture.ndim == 2:
        picture = picture[..., None]
    factor = random.uniform(*scale)
    height, width = (max(1, round(n * factor)) for n in picture.shape[:2])
    pixels = _resized(picture, (height, width))
    ink = pixels.max(-1) > 255 * threshold
    shape = (height, width, 3)
    return _Article(np.broadcast_to(np.round(pixels), shape), ink)


def _paste(article, label, canvas, label_map, random):
    """Puts an article where it hides the least of the others."""
    height, width = article.ink.shape
    room = np.subtract(label_map.shape, (height, width)) + 1
    places = random.integers(0, room, (TRIES, 2))
    parts = [
        (slice(top, top + height), slice(left, left + width))
        for top, left in places
    ]
    hidden = [np.sum(article.ink & (label_map[part] > 0)) for part in parts]
    part = parts[int(np.argmin(hidden))]
    canvas[part][article.ink] = article.pixels[article.ink]
    label_map[part][article.ink] = label


def _canvas(size, random):
    """Patches of colour, and noise on them."""
    patches = random.uniform(0, 180, (5, 5, 3))
    texture = _resized(patches, size) + random.normal(0, 12, (*size, 3))
    return np.clip(texture, 0, 255)


def _resized(picture, size):
    """A picture in another size, by linear interpolation."""
    down, right = (
        _interpolation(old, new)
        for old, new in zip(picture.shape, size, strict=False)
    )
    return np.einsum("ai,bj,ijc->abc", down, right, picture, optimize=True)


def _interpolation(old, new):
    """Matrix `(new, old)` of weights, rows of sum 1."""
    places = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    distances = np.abs(places[:, None] - np.arange(old))
    return np.maximum(0, 1 - distances)


def _pools(pictures, labels, names):
    """The rows of the pictures of each name."""
    if pictures.ndim not in (3, 4) or len(pictures) != len(labels):
        raise ValueError(
            "`pictures` must have the shape (n, height, width), or with "
            "channels, and `labels` one value for each. Received: "
            f"pictures.shape={pictures.shape}, labels.shape={labels.shape}."
        )
    pools = [np.flatnonzero(labels == name) for name in names]
    missing = [
        name for name, rows in zip(names, pools, strict=True) if not len(rows)
    ]
    if missing or not pools:
        raise ValueError(
            "`names` must be values of `labels`, one or more. Received: "
            f"names={list(names)}, of which {missing} have no picture."
        )
    return pools


def _check_counts(count, per_scene, scale):
    least, most = per_scene
    smallest, largest = scale
    if count < 1 or not 0 <= least <= most or not 0 < smallest <= largest:
        raise ValueError(
            "`count` must be 1 or more, `per_scene` a range of numbers of "
            "articles and `scale` a range of sizes above 0. Received: "
            f"count={count}, per_scene={per_scene}, scale={scale}."
        )


def _check_sizes(pictures, size, scale):
    largest = [round(n * scale[1]) for n in pictures.shape[1:3]]
    if np.any(np.greater(largest, size)):
        raise ValueError(
            f"An article may be {largest[0]} x {largest[1]} pixels, which is "
            f"larger than a scene. Received: size={size}, scale={scale}. "
            "Make scenes larger or `scale` smaller."
        )
