import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from toy_classifiers import NAMES
from toy_classifiers import learn
from toy_classifiers import make
from toy_classifiers import samples

from keras_incremental import recipes
from keras_incremental.callbacks import BiasCorrection
from keras_incremental.distillation import LessForget
from keras_incremental.distillation import PooledOutputs
from keras_incremental.distillation import SoftmaxDistillation
from keras_incremental.layers import ExpandableDense
from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.memory.policies import Concatenate
from keras_incremental.models.phases.fit import Fit
from keras_incremental.models.phases.phase_data import Inputs
from keras_incremental.models.student import Joined
from keras_incremental.models.student import Student
from keras_incremental.models.student import teacher_of
from keras_incremental.problems import SINGLE_LABEL


def head_of(units=2, width=4):
    head = ExpandableDense(units)
    head.build((None, width))
    return head


def network():
    return keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(4, 3, name="conv"),
            layers.GlobalAveragePooling2D(),
        ]
    )


def spied(monkeypatch):
    """Pairs of student and inputs of every `fit` of a phase."""
    runs, run = [], Fit.run

    def spy(self, student, inputs, name=None):
        runs.append((student, inputs))
        return run(self, student, inputs, name)

    monkeypatch.setattr(Fit, "run", spy)
    return runs


def test_a_student_gives_logits_features_and_maps():
    upper, head = network(), head_of()
    term = PooledOutputs(["conv"])
    student = Student(upper, head, terms=[(1.0, term)])
    x = np.random.default_rng(0).normal(size=(3, 4, 4, 1)).astype("float32")
    outputs = student.outputs_of(x)
    assert set(outputs) == {"logits", "features", "maps"}
    np.testing.assert_allclose(
        ops.convert_to_numpy(outputs["features"]),
        ops.convert_to_numpy(outputs["maps"][0]).mean((1, 2)),
        rtol=1e-4,
        atol=1e-6,
    )
    assert outputs["maps"][0].shape == (3, 2, 2, 4)
    assert outputs["logits"].shape == (3, 2)


def test_a_teacher_never_moves_and_shares_no_variable_that_trains():
    student = Student(network(), head_of())
    teacher = teacher_of(student)
    x = np.ones((2, 4, 4, 1), "float32")
    before = ops.convert_to_numpy(teacher(x))
    np.testing.assert_allclose(ops.convert_to_numpy(student(x)), before)
    for variable in student.trainable_variables:
        variable.assign(variable + 1.0)
    student.head.expand(1)
    np.testing.assert_array_equal(ops.convert_to_numpy(teacher(x)), before)


def test_a_teacher_is_made_before_the_head_grows(monkeypatch):
    runs = spied(monkeypatch)
    clf = make(recipes.lwf(), trainable=True)
    x, _ = samples([0, 1], 5)
    before = clf.predict(x, verbose=0)
    clf.backbone_learning_rate = 0.01
    learn(clf, [2], epochs=2)
    teacher = runs[0][0]._plan.teacher
    assert teacher.head.units == 2
    np.testing.assert_allclose(
        ops.convert_to_numpy(teacher(x)), before, rtol=1e-4, atol=1e-5
    )
    assert not np.allclose(clf.predict(x, verbose=0)[:, :2], before, atol=1e-3)


def test_two_teachers_give_each_class_by_the_one_that_knew_it_first():
    older, newer = Student(None, head_of(2)), Student(None, head_of(3))
    x = np.ones((1, 4), "float32")
    logits = ops.convert_to_numpy(Joined(older, newer).outputs_of(x)["logits"])
    np.testing.assert_allclose(
        logits,
        np.concatenate(
            [
                ops.convert_to_numpy(older(x)),
                ops.convert_to_numpy(newer(x))[:, 2:],
            ],
            -1,
        ),
    )


def test_keras_neither_trains_nor_saves_a_teacher():
    teacher, other = Student(network(), head_of()), keras.layers.Dense(2)
    other.build((None, 4))
    student = Student(network(), head_of(), teacher, teachers=[other])
    own = [*student.upper.weights, *student.head.weights]
    assert {id(v) for v in student.variables} == {id(v) for v in own}
    assert not set(student.layers) & {teacher, other}


def test_maps_of_a_dense_network_are_refused():
    clf = make(recipes.podnet(per_class=2), trainable=True)
    with pytest.raises(ValueError, match="has no trainable feature maps"):
        learn(clf, [2])
    assert clf.classes == NAMES[:2]
    assert clf.head.units == 2


def test_terms_of_features_are_left_out_where_these_are_frozen(monkeypatch):
    runs = spied(monkeypatch)
    learn(make(recipes.podnet(per_class=2)), [2], epochs=1)
    assert runs[0][0]._plan.terms == ()


def test_a_term_of_maps_without_maps_is_refused():
    with pytest.raises(ValueError, match="cache_features=False"):
        Student(None, head_of(), terms=[(1.0, PooledOutputs())])
    assert PooledOutputs.only_below_head
    assert LessForget.only_below_head


def test_a_sample_without_label_does_not_count_in_accuracy():
    student = Student(None, head_of(2))
    student.head.assign_columns("kernel", np.eye(4)[:, :2])
    x = np.eye(4, dtype="float32")[[0, 0, 1, 1]]
    inputs = Inputs.of(x, np.array([0, 1, -1, -1]))
    history = fit_once().run(student, inputs)
    assert history["accuracy"][-1] == 0.5


def fit_once():
    return Fit(
        optimizer_at=lambda rate: keras.optimizers.SGD(1e-6),
        metrics_at=SINGLE_LABEL.objective.metrics,
        loss=CandidateSetCrossentropy(ignore_class=-1),
        label_weight=1.0,
        policy=Concatenate(),
        epochs=1,
        batch_size=4,
        seed=0,
    )


def test_held_out_pictures_are_not_trained_on(monkeypatch):
    given = []
    corrected = BiasCorrection.on_train_end

    def spy(self, logs=None):
        given.append(self.data)
        corrected(self, logs)

    monkeypatch.setattr(BiasCorrection, "on_train_end", spy)
    runs = spied(monkeypatch)
    learn(make(recipes.bic(per_class=10)), [2], epochs=1)
    ((held, labels),), ((_, inputs),) = given, runs
    assert np.bincount(labels).tolist() == [1, 1, 1]
    trained = {row.tobytes() for row in inputs.all[0]}
    assert not trained & {row.tobytes() for row in held}
    assert len(inputs.all[0]) == 50 - 3


def test_a_callback_of_the_user_gets_held_out_pictures_too():
    report = learn(
        make(recipes.er(per_class=10, mixing="concatenate")),
        [2],
        epochs=1,
        callbacks=[BiasCorrection()],
    )
    assert report.accepted


def test_the_second_stage_of_eeil_distils_what_the_first_taught(monkeypatch):
    runs = spied(monkeypatch)
    clf = make(recipes.eeil(per_class=5, stage_epochs=1), trainable=True)
    old = clf.predict(samples([0])[0], verbose=0)
    learn(clf, [2, 3], epochs=2)
    (first, _), (second, balanced) = runs
    phase_classes = second._plan.teacher
    assert isinstance(phase_classes, Joined)
    assert np.bincount(balanced.all[1]).tolist() == [5, 5, 5, 5]
    ((_, term),) = second._plan.terms
    assert term.phase.old_groups == (slice(0, 2), slice(2, 4))
    logits = ops.convert_to_numpy(
        phase_classes.outputs_of(samples([0])[0])["logits"]
    )
    assert logits.shape == (30, 4)
    np.testing.assert_allclose(logits[:, :2], old, rtol=1e-4, atol=1e-5)


def test_the_frozen_part_runs_once_for_each_picture(monkeypatch):
    clf = make(recipes.eeil(per_class=5, stage_epochs=1))
    frozen, seen = clf.backbone.frozen, []
    for name in ("predict", "predict_on_batch"):
        run = getattr(frozen, name)

        def counted(x, _run=run, **options):
            seen.append(len(x))
            return _run(x, **options)

        monkeypatch.setattr(frozen, name, counted)
    learn(clf, [2], epochs=2)
    learn(clf, [3], epochs=2)
    assert sum(seen) == 60


def test_distillation_without_terms_makes_no_dict():
    student = Student(None, head_of())
    student(np.ones((1, 4), "float32"), training=True)
    assert student._plan.seen is None
    student = Student(None, head_of(), terms=[(1.0, SoftmaxDistillation())])
    student(np.ones((1, 4), "float32"), training=True)
    assert set(student._plan.seen) == {"logits", "features", "maps"}
