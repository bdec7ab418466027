import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.layers import ExpandableDense
from keras_incremental.layers import expandable_dense
from keras_incremental.layers.unlabeled_evidence import told_from
from keras_incremental.layers.unlabeled_evidence import weigh_evidence

SIZE = 6


def mixture(share, count=400, seed=0):
    """Samples of a class, and unlabeled ones of which it has a share."""
    random = np.random.default_rng(seed)
    own = random.normal(size=(60, 2))
    rest = random.normal(size=(count, 2)) + [3.0, 2.0]
    hidden = random.normal(size=(round(share * count), 2))
    return own, np.concatenate([hidden, rest[len(hidden) :]])


@pytest.mark.parametrize("share", [0.0, 0.2, 0.7])
def test_the_share_of_the_class_is_found(share):
    own, unlabeled = mixture(share)
    guess = (unlabeled.sum(-1) < 2).astype(float)
    found = weigh_evidence(own, unlabeled, guess)
    assert found.shares.mean() == pytest.approx(share, abs=0.04)
    hidden = np.arange(len(unlabeled)) < round(share * len(unlabeled))
    assert np.mean((found.shares > 0.5) == hidden) > 0.95


def test_the_weights_are_those_of_least_crossentropy():
    """The slope of the loss, written down, is 0 there."""
    own, unlabeled = mixture(0.3)
    found = weigh_evidence(own, unlabeled, np.zeros(len(unlabeled)))
    rest, total = 1 - found.shares, len(own) + np.sum(1 - found.shares)
    parts = np.concatenate([own, unlabeled])
    probabilities = 1 / (1 + np.exp(-found.logits(parts)))
    weights = (
        total
        / 2
        * np.concatenate([np.full(len(own), 1 / len(own)), rest / rest.sum()])
    )
    errors = weights * (probabilities - (np.arange(len(parts)) < len(own)))
    assert np.sum(errors) == pytest.approx(0, abs=1e-2)
    np.testing.assert_allclose(
        errors @ parts + found.weights, 0, atol=1e-3 * len(parts)
    )


@pytest.mark.parametrize("count", [0, 4])
def test_without_samples_of_others_there_is_nothing_to_weigh(count):
    own, unlabeled = mixture(0.0)
    assert weigh_evidence(own, unlabeled[:count], np.zeros(count)) is None


def test_evidence_that_tells_all_apart_has_finite_weights():
    own, unlabeled = np.full((9, 3), -50.0), np.full((30, 3), 50.0)
    found = weigh_evidence(own, unlabeled, np.zeros(30))
    assert np.isfinite([found.bias, *found.weights]).all()
    assert (found.logits(own) > 2).all()
    assert (found.logits(unlabeled) < -2).all()


@pytest.mark.parametrize("size", [3, 200])
def test_a_column_tells_samples_that_it_was_not_solved_from(size):
    random = np.random.default_rng(0)
    own, others = random.normal(size=(2, 40, size))
    others = others + 4 / np.sqrt(size)
    column, known, told = told_from(own, others)
    assert np.mean(known > 0) > 0.8 and np.mean(told < 0) > 0.8
    inside = np.concatenate([column.scores(own), -column.scores(others)])
    # What they were solved from they tell better.
    assert inside.mean() > np.concatenate([known, -told]).mean()


def samples(center, count=30, seed=0):
    rng = np.random.default_rng([seed, int(10 * center + 100)])
    return (rng.normal(size=(count, SIZE)) + center).astype("float32")


def stream():
    return np.concatenate([samples(c, 40, 1) for c in (0.0, 1.0, 2.0)])


def described(recall=0.95):
    keras.utils.set_random_seed(0)
    head = ExpandableDense(3, name="head")
    head.build((None, SIZE))
    head.expand(1, "zeros")
    told = head.describe(samples(2), np.full(30, 3), recall, stream())
    assert list(told) == [3] and 40 < told[3] <= 110
    return head


def logits(head, x):
    return ops.convert_to_numpy(head(x)).astype("float64")


def test_the_logit_is_that_of_evidence_within_the_limit():
    head = described()
    weights = {w.name: ops.convert_to_numpy(w)[0] for w in head.weights}
    x = np.concatenate([samples(c, 20, 2) for c in (0.0, 2.0, 9.0)])
    z = logits(head, x)
    base = z[:, :3]
    lengths = []
    for prefix, rows in (("", x), ("logit_", base - base.mean(1)[:, None])):
        part = {
            n: weights[f"described_{prefix}{n}"]
            for n in ("center", "directions", "shares")
        }
        steps = rows - part["center"]
        along = steps @ part["directions"]
        others = steps - along @ part["directions"].T
        squares = np.square(others).sum(1) + along**2 @ part["shares"]
        lengths.append(np.sqrt(squares))

    def line(name):
        constant, *factors = weights[f"described_{name}"]
        return constant - factors @ np.array(lengths)

    evidence = line("line") + x @ weights["described_column"]
    limit = line("limit")
    assert np.any(evidence < limit) and np.any(evidence > limit)
    total = np.log(np.exp(base).sum(1))
    np.testing.assert_allclose(
        z[:, 3], total + np.minimum(evidence, limit), rtol=1e-3, atol=1e-3
    )


def test_at_least_so_many_samples_of_the_class_stay_its_own():
    shares = [
        np.mean(logits(described(recall), samples(2, 300, 3)).argmax(-1) == 3)
        for recall in (0.5, 0.99)
    ]
    assert shares[0] < shares[1] and shares[1] > 0.9


def test_of_many_unlabeled_samples_some_are_looked_at(monkeypatch):
    monkeypatch.setattr(expandable_dense, "MOST_UNLABELED", 40)
    head = ExpandableDense(3)
    head.build((None, SIZE))
    head.expand(1, "zeros")
    told = head.describe(samples(2), np.full(30, 3), unlabeled=stream())
    assert 5 < told[3] <= 40


@pytest.mark.parametrize("count", [3, 30])
def test_what_is_drawn_of_a_class_tells_nothing_of_where_it_ends(count):
    head, x = described(), samples(2, count, 5)
    told = head.describe(x, np.full(count, 3), unlabeled=stream())
    assert (told[3] > 0) == (count > 3)
    found = logits(head, samples(2, 300, 3)).argmax(-1)
    assert np.mean(found == 3) > 0.85


def test_the_plain_form_and_a_file_compute_the_same(tmp_path):
    head, x = described(), samples(1)
    inputs = keras.Input((SIZE,))
    expected = logits(head, x)
    for name, outputs in (("own", head(inputs)), ("plain", head.plain(inputs))):
        path = tmp_path / f"{name}.keras"
        keras.Model(inputs, outputs).save(path)
        loaded = keras.models.load_model(path)
        np.testing.assert_allclose(
            loaded.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-4
        )


def test_a_file_from_before_has_neither_column_nor_limit():
    head = ExpandableDense(3)
    head.build((None, SIZE))
    head.expand(1, "zeros")
    head.describe(samples(2), np.full(30, 3))
    store, again = {}, ExpandableDense.from_config(head.get_config())
    head.save_own_variables(store)
    del store["described_column"], store["described_limit"]
    again.build((None, SIZE))
    again.load_own_variables(store)
    np.testing.assert_allclose(
        logits(again, samples(1)), logits(head, samples(1)), rtol=1e-5
    )


def test_unlabeled_features_that_are_not_finite_are_refused():
    head = described()
    before = head.get_weights()
    odd = samples(0)
    odd[4, 2] = np.nan
    with pytest.raises(ValueError, match="first in row 4"):
        head.describe(samples(3), np.full(30, 3), unlabeled=odd)
    for a, b in zip(before, head.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
