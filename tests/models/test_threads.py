import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples

from keras_incremental.callbacks import PhaseCallback
from keras_incremental.models.transaction import Guard

X, _ = samples([0, 1, 2], count=8)


class Waiting(PhaseCallback):
    """A callback that holds a phase until it is told to go on."""

    def __init__(self):
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()

    def on_phase_train_begin(self, run):
        self.begun.set()
        assert self.go_on.wait(60)


def test_other_threads_are_refused_while_one_learns():
    clf = classifier()
    before = clf.predict_names(X)
    held = Waiting()
    with ThreadPoolExecutor(4) as threads:
        learning = threads.submit(
            lambda: learn(clf, [2], epochs=1, callbacks=[held])
        )
        assert held.begun.wait(60)
        for call in (
            lambda: clf.predict_names(X),
            lambda: clf.review(X),
            lambda: learn(clf, [3]),
            lambda: clf.rename({"cat": "kitten"}),
        ):
            with pytest.raises(RuntimeError, match="Another thread"):
                threads.submit(call).result()
        held.go_on.set()
        assert learning.result().accepted
        answers = [threads.submit(clf.predict_names, X) for _ in range(4)]
        after = [answer.result().tolist() for answer in answers]
    assert after == [clf.predict_names(X).tolist()] * 4
    assert after[0] != before.tolist()


def test_a_change_waits_for_those_that_read():
    guard, seen = Guard(), []
    begun = threading.Event()

    def change():
        begun.set()
        with guard.changing():
            seen.append("changed")

    with guard.reading():
        thread = threading.Thread(target=change)
        thread.start()
        assert begun.wait(60)
        with guard.reading():
            seen.append("read")
    thread.join(60)
    assert seen == ["read", "changed"]


def test_the_thread_that_changes_may_read_and_change():
    guard = Guard()
    with guard.changing(), guard.reading(), guard.changing():
        assert guard
    with guard.reading(), guard.changing():
        assert guard
