import numpy as np
import pytest
from benchmarks.scenes import annotated_only
from benchmarks.scenes import scenes

# Squares of one grey for each class, with a frame without ink.
GREYS = {"cat": 200, "dog": 220, "cow": 250}
NAMES = list(GREYS)
LABELS = np.array(NAMES * 2)
PICTURES = np.zeros((6, 12, 10), "uint8")
PICTURES[:, 2:-2, 2:-2] = np.array([*GREYS.values()] * 2)[:, None, None]


def draw(count=20, size=32, **options):
    return scenes(PICTURES, LABELS, NAMES, count, size, **options)


def test_sizes_and_types():
    x, y = draw(5, (32, 40))
    assert x.shape == (5, 32, 40, 3) and x.dtype == "uint8"
    assert y.shape == (5, 32, 40) and y.dtype == "int32"


def test_the_seed_decides_the_scenes():
    first, same, other = draw(3), draw(3), draw(3, seed=1)
    for one, two in zip(first, same, strict=True):
        np.testing.assert_array_equal(one, two)
    assert (first[1] != other[1]).any()


@pytest.mark.parametrize("channels", [None, 1, 3])
def test_each_labelled_pixel_shows_its_article(channels):
    pictures = PICTURES
    if channels:
        pictures = np.repeat(PICTURES[..., None], channels, -1)
    x, y = scenes(pictures, LABELS, NAMES, 20, 32, scale=(1, 1))
    for label, grey in enumerate(GREYS.values(), start=1):
        assert (x[y == label] == grey).all()


def test_an_article_has_as_many_pixels_as_ink():
    _, y = draw(10, per_scene=(1, 1), scale=(1, 1))
    assert ((y > 0).sum((1, 2)) == 8 * 6).all()


def test_articles_are_of_many_sizes_at_many_places():
    _, y = draw(30, per_scene=(1, 1), scale=(0.5, 1.5))
    areas = (y > 0).sum((1, 2))
    assert areas.min() < 48 < areas.max()
    assert len({tuple(np.argwhere(m)[0]) for m in y}) > 20


def test_every_class_occurs_and_the_background():
    _, y = draw(3)
    assert np.unique(y).tolist() == [0, 1, 2, 3]


def test_the_order_of_names_numbers_the_classes():
    x, y = scenes(PICTURES, LABELS, ["cow", "cat"], 20, 32, scale=(1, 1))
    assert np.unique(y).tolist() == [0, 1, 2]
    assert (x[y == 1] == GREYS["cow"]).all()


def test_a_scene_has_as_many_articles_as_asked_for():
    _, y = draw(40, per_scene=(0, 2), scale=(1, 1), size=64)
    areas = (y > 0).sum((1, 2))
    assert areas.min() == 0 and areas.max() == 2 * 48


def test_shares_say_how_often_a_class_occurs():
    _, y = draw(20, per_scene=(1, 1), scale=(1, 1), shares=[0.75, 0, 0.25])
    counts = [(y == k).any((1, 2)).sum() for k in (1, 2, 3)]
    assert counts == [15, 0, 5]


def test_a_larger_threshold_takes_less_ink():
    faint = np.full((1, 8, 8), 60, "uint8")
    for threshold, classes in ((0.1, [0, 1]), (0.5, [0])):
        _, y = scenes(faint, [7], [7], 2, 16, threshold=threshold)
        assert np.unique(y).tolist() == classes


def test_the_canvas_is_not_flat():
    x, y = draw(4)
    assert all(x[i][y[i] == 0].std() > 5 for i in range(4))


def test_only_annotations_that_are_kept_stay():
    maps = np.array([[[0, 1], [2, 3]]])
    assert annotated_only(maps, 3).tolist() == [[[255, 255], [255, 3]]]
    assert annotated_only(maps, [0, 2], -1).tolist() == [[[0, -1], [2, -1]]]
    assert maps.tolist() == [[[0, 1], [2, 3]]]


REFUSALS = {
    "`names`.*'cow', 'bird'.*\\['bird'\\] have no picture": {
        "names": ["cow", "bird"]
    },
    "`names`.*one or more": {"names": []},
    "`count` must be 1 or more.*count=0": {"count": 0},
    "per_scene=\\(3, 2\\)": {"per_scene": (3, 2)},
    "scale=\\(0, 1\\)": {"scale": (0, 1)},
    "24 x 20 pixels.*size=\\(20, 20\\).*Make": {"size": 20, "scale": (1, 2)},
    "`shares` must be 3 numbers.*shares=\\[1, 2\\]": {"shares": [1, 2]},
    "labels.shape=\\(2,\\)": {"labels": ["cat", "dog"]},
}


@pytest.mark.parametrize("message", REFUSALS)
def test_what_makes_no_scene_is_refused(message):
    given = {"pictures": PICTURES, "labels": LABELS, "names": NAMES}
    with pytest.raises(ValueError, match=message):
        scenes(**{**given, "count": 2, "size": 32, **REFUSALS[message]})
