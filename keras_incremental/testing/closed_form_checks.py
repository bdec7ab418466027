"""Checks that every closed-form head must pass, besides those of all heads.

`make_head(units, **kwargs)` creates a head; it may be the class itself. Run
all checks on your own subclass:

    @pytest.mark.parametrize("check", closed_form_checks.CLOSED_FORM_CHECKS)
    def test_my_head_obeys(check):
        check(MyHead)
"""

import pathlib
import tempfile

import keras
import numpy as np

from keras_incremental.testing.closed_form_cases import INPUT_DIM
from keras_incremental.testing.closed_form_cases import NUM_CLASSES
from keras_incremental.testing.closed_form_cases import adapted
from keras_incremental.testing.closed_form_cases import close
from keras_incremental.testing.closed_form_cases import data
from keras_incremental.testing.closed_form_cases import identical
from keras_incremental.testing.closed_form_cases import refuses
from keras_incremental.testing.closed_form_cases import same
from keras_incremental.testing.closed_form_cases import scores_of
from keras_incremental.testing.closed_form_cases import state_of
from keras_incremental.utils.types import Function

# Elsewhere a graph shows what XLA would, in less time.
COMPILED = keras.config.backend() == "jax"


def check_order_and_chunks_do_not_matter(make_head: Function) -> None:
    """Features in any order and in any parts give the same head."""
    features, labels = data()
    whole = adapted(make_head, features, labels)
    order = np.random.default_rng(1).permutation(len(labels))
    parts = make_head(NUM_CLASSES)
    for chunk in np.array_split(order, 6):
        parts.adapt(features[chunk], labels[chunk])
    same(parts, whole)


def check_class_order_permutes_the_columns(make_head: Function) -> None:
    """The same classes under other numbers have the same scores."""
    features, labels = data()
    order = np.array([2, 0, 1])
    scores = scores_of(adapted(make_head, features, labels))
    others = scores_of(adapted(make_head, features, order[labels]))
    close(others[:, order], scores)


def check_no_samples_change_nothing(make_head: Function) -> None:
    """Adapting to an empty array is allowed, and does nothing."""
    features, labels = data()
    head = adapted(make_head, features, labels)
    before = state_of(head)
    head.adapt(features[:0], labels[:0])
    identical(state_of(head), before)


def check_a_new_class_keeps_the_statistics_of_the_others(
    make_head: Function,
) -> None:
    """Counts and means of the old classes stay bit-identical."""
    features, labels = data()
    old = labels < 2
    head = adapted(make_head, features[old], labels[old], 2)
    before = head.statistics
    head.expand(1)
    head.adapt(features[~old], labels[~old])
    after = head.statistics
    np.testing.assert_array_equal(after.counts[:2], before.counts)
    np.testing.assert_array_equal(after.means[:2], before.means)
    same(head, adapted(make_head, features, labels))


def check_a_class_never_seen_never_wins(make_head: Function) -> None:
    """Its score is the least, and finite in any precision."""
    features, labels = data()
    seen = labels != 1
    for dtype in ("float32", "mixed_float16"):
        head = make_head(4, dtype=dtype)
        head.build((None, INPUT_DIM))
        assert np.isfinite(scores_of(head)).all(), "no class was seen"
        head.adapt(features[seen], labels[seen])
        scores = scores_of(head)
        assert np.isfinite(scores).all(), scores
        assert set(scores.argmax(-1)) <= {0, 2}, scores
        assert (scores[:, [1, 3]].max(-1) < scores[:, [0, 2]].min(-1)).all()


def check_learns(make_head: Function) -> None:
    """Separate classes are classified correctly."""
    features, labels = data()
    scores = scores_of(adapted(make_head, features, labels))
    np.testing.assert_array_equal(scores.argmax(-1), labels)


def check_adapts_before_and_inside_a_model(make_head: Function) -> None:
    """A compiled model predicts by what its head was adapted to last."""
    features, labels = data()
    head = make_head(NUM_CLASSES)
    model = keras.Sequential([keras.layers.Identity(), head])
    model.compile(jit_compile=COMPILED)
    head.adapt(features, labels)
    before = model.predict(features, verbose=0)
    close(before, scores_of(head))
    head.reset()
    head.adapt(features, (labels + 1) % NUM_CLASSES)
    after = model.predict(features, verbose=0)
    close(after[:, [1, 2, 0]], before)


def check_never_trains(make_head: Function) -> None:
    """Neither `fit` nor a parent that is made trainable moves the head."""
    features, labels = data()
    head = adapted(make_head, features, labels)
    body = keras.layers.Dense(INPUT_DIM)
    model = keras.Sequential([keras.Input((INPUT_DIM,)), body, head])
    model.trainable = False
    model.trainable = True
    model.compile(
        keras.optimizers.AdamW(0.1, weight_decay=0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=COMPILED,
    )
    before = state_of(head)
    model.fit(features, labels, verbose=0)
    assert not head.trainable and not head.trainable_variables
    assert [v.path for v in model.trainable_variables] == [
        v.path for v in body.variables
    ]
    identical(state_of(head), before)


def check_a_loaded_head_goes_on_adapting(make_head: Function) -> None:
    """A loaded head adapts bit-identically to the saved one."""
    features, labels = data()
    head = adapted(make_head, features[::2], labels[::2])
    model = keras.Sequential([keras.Input((INPUT_DIM,)), head])
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
        weights = pathlib.Path(folder) / "model.weights.h5"
        model.save_weights(weights)
        clone = keras.models.clone_model(model)
        clone.load_weights(weights)
    others = [loaded.layers[-1], clone.layers[-1]]
    head.adapt(features[1::2], labels[1::2])
    for other in others:
        other.adapt(features[1::2], labels[1::2])
        identical(state_of(other), state_of(head))


def check_restore_brings_the_statistics_back(make_head: Function) -> None:
    """After `restore` the head adapts on as from that moment."""
    features, labels = data()
    head = adapted(make_head, features[::2], labels[::2])
    before, snapshot = state_of(head), head.snapshot()
    head.expand(2)
    head.adapt(features, labels + 2)
    head.restore(snapshot)
    identical(state_of(head), before)


def check_bad_input_changes_nothing(make_head: Function) -> None:
    """Invalid input is refused by name, and nothing changes."""
    features, labels = data()
    head = adapted(make_head, features, labels)
    before = state_of(head)
    wrong = features.copy()
    wrong[3, 1] = np.nan
    for name, *arguments in (
        ("features", wrong, labels),
        ("features", features[:, :2], labels),
        ("features", features[0], labels[:1]),
        ("labels", features, labels[:-1]),
        ("labels", features, labels + 1),
        ("labels", features, labels - 1),
        ("labels", features, labels + 0.5),
        ("labels", features, np.eye(NUM_CLASSES)[labels]),
    ):
        refuses(head.adapt, arguments, f"`{name}`")
    refuses(make_head(NUM_CLASSES).adapt, [wrong, labels], "`features`")
    refuses(head.expand, [1, "zeros"], "initializer")
    refuses(head.forget, [features[[0, 0] * 20], labels[[0, 0] * 20]], "class")
    identical(state_of(head), before)


def check_weights_without_statistics_are_refused(make_head: Function) -> None:
    """`set_weights` alone gives a head that predicts but cannot go on."""
    features, labels = data()
    head = adapted(make_head, features, labels)
    other = make_head(NUM_CLASSES)
    other.build((None, INPUT_DIM))
    other.set_weights(head.get_weights())
    np.testing.assert_array_equal(scores_of(other), scores_of(head))
    refuses(other.adapt, [features, labels], "reset")
    other.reset()
    other.adapt(features, labels)
    identical(state_of(other), state_of(head))


def check_forget_undoes_adapt(make_head: Function) -> None:
    """`forget` gives the head without the forgotten samples."""
    features, labels = data()
    head = adapted(make_head, features, labels)
    kept = np.arange(len(labels)) % 3 != 0
    head.forget(features[~kept], labels[~kept])
    same(head, adapted(make_head, features[kept], labels[kept]))
    head.adapt(features[~kept], labels[~kept])
    same(head, adapted(make_head, features, labels))


def check_relabel_is_exact(make_head: Function) -> None:
    """Relabeling equals adapting with the new labels."""
    features, labels = data()
    head = adapted(make_head, features, np.minimum(labels, 1))
    moved = labels == 2
    head.relabel(features[moved], 1, 2)
    same(head, adapted(make_head, features, labels))


def check_merge_is_exact(make_head: Function) -> None:
    """Two heads of parts of the data make the head of all."""
    features, labels = data()
    head = make_head(NUM_CLASSES)
    head.merge(adapted(make_head, features[::2], labels[::2]))
    head.merge(adapted(make_head, features[1::2], labels[1::2]))
    same(head, adapted(make_head, features, labels))
    refuses(head.merge, [make_head(NUM_CLASSES)], "merges")
    large = adapted(make_head, features, labels, NUM_CLASSES + 1)
    refuses(head.merge, [large], "merges")


def check_reset_forgets_everything(make_head: Function) -> None:
    """After `reset` the head is as it was before it saw anything."""
    features, labels = data()
    head = adapted(make_head, features, labels)
    head.reset()
    assert len(head.statistics) == 0
    fresh = make_head(NUM_CLASSES)
    fresh.build((None, INPUT_DIM))
    np.testing.assert_array_equal(scores_of(head), scores_of(fresh))
    head.adapt(features, labels)
    identical(state_of(head), state_of(adapted(make_head, features, labels)))


def check_state_can_be_solved_for_later(make_head: Function) -> None:
    """Counting all parts and solving once is adapting to them."""
    features, labels = data()
    head = adapted(make_head, features[::2], labels[::2])
    scores = scores_of(head)
    head.update_state(features[1::2], labels[1::2])
    np.testing.assert_array_equal(scores_of(head), scores)
    head.finalize_state()
    same(head, adapted(make_head, features, labels))


CLOSED_FORM_CHECKS = (
    check_order_and_chunks_do_not_matter,
    check_class_order_permutes_the_columns,
    check_no_samples_change_nothing,
    check_a_new_class_keeps_the_statistics_of_the_others,
    check_a_class_never_seen_never_wins,
    check_learns,
    check_adapts_before_and_inside_a_model,
    check_never_trains,
    check_a_loaded_head_goes_on_adapting,
    check_restore_brings_the_statistics_back,
    check_bad_input_changes_nothing,
    check_weights_without_statistics_are_refused,
    check_forget_undoes_adapt,
    check_relabel_is_exact,
    check_merge_is_exact,
    check_reset_forgets_everything,
    check_state_can_be_solved_for_later,
)
