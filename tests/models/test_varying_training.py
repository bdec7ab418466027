"""Training on samples of varying length: padded by what masks leave out."""

import numpy as np
import pytest
from toy_sequences import NAMES
from toy_sequences import OLD
from toy_sequences import Batches
from toy_sequences import Y
from toy_sequences import make
from toy_sequences import of
from toy_sequences import padded
from toy_sequences import sounds
from toy_sequences import taught
from toy_sequences import tokens

from keras_incremental import ExemplarMemory
from keras_incremental import recipes
from keras_incremental.memory import Reservoir


def test_a_network_that_masks_trains_as_on_what_was_padded():
    x, new = tokens(), NAMES[Y[~OLD]]
    learned = []
    for pad, data in (
        (list, (Batches(of(x, ~OLD), new),)),
        (all_padded, (all_padded(of(x, ~OLD)), new)),
    ):
        clf = make(frozen=False, memory=ExemplarMemory(6), seed=0)
        clf.remember(pad(of(x, OLD)), NAMES[Y[OLD]])
        report = clf.learn(*data, epochs=1, verbose=0)
        learned.append((clf, report.history["loss"]))
    (clf, loss), (expected, expected_loss) = learned
    np.testing.assert_allclose(loss, expected_loss, atol=1e-4)
    read = all_padded(tokens(2))
    np.testing.assert_allclose(
        clf.predict(read, verbose=0),
        expected.predict(read, verbose=0),
        atol=1e-4,
    )
    assert clf.memory.ids.tolist() == expected.memory.ids.tolist()
    assert clf.memory.sample_shape == (None,)


def all_padded(x):
    return padded(x, 8)


def test_a_stream_of_them_learns_what_a_padded_one_does():
    scores = []
    for pad in (list, all_padded):
        recipe = recipes.er(memory=Reservoir(6))
        clf = make(frozen=False, recipe=recipe, seed=0)
        clf.remember(pad(of(tokens(), OLD)), NAMES[Y[OLD]])
        clf.observe(pad(tokens(1)), NAMES[Y], batch_size=6, verbose=0)
        scores.append(clf.predict(padded(tokens(2)), verbose=0))
    np.testing.assert_allclose(*scores, atol=1e-3)


def test_training_refuses_what_is_not_masked_and_what_it_says_works():
    x, names = of(tokens(), OLD), NAMES[Y[OLD]]
    new = of(tokens(), ~OLD)
    clf = make(frozen=False, masked=False)
    before = clf.get_weights()
    for refused in (
        lambda: clf.remember(x, names),
        lambda: clf.learn(new, classes=["c"], verbose=0),
        lambda: clf.learn(
            padded(new), classes=["c"], old_data=(x, names), verbose=0
        ),
    ):
        with pytest.raises(ValueError, match="one shape.*Freeze all layers"):
            refused()
    assert clf.classes == ("a", "b") and not len(clf.memory)
    assert all(map(np.array_equal, before, clf.get_weights()))
    taught(make(masked=False), tokens())
    clf.remember(padded(x, 8), names)
    with pytest.raises(ValueError, match="those of the memory too"):
        clf.learn(padded(new, 9), classes=["c"], verbose=0)


def test_a_frozen_network_that_is_not_cached_says_what_works():
    clf = make(sounds, cache_features=False)
    clf.remember(of(sounds(), OLD), NAMES[Y[OLD]])
    with pytest.raises(ValueError, match="Let `learn` solve the head"):
        clf.learn(of(sounds(), ~OLD), classes=["c"], epochs=1, verbose=0)
    taught(clf, sounds())


def test_what_a_recipe_could_never_train_on_is_not_remembered():
    x, names = of(sounds(), OLD), NAMES[Y[OLD]]
    recipe = recipes.icarl(budget=6)
    clf = make(sounds, recipe=recipe, cache_features=False)
    with pytest.raises(ValueError, match="without a recipe that trains it"):
        clf.remember(x, names)
    assert not len(clf.memory) and not len(clf.statistics.counts)
    make(sounds, recipe=recipe).remember(x, names)


@pytest.mark.parametrize("frozen", [True, False])
def test_an_augmentation_does_not_see_what_is_padded(frozen):
    memory = ExemplarMemory(6, augmentation=lambda x: x)
    clf, x = make(frozen=frozen, memory=memory), of(tokens(), OLD)
    with pytest.raises(ValueError, match="Use a memory without it"):
        clf.remember(x, NAMES[Y[OLD]])
    clf.remember(all_padded(x), NAMES[Y[OLD]])
    with pytest.raises(ValueError, match="Use a memory without it"):
        clf.learn(of(tokens(), ~OLD), classes=["c"], verbose=0)


def test_a_stream_that_is_not_masked_is_undone_where_it_does_not_fit():
    recipe = recipes.er(memory=Reservoir(6))
    clf = make(frozen=False, masked=False, recipe=recipe)
    clf.remember(all_padded(of(tokens(), OLD)), NAMES[Y[OLD]])
    before = clf.get_weights()
    with pytest.raises(ValueError, match="one shape"):
        clf.observe(Batches(tokens(1), NAMES[Y]), verbose=0)
    assert all(map(np.array_equal, before, clf.get_weights()))
    assert clf.memory.sample_shape == (8,) and clf.classes == ("a", "b")


class Growing(Batches):
    """Batches that are longer in the next pass."""

    steps = 4

    def on_epoch_end(self):
        self.steps += 1

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return np.resize(x, (1, self.steps)), y


def test_data_that_has_another_length_in_the_next_pass_is_refused():
    clf = make(frozen=False, memory=ExemplarMemory(6))
    data = Growing(tokens(), NAMES[Y])
    with pytest.raises(ValueError, match="must give the same shape"):
        clf.learn(data, epochs=2, verbose=0)
    assert clf.classes == ("a", "b") and not len(clf.memory)


class Random(Batches):
    """Batches of other tokens in each pass."""

    def on_epoch_end(self):
        self.x = [x % 9 + 1 for x in self.x]


def test_random_data_that_is_padded_is_read_once_with_a_warning():
    clf = make(frozen=False, memory=ExemplarMemory(6))
    with pytest.warns(UserWarning, match="the padding to one shape must know"):
        report = clf.learn(Random(tokens(), NAMES[Y]), epochs=1, verbose=0)
    assert "read in each epoch" not in report.used["method"]
