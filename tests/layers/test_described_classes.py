import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.layers import ExpandableDense
from keras_incremental.statistics.gaussian import Gaussian

SIZE = 8


def samples(center, count=30, seed=0):
    rng = np.random.default_rng([seed, int(10 * center + 100)])
    return (rng.normal(size=(count, SIZE)) + center).astype("float32")


def built(units=3, **options):
    keras.utils.set_random_seed(0)
    head = ExpandableDense(units, name="head", **options)
    head.build((None, SIZE))
    return head


def with_two(recall=0.95):
    head = built()
    head.expand(2, "zeros")
    x = np.concatenate([samples(3), samples(-3)])
    head.describe(x, np.repeat([3, 4], 30), recall)
    return head


def logits(head, x):
    return ops.convert_to_numpy(head(x))


def test_old_logits_stay_bit_identical():
    head, x = built(), samples(0)
    before = logits(head, x)
    head.expand(1, "zeros")
    head.describe(samples(3), np.full(30, 3))
    np.testing.assert_array_equal(logits(head, x)[:, :3], before)
    assert head.described == (3,) and not head.is_affine


def test_it_is_near_to_its_own_samples_alone():
    head = with_two()
    assert np.mean(logits(head, samples(0, 200)).argmax(-1) > 2) < 0.05
    for center, label in ((3, 3), (-3, 4)):
        found = logits(head, samples(center, 200, seed=1)).argmax(-1)
        assert np.mean(found == label) > 0.85


@pytest.mark.parametrize("count", [5, 6, 30])
def test_the_logit_is_that_of_both_distances(count):
    """Written down again, in NumPy."""
    head, x = built(), samples(3, count).astype("float64")
    head.expand(1, "zeros")
    head.describe(x, np.full(count, 3), recall=0.8)

    def view(x):
        z = logits(head, x.astype("float32"))[:, :3].astype("float64")
        return z - z.mean(-1, keepdims=True)

    others = samples(1.5, 20).astype("float64")
    order = np.random.default_rng(0).permutation(count)
    left_out, distances = np.zeros(count), np.zeros(20)
    for rows in (lambda x: x, view):
        own = np.zeros(count)
        for held in np.array_split(order, 5):
            rest = np.setdiff1d(order, held)
            own[held] = Gaussian.of(rows(x[rest])).distances(rows(x[held]))
        left_out += (own - own.mean()) / own.std()
        away = Gaussian.of(rows(x)).distances(rows(others))
        distances += (away - own.mean()) / own.std()
    threshold = np.quantile(left_out, 0.8)
    slope = np.pi / np.sqrt(3) / left_out.std()
    found = logits(head, others.astype("float32")).astype("float64")
    total = np.log(np.exp(found[:, :3]).sum(-1))
    np.testing.assert_allclose(
        found[:, 3], total + slope * (threshold - distances), rtol=1e-3
    )


def test_a_smaller_recall_favors_old_classes():
    x = samples(2, 200)
    shares = [
        np.mean(logits(with_two(recall), x).argmax(-1) == 3)
        for recall in (0.5, 0.95)
    ]
    assert shares[0] < shares[1]


def test_more_samples_describe_it_again():
    head, x = with_two(), samples(0)
    before = logits(head, x)
    head.describe(samples(5, 2), [3, 3])
    after = logits(head, x)
    assert head.described == (3, 4)
    np.testing.assert_array_equal(after[:, :3], before[:, :3])
    np.testing.assert_allclose(after[:, 4], before[:, 4], rtol=1e-5)
    assert (after[:, 3] != before[:, 3]).all()
    near = logits(head, samples(3, 100, seed=1)).argmax(-1)
    assert np.mean(near == 3) > 0.85


def test_config_and_snapshot_make_it_again():
    head, x = with_two(), samples(1)
    again = ExpandableDense.from_config(head.get_config())
    again.build((None, SIZE))
    again.restore(head.snapshot())
    np.testing.assert_allclose(logits(again, x), logits(head, x), rtol=1e-5)
    snapshot, before = head.snapshot(), logits(head, x)
    head.expand(1, "zeros")
    head.describe(samples(8), np.full(30, 5))
    head.restore(snapshot)
    np.testing.assert_allclose(logits(head, x), before, rtol=1e-5)


def test_a_file_and_the_plain_form_compute_the_same(tmp_path):
    head, x = with_two(), samples(1)
    inputs = keras.Input((SIZE,))
    model = keras.Model(inputs, head(inputs))
    plain = keras.Model(inputs, head.plain(inputs))
    expected = logits(head, x)
    for name, made in (("model", model), ("plain", plain)):
        made.save(tmp_path / f"{name}.keras")
        loaded = keras.models.load_model(tmp_path / f"{name}.keras")
        np.testing.assert_allclose(
            loaded.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-4
        )
    packages = {type(layer).__module__.split(".")[0] for layer in plain.layers}
    assert packages == {"keras"}


def test_nothing_of_it_is_trained():
    head = with_two()
    head.trainable = False
    head.trainable = True
    names = {v.name for v in head.trainable_weights}
    assert not any(name.startswith("described") for name in names)


def test_without_descriptions_its_column_counts_again():
    head = with_two()
    head.drop_descriptions()
    assert head.is_affine and not head.described
    assert len(head.weights) == 4
    assert (logits(head, samples(3))[:, 3:] == 0).all()


@pytest.mark.parametrize(
    ("labels", "recall", "match"),
    [
        ([3] * 5, 0, "`recall`.*recall=0"),
        ([3] * 4 + [4], 0.9, "5 samples or more.*{3: 4, 4: 1}"),
        ([0] * 5, 0.9, "from 1 to 4.*Received: .0."),
        ([5] * 5, 0.9, "from 0 to 4.*Received: .5."),
        ([3] * 4, 0.9, "`labels`.*5 feature vectors"),
    ],
)
def test_what_cannot_be_described_is_refused(labels, recall, match):
    head, x = built(), samples(3, 5)
    head.expand(2, "zeros")
    with pytest.raises(ValueError, match=match):
        head.describe(x, labels, recall)
    assert head.described == ()


def test_features_that_are_not_finite_are_refused():
    head, x = built(), samples(3)
    head.expand(1, "zeros")
    x[7, 0] = np.nan
    with pytest.raises(ValueError, match="`features`.*row 7"):
        head.describe(x, np.full(30, 3))
    assert head.described == ()


def test_it_takes_part_in_fit_and_stays_as_it_is():
    head = with_two()
    inputs = keras.Input((SIZE,))
    model = keras.Model(inputs, head(inputs))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    before = head.get_weights()
    x, y = samples(0), np.arange(30) % 3
    history = model.fit(x, y, epochs=2, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    moved = [
        not np.array_equal(old, new)
        for old, new in zip(before, head.get_weights(), strict=True)
    ]
    names = [weight.name for weight in head.weights]
    assert any(moved)
    assert not any(
        changed
        for changed, name in zip(moved, names, strict=True)
        if name.startswith("described")
    )


def test_classes_before_the_first_described_one_are_refused():
    head = with_two()
    with pytest.raises(ValueError, match="from 3 to 4.*samples of all"):
        head.describe(samples(3), np.full(30, 2))


def test_divided_heads_cannot_describe_nor_described_ones_divide():
    divided = built()
    divided.expand(1, parents=[0])
    with pytest.raises(ValueError, match="none of them divided"):
        divided.describe(samples(3), np.full(30, 3))
    head = with_two()
    with pytest.raises(ValueError, match="Received: parents.*`remember`"):
        head.expand(1, parents=[0])
    assert head.units == 5
