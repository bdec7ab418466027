import keras
import numpy as np
import pytest
from keras import ops
from toy_classifiers import NAMES
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental import ExemplarMemory
from keras_incremental import recipes
from keras_incremental.layers import ExpandableDense
from keras_incremental.memory import Reservoir
from keras_incremental.models import IncrementalClassifier
from keras_incremental.recipes import Recipe

DESCRIBED = "classes described by where their samples lie"


def classifier(memory=None, **options):
    """A trained classifier of which nothing but the model is there."""
    model = trained_model()
    return IncrementalClassifier(model, NAMES[:2], memory=memory, **options)


def teach(clf, classes, count=30, seed=3, **options):
    x, y = samples(classes, count, seed)
    names = [NAMES[i] for i in classes]
    options = {"verbose": 0, **options}
    return clf.learn(x, [NAMES[i] for i in y], names, **options)


def scores(clf, x):
    return clf.predict(x, verbose=0)


def balanced(clf, classes):
    x, y = samples(list(classes), 100, seed=11)
    return np.mean(scores(clf, x).argmax(-1) == y)


@pytest.mark.backend
def test_a_new_class_is_described_and_old_logits_stay():
    clf, (x, _) = classifier(), samples([0, 1])
    before = scores(clf, x)
    report = teach(clf, [2])
    assert report.used["method"] == DESCRIBED
    assert report.used["epochs"] == 0 and report.history == {}
    assert clf.head.described == (2,)
    np.testing.assert_allclose(scores(clf, x)[:, :2], before, atol=1e-6)


def test_by_hand_it_is_the_same():
    clf, model = classifier(), trained_model()
    x, _ = samples([2], 30, 3)
    teach(clf, [2])
    features = keras.Model(model.inputs, model.layers[-1].input)
    head = ExpandableDense(2)
    head.build((None, features.output_shape[-1]))
    head.start_from(
        dict(
            zip(("kernel", "bias"), model.layers[-1].get_weights(), strict=True)
        )
    )
    head.expand(1, "zeros")
    head.describe(features.predict(x, verbose=0), np.full(30, 2))
    by_hand = keras.Model(model.inputs, head(features.output))
    others = samples(range(3))[0]
    np.testing.assert_allclose(
        by_hand.predict(others, verbose=0),
        scores(clf, others),
        rtol=1e-5,
        atol=1e-5,
    )


def test_it_beats_training_against_nothing():
    described, trained = classifier(), classifier()
    for label in (2, 3):
        teach(described, [label])
        teach(trained, [label], epochs=20)
    assert described.head.described == (2, 3)
    assert trained.head.described == ()
    assert balanced(described, range(4)) > balanced(trained, range(4)) + 0.05


def test_unlabeled_samples_tell_where_a_class_ends():
    alone, beside = classifier(), classifier()
    teach(alone, [2], count=12)
    stream, true = samples(range(3), 40, seed=8)
    x, _ = samples([0, 1])
    before = scores(beside, x)
    report = teach(beside, [2], count=12, auxiliary=stream)
    method = report.used["method"]
    assert f"of {len(stream)} auxiliary samples " in method
    assert f" tell where {NAMES[2]!r} ends" in method
    np.testing.assert_allclose(scores(beside, x)[:, :2], before, atol=1e-6)
    assert balanced(beside, range(3)) > balanced(alone, range(3))
    claimed = scores(beside, stream).argmax(-1) == 2
    candidates = report.used["candidates"]
    assert candidates.startswith(f"{claimed.sum()} like {NAMES[2]!r}, at ")
    shown = candidates.split(" at ")[1].split(" and ")[0].split(", ")
    assert len(shown) == 10 and claimed[list(map(int, shown))].all()
    assert "candidates" in str(report)
    assert np.mean(true[claimed] == 2) > 0.8


@pytest.mark.parametrize("others", [0, 3])
def test_too_few_samples_of_others_change_nothing_and_it_is_said(others):
    alone, beside = classifier(), classifier()
    teach(alone, [2])
    stream, _ = samples([2], 20, seed=8)
    more, _ = samples([0], others + 1, seed=8)
    stream = np.concatenate([stream, more[:others]])
    report = teach(beside, [2], auxiliary=stream)
    assert "too few to tell where" in report.used["method"]
    np.testing.assert_array_equal(scores(alone, stream), scores(beside, stream))


def test_samples_of_anything_cost_no_more_than_the_farthest_sample_allows():
    """They stand for others that they are not."""
    alone, beside = classifier(recipe=Recipe(recall=1.0)), classifier()
    teach(alone, [2])
    noise = 20 + np.random.default_rng(0).normal(size=(50, 8))
    x, _ = samples(range(3), 100, seed=9)
    noise = np.resize(noise, (50, *x.shape[1:])).astype("float32")
    teach(beside, [2], auxiliary=noise)
    # What the farthest sample of the class, left out, would not be claimed.
    taken = [scores(clf, x).argmax(-1) == 2 for clf in (beside, alone)]
    assert not np.any(taken[0] & ~taken[1])


UNREAD = {
    "solved": (None, True, {}, "statistics of old and new"),
    "closed form": (recipes.slda, True, {}, "StreamingLDA is solved"),
    "no term": (recipes.er, True, {}, "no term of the loss"),
    "few": (None, False, {"count": 4}, "no term of the loss"),
}


@pytest.mark.parametrize("case", UNREAD)
def test_unlabeled_samples_that_nothing_reads_are_refused(case):
    recipe, remembers, options, match = UNREAD[case]
    clf = classifier(recipe=recipe and recipe())
    if remembers:
        clf.remember(*samples([0, 1]))
    before = [weight.tobytes() for weight in clf.get_weights()]
    with pytest.raises(ValueError, match=f"`auxiliary` .*not be used.*{match}"):
        teach(clf, [2], auxiliary=samples([0])[0], **options)
    assert [weight.tobytes() for weight in clf.get_weights()] == before
    assert clf.classes == NAMES[:2]


@pytest.mark.parametrize("recipe", [None, recipes.lwf], ids=["auto", "lwf"])
def test_unlabeled_samples_that_are_distilled_are_read(recipe):
    alone, beside = (classifier(recipe=recipe and recipe()) for _ in range(2))
    stream, _ = samples(range(4), seed=8)
    for clf, options in ((alone, {}), (beside, {"auxiliary": stream})):
        clf.remember(*samples([0, 1]))
        teach(clf, [2], epochs=1, **options)
    x, _ = samples([0, 1])
    assert not np.allclose(scores(alone, x), scores(beside, x))


def test_recall_is_that_of_the_recipe():
    shares = []
    x = samples([2], 200, seed=12)[0]
    for recall in (0.5, 0.98):
        clf = classifier(recipe=Recipe(recall=recall))
        teach(clf, [2])
        shares.append(np.mean(scores(clf, x).argmax(-1) == 2))
    assert shares[0] + 0.2 < shares[1]


def test_once_all_classes_were_seen_the_head_is_solved():
    clf = classifier()
    teach(clf, [2])
    clf.remember(*samples([0, 1]))
    report = teach(clf, [3])
    assert "head solved from" in report.used["method"]
    assert clf.head.described == () and clf.head.is_affine
    assert balanced(clf, range(4)) > 0.85


def test_more_samples_of_a_described_class_are_welcome():
    clf = classifier()
    teach(clf, [2])
    line, before = clf.head.get_weights(), balanced(clf, range(3))
    report = teach(clf, [2], count=3, seed=8)
    assert report.used["method"] == DESCRIBED
    assert clf.classes == NAMES[:3]
    changed = [
        not np.array_equal(a, b)
        for a, b in zip(line, clf.head.get_weights(), strict=True)
    ]
    assert any(changed)
    assert balanced(clf, range(3)) > before - 0.05


@pytest.mark.backend
@pytest.mark.parametrize("memory", [None, 20])
def test_a_file_goes_on_where_it_was(memory, tmp_path):
    clf = classifier(memory and ExemplarMemory(memory, per_class=True))
    teach(clf, [2])
    clf.save(tmp_path / "clf.keras")
    loaded = keras.models.load_model(tmp_path / "clf.keras")
    for each in (clf, loaded):
        teach(each, [3], seed=5)
    x = samples(range(4))[0]
    np.testing.assert_allclose(scores(loaded, x), scores(clf, x), atol=1e-4)


@pytest.mark.backend
def test_the_plain_model_says_the_same():
    clf, x = classifier(), samples(range(3))[0]
    teach(clf, [2])
    plain = clf.to_keras()
    np.testing.assert_allclose(
        plain.predict(x, verbose=0), scores(clf, x), rtol=1e-4, atol=1e-4
    )


def test_a_refused_phase_changes_nothing():
    clf, x = classifier(), samples(range(3))[0]
    before = scores(clf, x)
    # Taken for old classes so far, and for the new one from now on.
    lost = samples([2], 50, seed=13)[0]
    labels = scores(clf, lost).argmax(-1)
    report = teach(clf, [2], validation_data=(lost, labels), max_drop=0.02)
    assert not report.accepted
    np.testing.assert_array_equal(scores(clf, x), before)
    assert clf.head.described == ()


@pytest.mark.backend
def test_rollback_forgets_a_description():
    clf, x = classifier(), samples(range(3))[0]
    before = scores(clf, x)
    teach(clf, [2])
    clf.rollback()
    np.testing.assert_allclose(scores(clf, x), before, atol=1e-6)
    assert clf.head.described == ()


def test_what_would_train_beside_a_description_is_refused():
    clf, x = classifier(), samples(range(3))[0]
    teach(clf, [2])
    before = scores(clf, x)
    for classes, options in (([3], {"epochs": 2}), ([0], {})):
        with pytest.raises(ValueError, match="described.*`remember`"):
            teach(clf, classes, **options)
    np.testing.assert_array_equal(scores(clf, x), before)
    assert clf.classes == NAMES[:3]


def test_a_stream_is_refused_beside_a_description():
    clf = classifier()
    teach(clf, [2])
    x, y = samples([0], 8)
    names = [NAMES[i] for i in y]
    with pytest.raises(ValueError, match="`observe`.*`remember`"):
        clf.with_recipe(recipes.er(memory=Reservoir(20))).observe(
            x, names, verbose=0
        )


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"recipe": recipes.lucir()}, "ExpandableCosine.*`remember`"),
        ({"multi_label": True}, "multi_label=True"),
    ],
)
def test_a_model_with_a_description_is_adopted_as_it_is(options, match):
    keras.utils.set_random_seed(0)
    inputs, head = keras.Input((8,)), ExpandableDense(2)
    model = keras.Model(inputs, head(inputs))
    x, _ = samples([2], 30)
    head.expand(1, "zeros")
    head.describe(x, np.full(30, 2))
    with pytest.raises(ValueError, match=match):
        IncrementalClassifier(model, NAMES[:3], **options)
    clf = IncrementalClassifier(model, NAMES[:3])
    np.testing.assert_allclose(
        scores(clf, x), ops.convert_to_numpy(head(x)), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("count", "options"), [(4, {}), (30, {"epochs": 2})], ids=["few", "epochs"]
)
def test_few_samples_and_epochs_are_trained(count, options):
    clf = classifier()
    report = teach(clf, [2], count=count, **options)
    assert "MarginCalibration" in report.used["method"]
    assert clf.head.described == ()


def test_a_renamed_and_a_removed_class_stay_so():
    clf, x = classifier(), samples(range(3))[0]
    teach(clf, [2])
    clf.rename({NAMES[2]: "other"})
    assert clf.classes[2] == "other"
    clf.remove(["other"])
    assert scores(clf, x).argmax(-1).max() < 2
    assert np.isfinite(ops.convert_to_numpy(clf(x))).any()
