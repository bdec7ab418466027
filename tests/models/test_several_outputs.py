"""One output of several learns, and the others stay as they are."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import metrics
from toy_exports import on_tensorflow
from toy_exports import writes_onnx

import keras_incremental as ki
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models.exporting.served import ServedModel
from keras_incremental.models.exporting.served import check_same

FORMS = {
    "dict": lambda kind, age: {"kind": kind, "age": age},
    "list": lambda kind, age: [age, kind],
}
X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
NAMES = ["cat", "dog"]


def network(form="dict", head=layers.Dense, **options):
    """A model of a kind and of an age, which share a layer."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    shared = layers.Dense(6, activation="tanh", name="shared")(inputs)
    own = layers.Dense(5, activation="tanh", name="own")(shared)
    kind = head(2, name="kind", **options)(own)
    age = layers.Dense(1, name="age")(shared)
    return keras.Model(inputs, FORMS[form](kind, age))


def compiled(form="dict"):
    model = network(form, activation="softmax")
    losses = {"kind": "sparse_categorical_crossentropy", "age": "mse"}
    model.compile("sgd", losses, metrics={"kind": ["accuracy"]})
    return model


def assert_same(first, second, ages_only=False):
    if isinstance(first, list):
        first, second = [
            dict(zip(("age", "kind"), outputs, strict=True))
            for outputs in (first, second)
        ]
    for name in ("age",) if ages_only else ("age", "kind"):
        np.testing.assert_allclose(first[name], second[name], atol=1e-6)


@pytest.fixture(scope="module")
def learned():
    model = compiled()
    before = model.predict(X, verbose=0)
    clf = IncrementalClassifier(model, NAMES, output="kind")
    assert_same(clf.predict(X, verbose=0), before)
    labels = {"kind": np.full(12, 0), "age": np.ones(12)}
    # With `epochs` all trains that may: the layer `own`, and the head.
    clf.learn(X, labels, ["bird"], epochs=2, verbose=0)
    return clf, before


def test_the_others_stay_as_they_are(learned):
    clf, before = learned
    after = clf.predict(X, verbose=0)
    assert_same(after, before, ages_only=True)
    assert after["kind"].shape == (12, 3)
    assert len(clf.features.trainable_variables) == 2
    assert set(clf.predict_names(X)) <= {"cat", "dog", "bird"}


def test_one_of_several_outputs_is_saved_and_loaded(learned, tmp_path):
    clf, before = learned
    clf.save(tmp_path / "pets.keras")
    loaded = keras.models.load_model(tmp_path / "pets.keras")
    assert_same(clf.predict(X, verbose=0), loaded.predict(X, verbose=0))
    loaded.learn(X + 3, classes=["fish"], verbose=0)
    assert_same(before, loaded.predict(X, verbose=0), ages_only=True)


def test_the_plain_model_has_all_outputs(learned, tmp_path):
    clf, _ = learned
    clf.to_keras(tmp_path / "plain.keras")
    plain = keras.models.load_model(tmp_path / "plain.keras")
    assert plain.output_names == ["age", "kind"]
    assert_same(clf.predict(X, verbose=0), plain.predict(X, verbose=0))
    again = IncrementalClassifier(plain, clf.classes, output="kind")
    assert_same(clf.predict(X, verbose=0), again.predict(X, verbose=0))


def test_outputs_in_a_list_stay_in_a_list():
    model = compiled("list")
    clf = IncrementalClassifier(model, NAMES, output="kind")
    outputs, plain = clf.predict(X, verbose=0), clf.to_keras()
    assert_same(outputs, model.predict(X, verbose=0), ages_only=True)
    assert plain.output_names == ["age", "kind"]
    assert_same(outputs, plain.predict(X, verbose=0))


def test_labels_of_all_outputs_come_in_a_dict(learned):
    clf, _ = learned
    kinds = np.arange(12) % 3
    labels = {"kind": kinds, "age": np.ones(12)}
    batches = keras.tree.map_structure(lambda a: a[:6], (X, labels))
    expected = clf.evaluate(X, kinds, verbose=0, return_dict=True)
    for x, y in [(X, labels), (iter([batches] * 2), None)]:
        steps = None if y else 2
        found = clf.evaluate(x, y, steps=steps, verbose=0, return_dict=True)
        assert set(found) == {"loss", "accuracy"}
        if y is not None:
            assert found == pytest.approx(expected)
    by_name = clf.evaluate_classes(X, labels, clf.classes)
    assert by_name == clf.evaluate_classes(X, kinds, clf.classes)
    assert (
        clf.predict_scores(X, classes=["cat"]).argmax(-1).tolist() == [0] * 12
    )
    shown = clf.predict(X, verbose=0, classes=["cat"])["kind"]
    np.testing.assert_allclose(shown[:, 0], 1)


@pytest.mark.parametrize("output", [None, "color"])
def test_an_output_that_is_not_named_is_asked_for(output):
    with pytest.raises(ValueError, match="'kind', 'age'.*output='kind'"):
        IncrementalClassifier(network(), NAMES, output=output)


def test_an_output_is_known_by_its_layer_too():
    model = network(activation="softmax")
    model = keras.Model(
        model.inputs,
        {"which": model.output["kind"], "age": model.output["age"]},
    )
    clf = IncrementalClassifier(model, NAMES, output="kind")
    assert set(clf.predict(X, verbose=0)) == {"which", "age"}


def test_what_others_read_may_not_train():
    clf = IncrementalClassifier(compiled(), NAMES, output="kind")
    clf.features.get_layer("shared").trainable = True
    with pytest.raises(ValueError, match="'age'.*trainable layers.*'shared'"):
        clf.learn(X, classes=["bird"], verbose=0)
    # The fix of the message.
    clf.features.get_layer("shared").trainable = False
    clf.learn(X, classes=["bird"], epochs=1, verbose=0)
    assert clf.classes == ("cat", "dog", "bird")


def test_a_recipe_keeps_the_others():
    clf = IncrementalClassifier(compiled(), NAMES, output="kind")
    other = clf.with_recipe(ki.recipes.er(budget=10))
    assert_same(clf.predict(X, verbose=0), other.predict(X, verbose=0))


@pytest.mark.parametrize("form", FORMS)
def test_the_plain_model_is_compared_by_the_output_of_the_names(form):
    clf = IncrementalClassifier(network(form), NAMES, output="kind")
    labels = clf.predict_names(X)
    found = ki.models.compare(clf, clf.to_keras(), X, labels)
    assert found.drop.lost == found.drop.gained == 0


def test_which_output_has_the_names_must_be_clear():
    inputs = keras.Input((4,))
    outputs = [layers.Dense(2)(inputs), layers.Dense(2)(inputs)]
    model = keras.Model(inputs, outputs)
    model.class_names = NAMES
    with pytest.raises(ValueError, match=r"\(2,\).*output="):
        ki.models.compare(model, model, X, ["cat"] * 12)


@pytest.mark.parametrize("form", FORMS)
def test_an_export_has_the_other_outputs(form):
    clf = IncrementalClassifier(network(form), NAMES, output="kind")
    served = ServedModel(clf, 2)
    check_same(served)
    outputs = served(keras.ops.convert_to_tensor(X))
    outputs = keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)
    assert list(outputs) == served.output_names == ["age", "indices", "scores"]
    answers = {"kind": outputs["scores"], "age": outputs["age"]}
    if form == "list":
        answers = [answers["age"], answers["kind"]]
    assert_same(answers, clf.predict(X, verbose=0))


@on_tensorflow
def test_names_that_an_export_adds_are_refused(tmp_path):
    model = network()
    outputs = {"kind": model.output["kind"], "scores": model.output["age"]}
    model = keras.Model(model.inputs, outputs)
    clf = IncrementalClassifier(model, NAMES, output="kind")
    clf.to_keras()
    with pytest.raises(ValueError, match=r"\['scores'\]. Adopt"):
        clf.export(tmp_path / "pets")


@writes_onnx
def test_a_device_extends_one_output_alone(tmp_path):
    clf = IncrementalClassifier(network(), NAMES, output="kind")
    with pytest.raises(ValueError, match=r"\['kind', 'age'\]. Leave"):
        clf.export(tmp_path / "pets", "onnx", extendable=True)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")
@pytest.mark.parametrize("form", FORMS)
def test_only_metrics_of_the_head_grow_in_place(form):
    model = network(form, ki.layers.ExpandableDense)
    # Ages that a metric of two classes can count.
    model.get_layer("age").set_weights([np.zeros((6, 1)), np.ones(1)])
    options = {"sparse_y_pred": False}
    of_kind, of_age = metrics.MeanIoU(2, **options), metrics.MeanIoU(2)
    named = {"kind": [of_kind], "age": [of_age]}
    losses = {
        "kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "age": "mse",
    }
    if form == "list":
        losses = [losses["age"], losses["kind"]]
        named = [named["age"], named["kind"]]
    model.compile("sgd", losses, metrics=named)
    before = model.predict_on_batch(X)
    ki.expand(model, 1)
    found = model.get_compile_config()["metrics"]
    if form == "list":
        found = dict(zip(("age", "kind"), found, strict=True))
    sizes = {k: v[0]["config"]["num_classes"] for k, v in found.items()}
    assert sizes == {"kind": 3, "age": 2}
    assert_same(before, model.predict_on_batch(X), ages_only=True)
    labels = {"kind": np.arange(12) % 3, "age": np.ones((12, 1))}
    model.train_on_batch(
        X, list(labels.values())[::-1] if form == "list" else labels
    )


def test_several_outputs_with_a_preprocessor_are_refused():
    model = compiled()
    model.preprocessor = layers.Rescaling(2.0)
    with pytest.raises(ValueError, match="preprocessor=Rescaling.*into the"):
        IncrementalClassifier(model, NAMES, output="kind")


def test_two_outputs_of_one_tensor_are_refused():
    model = network()
    kind = model.output["kind"]
    model = keras.Model(model.inputs, {"kind": kind, "same": kind})
    with pytest.raises(ValueError, match="different tensors"):
        IncrementalClassifier(model, NAMES, output="kind")


@pytest.mark.parametrize("call", [False, True])
def test_a_nested_model_of_several_outputs_is_put_into_the_graph(call):
    inner, inputs = network(), keras.Input((4,))
    inner.trainable = False
    outputs = inner.call(inputs) if call else inner(inputs)
    model = keras.Model(inputs, outputs)
    if not call:
        with pytest.raises(ValueError, match=r"for the head and.*\.call\(x\)"):
            IncrementalClassifier(model, NAMES, output="kind")
        return
    clf = IncrementalClassifier(model, NAMES, output="kind")
    expected = model.predict(X, verbose=0)
    assert_same(clf.predict(X, verbose=0), expected)
    assert_same(clf.to_keras().predict(X, verbose=0), expected)
