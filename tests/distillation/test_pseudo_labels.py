import numpy as np
import pytest
from keras import ops

from keras_incremental.distillation.pseudo_labels import accepted_share
from keras_incremental.distillation.pseudo_labels import meanings
from keras_incremental.distillation.pseudo_labels import pseudo_labels
from keras_incremental.losses import candidate_set_crossentropy

# Old classes 0 (background), 1 and 2; the new one is 3.
RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.integers(0, 4, (2, 5, 6))
ANNOTATIONS = np.where(TRUTH == 3, 3, 255)
STUDENT = RANDOM.normal(size=(2, 5, 6, 4)).astype("float32")


def teacher(truth, sureness=50.0):
    """A teacher that is right, and takes the new class for background."""
    return sureness * np.eye(3, dtype="float32")[truth % 3]


def sets_of(found):
    """For each position, the classes that its label leaves possible."""
    everything = np.ones(found.table.shape[1], bool)
    rows = np.where(
        (found.labels < 0)[..., None], everything, found.table[found.labels]
    )
    return [np.flatnonzero(row).tolist() for row in rows]


def losses(labels, table=None):
    return ops.convert_to_numpy(
        candidate_set_crossentropy(labels, STUDENT, table, ignore_class=-1)
    )


# One annotated sample, then sure of 0, 1 and 2, then unsure.
SURE = np.float32([[0, 9, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9], [0, 0, 0]])
LABELS = [3, -1, 255, -1, 255]
ALL = [0, 1, 2, 3]
RULES = [
    ("novel", -1, "not_new", [[3], [0], [1], [2], [0, 1, 2]]),
    ("hidden", 0, "not_new", [[3], [0], [1], [2], [0, 1, 2]]),
    ("split", 1, "not_new", [[3], [0], [1], [2], [0, 1, 2]]),
    ("novel", -1, "unknown", [[3], [0, 3], [1], [2], ALL]),
    ("hidden", 0, "unknown", [[3], [0, 3], [1], [2], ALL]),
    ("split", 1, "unknown", [[3], [0], [1, 3], [2], ALL]),
    ("novel", -1, "background", [[3], [0], [0], [0], [0]]),
    ("hidden", 0, "background", [[3], [0], [0], [0], [0]]),
    ("split", 1, "background", [[3], [0], [0], [0], [0]]),
]


@pytest.mark.parametrize("relation, parent, unlabeled, expected", RULES)
def test_the_rules_for_one_pixel(relation, parent, unlabeled, expected):
    found = pseudo_labels(
        LABELS, SURE, [parent], unlabeled, background=0, thresholds=[0.5] * 3
    )
    assert sets_of(found) == expected
    np.testing.assert_array_equal(found.table[:4], np.eye(4))


def test_without_a_background_a_novel_class_joins_no_old_one():
    found = pseudo_labels(LABELS, SURE, [-1], "unknown", thresholds=[0.5] * 3)
    assert sets_of(found) == [[3], [0], [1], [2], ALL]
    assert found.labels.tolist() == [3, 0, 1, 2, -1]


def test_several_new_classes_have_parents_of_their_own():
    table, ids = meanings(3, [1, -1, 1], "unknown", background=0)
    sets = [np.flatnonzero(table[i]).tolist() for i in ids[:3]]
    assert sets == [[0, 4], [1, 3, 5], [2]]
    assert ids[3] == -1


@pytest.mark.parametrize("unlabeled", ["unknown", "not_new", "background"])
@pytest.mark.parametrize("parent", [-1, 0, 1])
def test_pseudo_never_overwrites_annotation(unlabeled, parent):
    annotations = np.where(RANDOM.random(TRUTH.shape) < 0.5, TRUTH, -1)
    logits = teacher(RANDOM.integers(0, 3, TRUTH.shape))
    found = pseudo_labels(annotations, logits, [parent], unlabeled, 0)
    given = annotations >= 0
    np.testing.assert_array_equal(found.labels[given], TRUTH[given])


def test_a_perfect_teacher_gives_the_loss_of_all_labels():
    found = pseudo_labels(
        ANNOTATIONS, teacher(TRUTH), [0], "not_new", background=0
    )
    np.testing.assert_allclose(
        losses(found.labels, found.table), losses(TRUTH), rtol=1e-6
    )
    assert found.share.tolist() == [1.0, 1.0]


def test_a_threshold_of_zero_accepts_nothing():
    found = pseudo_labels(
        ANNOTATIONS, teacher(TRUTH, 2.0), [0], "unknown", 0, thresholds=[0] * 3
    )
    ignoring = np.where(ANNOTATIONS == 255, -1, ANNOTATIONS)
    np.testing.assert_array_equal(
        losses(found.labels, found.table), losses(ignoring)
    )
    assert found.share.tolist() == [0.0, 0.0]


def test_nu_is_the_accepted_share_of_each_picture():
    missing = np.array([[[1, 1], [1, 1]], [[1, 0], [1, 0]], [[0, 0], [0, 0]]])
    sure = np.array([[[1, 0], [1, 1]], [[0, 1], [0, 1]], [[0, 0], [0, 0]]])
    found = accepted_share(sure == 1, missing == 1)
    assert found.tolist() == [0.75, 0.0, 1.0]


def test_nu_lies_between_zero_and_one():
    logits = RANDOM.normal(size=(2, 5, 6, 3))
    share = pseudo_labels(ANNOTATIONS, logits, [0], "unknown", 0).share
    assert ((share > 0) & (share < 1)).all()


def test_medians_are_of_unlabeled_positions_only():
    annotations = np.array([3, 3, 3, -1, -1, -1])
    sureness = np.float32([0, 0, 0, 1, 2, 3])
    logits = sureness[:, None] * np.float32([1, 0, 0])
    found = pseudo_labels(annotations, logits, [0], "not_new", minimum=0)
    assert found.labels.tolist() == [3, 3, 3, 4, 4, 0]


REFUSALS = {
    "`unlabeled` must be one of.*unlabeled=None.*changes the result": {
        "unlabeled": None
    },
    "background=None.*Pass the index": {
        "unlabeled": "background",
        "background": None,
    },
    "`parents`.*from 0 to 2.*parents=\\[3\\]": {"parents": [3]},
    "`background`.*background=5": {"background": 5},
    "`annotations` must be classes from 0 to 3.*\\[4\\]": {
        "annotations": [4, -1, -1, -1, -1]
    },
    "annotations.shape=\\(2,\\).*logits_at": {"annotations": [3, 3]},
}


@pytest.mark.parametrize("message", REFUSALS)
def test_what_has_no_meaning_is_refused(message):
    given = {
        "annotations": LABELS,
        "logits": SURE,
        "parents": [0],
        "unlabeled": "unknown",
        "background": 0,
    }
    with pytest.raises(ValueError, match=message):
        pseudo_labels(**{**given, **REFUSALS[message]})
