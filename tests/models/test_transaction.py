import keras
import pytest
from toy_classifiers import VALIDATION
from toy_classifiers import assert_same_state
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples
from toy_classifiers import state_of

from keras_incremental.callbacks import ExemplarMemory


def test_refused_update_changes_nothing():
    clf = classifier(ExemplarMemory(20))
    clf.fit(*samples([0, 1]), verbose=0)
    before = state_of(clf)
    poisoned = samples([0, 1], seed=5)[0]
    report = clf.learn(
        poisoned,
        classes=["bird"],
        validation_data=VALIDATION,
        max_drop=0.0,
        verbose=0,
        epochs=5,
    )
    assert not report.accepted
    assert "REFUSED" in str(report)
    assert_same_state(before, state_of(clf))
    clf.fit(*samples([0, 1]), verbose=0)


class Bomb(keras.callbacks.Callback):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def on_train_batch_end(self, batch, logs=None):
        raise self.error


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt()])
def test_a_failing_update_changes_nothing(error):
    clf = classifier(ExemplarMemory(20))
    clf.fit(*samples([0, 1]), verbose=0)
    before = state_of(clf)
    with pytest.raises(type(error)):
        learn(clf, [2], callbacks=[Bomb(error)])
    assert_same_state(before, state_of(clf))
    assert learn(clf, [2]).accepted


def test_rollback_goes_back_one_phase():
    clf = classifier(ExemplarMemory(20))
    learn(clf, [2])
    before = state_of(clf)
    learn(clf, [3])
    clf.rollback()
    assert_same_state(before, state_of(clf))
    with pytest.raises(ValueError, match="no phase to go back to"):
        clf.rollback()
