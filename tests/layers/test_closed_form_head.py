import keras
import numpy as np
import pytest

import keras_incremental
from keras_incremental.layers import AnalyticDense
from keras_incremental.layers import ExpandableDense
from keras_incremental.layers import FeCAM
from keras_incremental.layers import NearestClassMean
from keras_incremental.layers import StreamingLDA

FEATURES = np.array([[1.0, 0.2], [0.8, 0.1], [0.1, 1.0], [0.3, 2.0]])
LABELS = np.array([0, 0, 1, 1])


def adapted(make_head=StreamingLDA, **kwargs):
    head = make_head(2, **kwargs)
    head.adapt(FEATURES, LABELS)
    return head


@pytest.mark.parametrize(
    ("make_head", "kwargs"),
    [
        (StreamingLDA, {}),
        (NearestClassMean, {}),
        (NearestClassMean, {"normalize": False}),
        (AnalyticDense, {}),
        (AnalyticDense, {"expansion": 5}),
        (AnalyticDense, {"expansion": 5, "compensation": 1.0}),
    ],
)
def test_layers_of_keras_alone_compute_the_same(make_head, kwargs):
    head = adapted(make_head, **kwargs)
    head.expand(1)
    inputs = keras.Input((2,))
    plain = keras.Model(inputs, head.plain(inputs))
    assert all(type(x).__module__.startswith("keras.") for x in plain.layers)
    x = FEATURES.astype("float32")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(plain(x)), np.asarray(head(x)), rtol=1e-4
    )


@pytest.mark.parametrize("shared", [True, False])
def test_a_head_that_no_dense_layer_can_be_says_so(shared):
    head = adapted(FeCAM, shared=shared)
    with pytest.raises(ValueError, match="Keep the head itself"):
        head.plain(keras.Input((2,)))


def test_a_grown_model_predicts_the_new_class():
    head = adapted()
    model = keras.Sequential([keras.Input((2,)), head])
    model.predict(FEATURES, verbose=0)
    keras_incremental.expand(model, 1)
    assert model.predict(FEATURES, verbose=0).argmax(-1).max() == 1
    head.adapt(-FEATURES, [2] * 4)
    predicted = model.predict(-FEATURES, verbose=0)
    assert predicted.argmax(-1).tolist() == [2] * 4


def test_labels_may_be_a_column_of_tensors():
    head = StreamingLDA(2)
    head.adapt(
        keras.ops.convert_to_tensor(FEATURES),
        keras.ops.convert_to_tensor(LABELS[:, None]),
    )
    np.testing.assert_array_equal(head.statistics.counts, [2, 2])


def test_low_precision_computes_in_float32():
    head, half = adapted(), adapted(dtype="mixed_float16")
    x = FEATURES.astype("float16").astype("float32")
    expected = np.asarray(head(x)).astype("float16")
    np.testing.assert_array_equal(np.asarray(half(x)), expected)


def test_the_weights_of_a_dense_layer_are_no_ground_to_go_on():
    head, dense = StreamingLDA(2), ExpandableDense(2)
    head.build((None, 2)), dense.build((None, 2))
    store = {}
    dense.save_own_variables(store)
    head.load_own_variables(store)
    np.testing.assert_array_equal(
        head.columns("kernel"), dense.columns("kernel")
    )
    with pytest.raises(ValueError, match="without their statistics"):
        head.adapt(FEATURES, LABELS)


def test_statistics_of_another_kind_are_refused():
    head, store = adapted(), {}
    adapted(NearestClassMean).save_own_variables(store)
    before = head.columns("kernel")
    with pytest.raises(ValueError, match="another kind of head"):
        head.load_own_variables(store)
    np.testing.assert_array_equal(head.columns("kernel"), before)


def test_a_file_without_the_random_kernel_is_refused():
    head, store = adapted(AnalyticDense, expansion=2), {}
    adapted(AnalyticDense).save_own_variables(store)
    with pytest.raises(ValueError, match="random_kernel|another kind"):
        head.load_own_variables(store)


def test_more_than_was_put_in_cannot_be_forgotten():
    head = adapted()
    with pytest.raises(ValueError, match="Only samples that were added before"):
        head.forget(FEATURES, [0, 0, 0, 1])
    with pytest.raises(ValueError, match="Only samples that were added before"):
        StreamingLDA(2).forget(FEATURES, LABELS)


def test_a_class_that_is_forgotten_is_unseen_again():
    head = adapted()
    head.forget(FEATURES[2:], LABELS[2:])
    scores = np.asarray(head(FEATURES.astype("float32")))
    assert scores.argmax(-1).tolist() == [0] * 4


def test_one_hot_labels_are_named_in_the_error():
    with pytest.raises(ValueError, match=r"labels.argmax\(-1\)"):
        StreamingLDA(2).adapt(FEATURES, np.eye(2)[LABELS])


def test_a_new_class_is_named_in_the_error():
    with pytest.raises(ValueError, match=r"Received: \[2\].*`expand`"):
        adapted().adapt(FEATURES, LABELS + 1)
