import keras
import numpy as np
import pytest
import toy_helmets
from keras import ops
from toy_classifiers import NAMES
from toy_classifiers import learn
from toy_classifiers import make
from toy_classifiers import samples

from keras_incremental import contrib
from keras_incremental import recipes
from keras_incremental.contrib import obsolete
from keras_incremental.models.phases.fit import Fit


def consolidate(clf, **options):
    """Learns samples of an old and of two new classes, and unlabeled ones."""
    x, y = samples([0, 2, 3], 6)
    return clf.learn(
        x,
        [NAMES[i] for i in y],
        ["cat", "bird", "fish"],
        auxiliary=samples(range(4), 5, seed=7)[0],
        epochs=1,
        verbose=0,
        **options,
    )


@pytest.fixture
def fits(monkeypatch):
    """Student, inputs, and outputs at the start, of every `fit`."""
    seen, run = [], Fit.run

    def spy(self, student, inputs, name=None):
        outputs = ops.convert_to_numpy(student(inputs.all[0]))
        seen.append((student, inputs, outputs))
        return run(self, student, inputs, name)

    monkeypatch.setattr(Fit, "run", spy)
    return seen


def test_the_expert_sees_new_classes_and_unlabeled_samples(fits):
    consolidate(make(contrib.dmc()))
    (expert, seen, _), (_, consolidated, _) = fits
    assert expert.head.units == 2
    assert np.unique(seen.all[1]).tolist() == [-1, 0, 1]
    assert (seen.all[1] >= 0).sum() == 12
    assert consolidated.all[1].tolist() == [-1] * 20


def test_the_expert_sees_no_exemplars_and_starts_undecided(fits):
    consolidate(make(contrib.gd(per_class=5)))
    (_, seen, outputs), *_ = fits
    assert not len(seen.old_labels)
    np.testing.assert_array_equal(outputs, np.zeros((32, 2)))


def test_the_expert_shares_nothing_that_trains(fits):
    consolidate(make(contrib.dmc(), trainable=True))
    (expert, *_), (student, *_) = fits
    paths = {id(v) for v in student.trainable_variables}
    assert not paths & {id(v) for v in expert.trainable_variables}
    assert len(expert.trainable_variables) == 4


def test_the_expert_is_dropped_after_the_phase():
    clf = make(contrib.dmc())
    consolidate(clf)
    teacher, _ = clf.recipe.callbacks
    assert teacher.teacher_outputs(np.zeros((1, 16))) == {}


def test_an_expert_needs_new_classes():
    clf = make(contrib.dmc())
    x, y = samples([0, 1], 5)
    with pytest.raises(ValueError, match="samples of known classes only"):
        clf.learn(
            x, [NAMES[i] for i in y], ["cat", "dog"], auxiliary=x, verbose=0
        )


def test_dmc_needs_unlabeled_samples():
    with pytest.raises(ValueError, match="auxiliary=None"):
        learn(make(contrib.dmc()), [2])


def test_unlabeled_samples_never_reach_the_memory():
    clf = make(contrib.gd(per_class=5))
    learn(clf, [2], epochs=1, auxiliary=samples(range(5), 4, seed=7)[0])
    assert clf.memory.counts == {0: 5, 1: 5, 2: 5}


def test_gdumb_trains_on_its_memory_only(fits):
    clf = make(contrib.gdumb(per_class=4))
    learn(clf, [2], epochs=1)
    ((_, inputs, _),) = fits
    kept, labels = clf.memory.arrays()
    assert len(inputs.all[1]) == len(labels) == 12
    features = ops.convert_to_numpy(clf.features(kept))
    np.testing.assert_allclose(inputs.all[0], features, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(inputs.all[1], labels)


def test_exemplars_alone_need_a_memory():
    recipe = recipes.bare("own", callbacks=(contrib.TrainOnExemplars(),))
    with pytest.raises(ValueError, match="memory=None"):
        learn(make(recipe), [2])


@pytest.mark.parametrize(
    "callback",
    [
        contrib.ExpertTeacher(),
        contrib.TrainOnAuxiliary(),
        contrib.TrainOnExemplars(),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_several_labels_are_refused(callback):
    clf = toy_helmets.classifier()
    before, classes = clf.get_weights(), toy_helmets.NAMES
    with pytest.raises(ValueError, match="multi_label"):
        clf.learn(*toy_helmets.NEW, classes, callbacks=[callback], verbose=0)
    for one, other in zip(before, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_config_of_an_expert_makes_its_terms_again():
    teacher = contrib.ExpertTeacher([contrib.ConfidenceLoss(weight=0.5)])
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(teacher)
    )
    (term,) = again.terms
    assert isinstance(term, contrib.ConfidenceLoss) and term.weight == 0.5
    assert obsolete.dmc().copy().callbacks[0].terms == ()
