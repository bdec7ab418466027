import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental import layers
from keras_incremental import losses
from keras_incremental.layers import growth
from keras_incremental.layers import splits
from keras_incremental.testing.gradients import gradient

INPUTS = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
# Class 2 came out of 1, 3 too, and 4 out of 2.
FAMILY = (-1, -1, 1, 1, 2)


def array(value):
    return np.array(ops.convert_to_numpy(value))


def built(units=3, **kwargs):
    head = layers.ExpandableDense(units, **kwargs)
    head.build((None, 4))
    return head


def spread(head):
    """Columns as training might leave them."""
    kernel = head.columns("kernel")
    random = np.random.default_rng(1)
    head.assign_columns("kernel", random.normal(size=kernel.shape))
    return head


def plain_model(head):
    inputs = keras.Input((4,))
    return keras.Model(inputs, head.plain(inputs))


def log_sigmoid(s):
    return -np.logaddexp(0, -np.float64(s))


def test_paths_of_a_family():
    layout = splits.layout_of(FAMILY)
    assert layout.roots.tolist() == [0, 1, 1, 1, 1]
    assert layout.splits.tolist() == [2, 3, 4]
    # Splits 0, 1, 2 give to their child; 3, 4, 5 leave to the parent.
    assert layout.paths.tolist() == [
        [6, 6],
        [3, 4],
        [0, 5],
        [3, 1],
        [0, 2],
    ]


def test_logits_of_a_family_by_hand():
    raw = np.array([[0.5, 2.0, 0.3, -1.0, 4.0]], "float32")
    z, b, s, t, u = raw[0].tolist()
    expected = [
        z,
        b + log_sigmoid(-s) + log_sigmoid(-t),
        b + log_sigmoid(s) + log_sigmoid(-u),
        b + log_sigmoid(-s) + log_sigmoid(t),
        b + log_sigmoid(s) + log_sigmoid(u),
    ]
    result = array(splits.leaf_logits(raw, FAMILY, [5]))
    np.testing.assert_allclose(result[0], expected, rtol=1e-6)


def test_parent_and_child_have_what_the_parent_had():
    raw = np.array([[3.0, s] for s in (-1e4, -30, 0, 0.7, 30, 1e4)], "float32")
    result = array(splits.leaf_logits(raw, (-1, 0), [2])).astype("float64")
    total = np.logaddexp(result[:, 0], result[:, 1])
    np.testing.assert_allclose(total, 3.0, atol=1e-6)


def test_gradients_are_finite_where_a_share_is_0_or_1():
    raw = np.array([[3.0, -1e4], [3.0, 1e4]], "float32")

    def loss(raw):
        return ops.sum(splits.leaf_logits(raw, (-1, 0), [2])[:, :1])

    np.testing.assert_allclose(gradient(loss, raw), [[1, 0], [1, -1]])


def test_old_labels_cost_after_a_split_what_they_cost_before():
    head = spread(built())
    labels = np.array([0, 1, 1, 2, 1, 0])
    before = losses.candidate_set_crossentropy(labels, head(INPUTS))
    head.expand(1, parents=[1])
    table = losses.tables.split(3, parent=1)
    after = losses.candidate_set_crossentropy(labels, head(INPUTS), table)
    np.testing.assert_allclose(array(after), array(before), atol=1e-5)


def test_merged_distillation_is_content_at_a_split():
    head = spread(built())
    teacher = array(head(INPUTS))
    head.expand(1, parents=[1])
    for temperature in (1.0, 2.0):
        loss = losses.DistillationCrossentropy(
            [0, 1, 2, 1], temperature=temperature
        )
        slope = gradient(
            lambda z, loss=loss: loss(teacher, z), array(head(INPUTS))
        )
        np.testing.assert_allclose(slope, 0.0, atol=1e-6)


def test_a_share_near_zero_makes_the_child_improbable():
    head = built()
    head.expand(1, initializer=layers.SplitShare(1e-6), parents=[1])
    assert array(ops.softmax(head(INPUTS)))[:, 3].max() < 1e-6


def test_children_that_arrive_together_start_with_equal_parts():
    head = built()
    before = array(head(INPUTS))
    head.expand(3, layers.SplitShare(0.3), parents=[1, 1, 1])
    shares = np.exp(array(head(INPUTS))[:, [1, 3, 4, 5]] - before[:, 1:2])
    np.testing.assert_allclose(shares[0], [0.7, 0.1, 0.1, 0.1], rtol=1e-5)


def test_each_child_may_start_with_a_share_of_its_own():
    head = built()
    before = array(head(INPUTS))
    share = layers.SplitShare([0.5, 0.2, 0.25])
    head.expand(4, share, seed=0, parents=[1, 0, None, 1])
    after = array(head(INPUTS))
    shares = np.exp(after[:, [1, 3, 6]] - before[:, 1:2])
    np.testing.assert_allclose(shares[0], [0.25, 0.5, 0.25], rtol=1e-5)
    shares = np.exp(after[:, [0, 4]] - before[:, :1])
    np.testing.assert_allclose(shares[0], [0.8, 0.2], rtol=1e-5)


def test_an_ordinary_class_starts_beside_a_split_as_the_initializer_says():
    head = built(bias_initializer="ones")
    head.expand(2, layers.MeanOfOld(noise=0.0), parents=[1, None])
    head.expand(1, layers.MeanOfOld(noise=0.0))
    kernel, bias = head.columns("kernel"), head.columns("bias")
    assert not kernel[:, 3].any()
    np.testing.assert_allclose(kernel[:, 4], kernel[:, :3].mean(1), rtol=1e-5)
    np.testing.assert_allclose(kernel[:, 5], kernel[:, 4], rtol=1e-5)
    np.testing.assert_allclose(bias[4:], 1.0)


def test_copies_are_of_logits_never_of_shares():
    head = built()
    head.expand(1, parents=[1])
    head.expand(1, layers.CopyOf(2))
    result = array(head(INPUTS))
    np.testing.assert_allclose(result[:, 4], result[:, 2], atol=1e-6)
    with pytest.raises(ValueError, match=r"cannot copy.*\[3\].*`parents`"):
        head.expand(1, layers.CopyOf(3))
    assert head.units == 5


@pytest.mark.parametrize("share", [0.0, 1.0, [0.5, 1.5]])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        layers.SplitShare(share)


@pytest.mark.parametrize("share", [[0.5], [0.5, 0.5], [0.1, 0.1, 0.1]])
def test_shares_that_leave_nothing_or_fit_no_class_are_refused(share):
    head = built()
    with pytest.raises(ValueError, match="one for each class with a parent"):
        head.expand(2, layers.SplitShare(share), parents=[1, 1])
    assert head.units == 3


def test_a_share_without_a_parent_is_refused():
    cosine = layers.ExpandableCosine(3)
    cosine.build((None, 4))
    for head in (built(), cosine):
        with pytest.raises(ValueError, match="parents=\\[...\\]"):
            head.expand(1, layers.SplitShare(0.1))


def test_without_biases_a_class_is_divided_into_halves_only():
    head = built(use_bias=False)
    with pytest.raises(ValueError, match="use_bias=True"):
        head.expand(1, parents=[1])
    before = array(head(INPUTS))
    head.expand(1, layers.SplitShare(0.5), parents=[1])
    expected = before[:, 1] - np.log(2)
    np.testing.assert_allclose(array(head(INPUTS))[:, 3], expected, atol=1e-6)


def test_other_heads_name_the_way_they_have():
    with pytest.raises(ValueError, match="initializer=CopyOf"):
        layers.ExpandableCosine(2).expand(1, parents=[0])
    with pytest.raises(ValueError, match="`relabel`"):
        layers.AnalyticDense(2).expand(1, parents=[0])


def test_a_head_that_never_saw_data_is_split_too():
    head = layers.ExpandableDense(2)
    head.expand(1, parents=[1])
    assert head(INPUTS).shape == (6, 3)
    assert head.parents == (-1, -1, 1)


def test_no_split_computes_nothing_more():
    head = built()
    head.expand(1, seed=0)
    assert head.get_config()["parents"] is None
    kernel, bias = head.columns("kernel"), head.columns("bias")
    np.testing.assert_allclose(
        array(head(INPUTS)), INPUTS @ kernel + bias, atol=1e-6
    )


def test_maps_of_features_are_split():
    head = spread(built())
    maps = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")
    before = array(head(maps))
    head.expand(1, parents=[1])
    after = array(head(maps))
    np.testing.assert_array_equal(after[..., [0, 2]], before[..., [0, 2]])
    total = np.logaddexp(after[..., 1], after[..., 3])
    np.testing.assert_allclose(total, before[..., 1], atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_keeps_the_sum_to_its_rounding(policy):
    head = built(dtype=policy)
    before = array(ops.cast(head(INPUTS), "float32"))
    head.expand(1, parents=[1])
    after = array(ops.cast(head(INPUTS), "float32"))
    total = np.logaddexp(after[:, 1], after[:, 3])
    np.testing.assert_allclose(total, before[:, 1], atol=2e-2)
    np.testing.assert_array_equal(after[:, 0], before[:, 0])


def test_a_model_splits_and_trains():
    head = layers.ExpandableDense(2, name="head")
    model = keras.Sequential([keras.Input((4,)), head])
    loss = losses.CandidateSetCrossentropy()
    model.compile("adam", loss, jit_compile=keras.config.backend() != "torch")
    growth.expand(model, 1, parents=[1])
    before = array(head(INPUTS))
    model.fit(INPUTS, np.array([0, 1, 2, 0, 1, 2]), verbose=0)
    after = array(head(INPUTS))
    assert np.isfinite(after).all() and (after != before).all()


def test_plain_layers_compute_the_same(tmp_path):
    head = spread(built(name="head"))
    for parents in ([1], [None], [1, 3]):
        head.expand(len(parents), "mean_of_old", parents=parents)
    model = plain_model(head)
    model.save(tmp_path / "plain.keras")
    model = keras.models.load_model(tmp_path / "plain.keras")
    modules = {type(layer).__module__ for layer in model.layers}
    assert all(name.startswith("keras.") for name in modules)
    np.testing.assert_allclose(
        array(model(INPUTS)), array(head(INPUTS)), atol=1e-5
    )


def test_plain_layers_without_biases_compute_the_same():
    head = spread(built(use_bias=False, name="head"))
    head.expand(1, layers.SplitShare(0.5), parents=[1])
    np.testing.assert_allclose(
        array(plain_model(head)(INPUTS)), array(head(INPUTS)), atol=1e-5
    )
