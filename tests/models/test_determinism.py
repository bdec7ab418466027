from toy_classifiers import learn
from toy_classifiers import make
from whole_state import differences
from whole_state import whole_state

from keras_incremental import recipes


def trained():
    clf = make(recipes.balanced_replay(budget=20), trainable=True)
    learn(clf, [2], epochs=1)
    return clf


def test_the_same_seed_gives_the_same_bits():
    one, other = trained(), trained()
    same = ("weights", "memory", "statistics", "optimizer", "stored", "head")
    found = differences(whole_state(one), whole_state(other))
    assert not set(found) & set(same)
