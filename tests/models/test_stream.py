import dataclasses

import keras
import numpy as np
import pytest
from keras import ops
from toy_classifiers import NAMES
from toy_classifiers import samples
from toy_classifiers import trained_model
from toy_streams import NAMED_VALIDATION
from toy_streams import VALIDATION
from toy_streams import follower
from toy_streams import held
from toy_streams import stream

from keras_incremental import recipes
from keras_incremental.memory import Reservoir
from keras_incremental.models import IncrementalClassifier

CLOSED_FORMS = (recipes.slda, recipes.ridge, recipes.ncm)


def test_replay_keeps_what_a_stream_alone_forgets():
    def old_score(recipe):
        clf = follower(recipe)
        x, names = stream([2], [3], count=60)
        report = clf.observe(
            x,
            names,
            batch_size=10,
            validation_data=NAMED_VALIDATION,
            verbose=0,
        )
        assert report.class_score("fish") > 0.8
        return report.old_score

    alone = dataclasses.replace(recipes.fine_tuning(), center_features=True)
    forgetting = old_score(alone)
    assert old_score(recipes.er(memory=Reservoir(60))) > forgetting + 0.2


def test_names_arrive_in_any_batch():
    clf = follower(recipes.slda())
    names = ["dog", "fish", "cat", "fish", "bird", "dog"]
    x, _ = samples([NAMES.index(name) for name in names], 1)
    report = clf.observe(x, names, batch_size=2, verbose=0)
    assert clf.classes == ("cat", "dog", "fish", "bird")
    assert report.new_classes == ("fish", "bird")
    assert report.old_classes == ("cat", "dog")
    assert report.phase_classes == ("cat", "dog", "fish", "bird")
    assert report.used["new samples"] == 6
    assert report.used["batches"] == 3


@pytest.mark.parametrize("recipe", CLOSED_FORMS)
def test_a_closed_form_by_stream_is_that_of_a_phase(recipe):
    x, names = stream([2, 3], [0, 2, 4])
    streamed, phase_classes = follower(recipe()), follower(recipe())
    report = streamed.observe(x, names, verbose=0)
    phase_classes.learn(x, names, report.phase_classes, verbose=0)
    in_order = [phase_classes.classes.index(name) for name in streamed.classes]
    np.testing.assert_allclose(
        streamed.predict(VALIDATION[0], verbose=0),
        phase_classes.predict(VALIDATION[0], verbose=0)[:, in_order],
        rtol=1e-6,
        atol=1e-6,
    )


@pytest.mark.parametrize("recipe", CLOSED_FORMS)
def test_order_and_batches_do_not_matter_to_a_closed_form(recipe):
    x, names = stream([2, 3], [0, 2, 4])
    forth, back = follower(recipe()), follower(recipe())
    forth.observe(x, names, batch_size=7, verbose=0)
    back.observe(x[::-1], names[::-1], batch_size=50, verbose=0)
    in_order = [back.classes.index(name) for name in forth.classes]
    np.testing.assert_allclose(
        forth.predict(VALIDATION[0], verbose=0),
        back.predict(VALIDATION[0], verbose=0)[:, in_order],
        rtol=1e-5,
        atol=1e-5,
    )


def test_a_closed_form_may_meet_its_first_classes_in_the_stream():
    clf = follower(recipes.slda(), remembered=False)
    clf.observe(*stream(range(3)), verbose=0)
    x, labels = samples(range(3), seed=9)
    assert np.mean(clf.predict(x, verbose=0).argmax(-1) == labels) > 0.9


def test_the_reservoir_follows_the_stream_within_its_budget():
    clf = follower(recipes.er(memory=Reservoir(25)), remembered=False)
    x, names = stream([0, 1], [1, 2])
    sizes = []

    def batches():
        for k in range(0, len(x), 20):
            yield x[k : k + 20], names[k : k + 20]
            sizes.append(len(clf.memory))

    clf.observe(batches(), verbose=0)
    assert sizes[0] == 20
    assert max(sizes) == sizes[-1] == 25
    assert clf.memory.seen == {0: 30, 1: 60, 2: 30}


def test_a_step_is_that_of_dark_replay_by_hand():
    alpha, beta, rate = 0.3, 0.5, 0.1
    clf = follower(
        recipes.der_pp(alpha, beta, memory=Reservoir(500)), remembered=False
    )
    old, old_labels = samples([0, 1], 2, seed=5)
    new, labels = samples([0, 1], 2, seed=6)
    stored = np.array([[1, 0], [2, -1], [0, 3], [1, 1]], "float32")
    clf.memory.add(old, old_labels, stored)
    features = clf.features.predict(np.concatenate([new, old]), verbose=0)
    features = features.astype("float64")
    logits = features @ clf.head.columns("kernel") + clf.head.columns("bias")
    error = _softmax(logits) - np.eye(2)[[*labels, *old_labels]]
    error *= np.array([1] * 4 + [beta] * 4)[:, None] / 4
    error[4:] += alpha * 2 * (logits[4:] - stored) / (4 * 2)
    centered = features - features[:4].mean(0)
    expected = logits - rate * (centered @ centered.T @ error + error.sum(0))
    names = np.array(NAMES)[labels]
    sgd = keras.optimizers.SGD(rate)
    clf.observe(new, names, optimizer=sgd, verbose=0)
    given = clf.predict(np.concatenate([new, old]), verbose=0)
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-4)


def stepped(recipe, labels):
    """Columns before and after one step of SGD, and the loss."""
    clf = follower(recipe, remembered=False)
    x, labels = samples(labels, 3, seed=6)
    before = clf.head.columns("kernel").copy()
    report = clf.observe(
        x,
        [NAMES[label] for label in labels],
        batch_size=len(x),
        optimizer=keras.optimizers.SGD(0.1),
        verbose=0,
    )
    return before, clf.head.columns("kernel"), report.history["loss"][0]


def test_erace_stream_leaves_classes_alone_that_are_not_in_the_batch():
    before, after, _ = stepped(recipes.er_ace(memory=Reservoir(500)), [2, 3])
    np.testing.assert_array_equal(after[:, :2], before)
    assert np.abs(after[:, 2:]).max() > 0


def test_erace_stream_of_one_class_has_no_loss_without_replay():
    before, after, loss = stepped(recipes.er_ace(memory=Reservoir(500)), [0])
    assert loss == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_erace_stream_with_all_classes_is_plain_replay():
    _, expected, loss = stepped(recipes.er(memory=Reservoir(500)), [0, 1])
    _, after, same = stepped(recipes.er_ace(memory=Reservoir(500)), [0, 1])
    assert same == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-6)


def test_erace_stream_tells_replayed_samples_apart_from_all_classes():
    recipe = dataclasses.replace(
        recipes.er_ace(memory=Reservoir(500)), center_features=False
    )
    clf = follower(recipe, remembered=False)
    old, old_labels = samples([0, 1], 2, seed=5)
    new, labels = samples([1], 4, seed=6)
    clf.memory.add(old, old_labels)
    features = clf.features.predict(old, verbose=0).astype("float64")
    kernel = clf.head.columns("kernel").copy()
    logits = features @ kernel + clf.head.columns("bias")
    # The new samples, all of one class, give nothing to the mean.
    error = _softmax(logits) - np.eye(2)[old_labels]
    error /= len(old) + len(new)
    clf.observe(
        new,
        [NAMES[label] for label in labels],
        batch_size=4,
        optimizer=keras.optimizers.SGD(0.1),
        verbose=0,
    )
    np.testing.assert_allclose(
        clf.head.columns("kernel"), kernel - 0.1 * features.T @ error, atol=1e-5
    )


def _softmax(logits):
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def test_samples_keep_the_logits_that_they_had_when_they_came():
    clf = follower(
        recipes.der_pp(beta=0.0, memory=Reservoir(500)), remembered=False
    )
    x, names = stream([0, 1, 2], count=3)
    before = clf.predict(x, verbose=0)
    clf.observe(x, names, verbose=0)
    stored = clf.memory.stored_logits(3)
    np.testing.assert_allclose(stored[:, :2], before, atol=1e-4)
    np.testing.assert_array_equal(stored[:, 2], np.zeros(9))


def test_a_stream_trains_what_is_not_frozen():
    model = trained_model()
    model.layers[0].trainable = True
    clf = IncrementalClassifier(model, NAMES[:2], Reservoir(20))
    before = [ops.convert_to_numpy(w).copy() for w in clf.features.weights]
    report = clf.observe(*stream([0, 1, 2], count=10), verbose=0)
    assert report.used["training mode"] == "end to end"
    after = clf.features.get_weights()
    assert not np.allclose(before[0], after[0])
    assert len(report.history["loss"]) == 1
    assert len(clf.statistics) == 0


def test_the_frozen_part_runs_once_for_each_picture():
    clf = follower(recipes.er(memory=Reservoir(500)), remembered=False)
    frozen = clf.backbone.frozen
    seen = []
    predict = frozen.predict_on_batch
    frozen.predict_on_batch = lambda x: seen.append(len(x)) or predict(x)
    x, names = stream([0, 1], count=20)
    clf.observe(x, names, batch_size=10, verbose=0)
    assert seen == [10, 10, 10, 10]
    assert clf.statistics.counts.tolist() == [20, 20]


def test_pictures_of_names_that_never_came_are_not_measured():
    clf = follower(recipes.slda())
    x, names = NAMED_VALIDATION
    report = clf.observe(
        *stream([3]), validation_data=(x[::-1], names[::-1]), verbose=0
    )
    assert report.classes == ("cat", "dog", "fish")
    assert report.after.total.tolist() == [30, 30, 30]
    flips = names[::-1][report.flips]
    assert set(flips) <= {"cat", "dog"}


def test_integers_index_the_names_that_are_given():
    clf = follower(recipes.slda())
    x, labels = samples([1, 2], 5)
    clf.observe(x, labels, classes=NAMES, verbose=0)
    assert clf.classes == NAMES[:3]
    clf.observe(*samples([2], 5), verbose=0)
    assert clf.head.statistics.counts.tolist() == [30, 35, 10]


def test_interrupted_it_is_as_before():
    clf = follower(recipes.der_pp(memory=Reservoir(20)))
    before = held(clf)
    x, names = stream([1, 2])

    def batches():
        yield x[:10], names[:10]
        assert clf.head.units == 3
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clf.observe(batches(), verbose=0)
    assert held(clf) == before


def test_a_refused_stream_changes_nothing():
    clf = follower(recipes.fine_tuning())
    before = held(clf)
    report = clf.observe(
        *stream([2]),
        validation_data=NAMED_VALIDATION,
        max_drop=0.0,
        optimizer=keras.optimizers.SGD(10.0),
        verbose=0,
    )
    assert not report.accepted
    assert held(clf) == before


def test_rollback_undoes_a_stream():
    clf = follower(recipes.er(memory=Reservoir(20)))
    before = held(clf)
    clf.observe(*stream([1, 2]), batch_size=60, verbose=0)
    assert clf.classes == NAMES[:3]
    clf.rollback()
    assert held(clf) == before


def _dark_replay():
    return recipes.der_pp(memory=Reservoir(500))


@pytest.mark.parametrize("recipe", [_dark_replay, recipes.ridge])
def test_another_process_goes_on_bit_for_bit(recipe, tmp_path):
    clf = follower(recipe(), remembered=False)
    # Rounded, features do not depend on the batches they are computed in.
    for weight in clf.features.weights:
        weight.assign(ops.round(16 * weight) / 16)

    def rounded(x, names):
        return np.round(16 * x) / 16, names

    clf.remember(*rounded(*samples([0, 1])))
    clf.observe(*rounded(*stream([0, 2])), batch_size=30, verbose=0)
    clf.save(tmp_path / "clf.keras")
    loaded = keras.models.load_model(tmp_path / "clf.keras")
    assert held(loaded) == held(clf)
    for model in (clf, loaded):
        x, names = rounded(*stream([1, 3], seed=7))
        model.observe(x, names, batch_size=30, verbose=0)
    assert held(loaded) == held(clf)
