"""Checks that every term must pass.

`make_case()` creates a `Case`. Run all checks on your own term:

    @pytest.mark.parametrize("check", term_checks.TERM_CHECKS)
    def test_my_term_obeys(check):
        check(lambda: Case(MyTerm(), teacher, student, matched))
"""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_incremental.distillation.term import Term
from keras_incremental.testing.gradients import gradient
from keras_incremental.utils.phase import Phase
from keras_incremental.utils.types import Function
from keras_incremental.utils.types import Tensor

PHASE = Phase(group_sizes=(2, 1, 2), num_old=3, counts=(1, 1, 1, 5, 5))
EXTREMES = (0.0, 1.0, -50.0, 1e4)


@dataclasses.dataclass(frozen=True)
class Case:
    """A term with float32 outputs of teacher and student.

    Attributes:
        term: `Term`, bound to a phase if it needs one.
        teacher: Dict of outputs of the teacher; `{}` if it needs none.
        student: Dict of outputs of a student that differs from the teacher.
        matched: Dict of outputs of a student that minimizes the term.
        labels: Ints of shape `(batch_size,)`. Defaults to `None`.
    """

    term: Term
    teacher: dict
    student: dict
    matched: dict
    labels: np.ndarray | None = None

    def value(self, teacher: dict, student: dict) -> Tensor:
        """Computes the term of other outputs."""
        return self.term.compute_loss(teacher, student, self.labels)


def check_config_round_trip(make_case: Function) -> None:
    """The config creates the same term, also by its registered name."""
    term = make_case().term
    saved = keras.saving.serialize_keras_object(term)
    loaded = keras.saving.deserialize_keras_object(saved)
    assert type(loaded) is type(term), type(loaded)
    assert loaded.get_config() == term.get_config()
    assert loaded.factor(PHASE) == term.factor(PHASE)


def check_value_is_a_finite_scalar(make_case: Function) -> None:
    """Small, large and equal outputs give one finite number."""
    case = make_case()
    for student in (*_scaled(case.student), case.matched):
        value = _array(case.value(case.teacher, student))
        assert value.shape == (), value.shape
        assert np.isfinite(value), value


def check_gradient_is_finite(make_case: Function) -> None:
    """Small, large and equal outputs give finite gradients."""
    case = make_case()
    for student in (*_scaled(case.student), case.matched):
        for slope in _student_gradients(case, student):
            assert np.isfinite(slope).all(), slope


def check_gradient_is_zero_where_matched(make_case: Function) -> None:
    """A student that minimizes the term has no gradient."""
    case = make_case()
    for slope in _student_gradients(case, case.matched):
        np.testing.assert_allclose(slope, 0.0, atol=1e-6)


def check_least_where_matched(make_case: Function) -> None:
    """No student has a smaller value, and the other has a larger one."""
    case = make_case()
    least = _array(case.value(case.teacher, case.matched))
    assert _array(case.value(case.teacher, case.student)) > least + 1e-6


def check_gradient_descends(make_case: Function) -> None:
    """A small step against the gradient makes the term smaller."""
    case = make_case()
    name, slope = _steepest(case)
    step = 0.01 * slope / np.abs(slope).max()
    stepped = _replaced(case.student, name, lambda value: value - step)
    before = _array(case.value(case.teacher, case.student))
    assert _array(case.value(case.teacher, stepped)) < before


def check_no_gradient_into_the_teacher(make_case: Function) -> None:
    """Outputs of the teacher and stored outputs have no gradient."""
    case = make_case()
    for name in _leaves(case.teacher):
        _check_ignored(case, name, case.teacher, case.student)
    if "stored" in case.student:
        slope = _gradient_of(case, case.student, ("stored", None))
        assert not slope.any(), slope


def check_bound_copy_leaves_the_original(make_case: Function) -> None:
    """`for_phase` returns a copy with the same config."""
    term = type(make_case().term).from_config(make_case().term.get_config())
    bound = term.for_phase(PHASE)
    assert term.phase is None
    assert bound.phase is PHASE
    assert bound.get_config() == term.get_config()


def check_order_of_samples_has_no_effect(make_case: Function) -> None:
    """The term is a mean: reversing the batch changes nothing."""
    case = make_case()
    teacher, student = _reversed(case.teacher), _reversed(case.student)
    labels = None if case.labels is None else case.labels[::-1].copy()
    turned = case.term.compute_loss(teacher, student, labels)
    _close(turned, case.value(case.teacher, case.student))


def check_repeating_the_batch_has_no_effect(make_case: Function) -> None:
    """The term is a mean: the batch twice has the value of the batch."""
    case = make_case()
    teacher, student = _twice(case.teacher), _twice(case.student)
    labels = None if case.labels is None else np.tile(case.labels, 2)
    doubled = case.term.compute_loss(teacher, student, labels)
    _close(doubled, case.value(case.teacher, case.student))


def check_half_precision_outputs(make_case: Function) -> None:
    """The term of half-precision outputs is computed in float32."""
    case = make_case()
    halves = [_cast(x, "float16") for x in (case.teacher, case.student)]
    value = _array(case.value(*halves))
    assert value.dtype == "float32", value.dtype
    _close(value, case.value(*(_cast(x, "float32") for x in halves)))


def check_missing_outputs_are_refused(make_case: Function) -> None:
    """A missing output is refused by name."""
    case = make_case()
    case.term.validate_outputs(case.teacher, case.student)
    for name in case.term.reads:
        student = {k: v for k, v in case.student.items() if k != name}
        _refuses(case.term, case.teacher, student, name)
    for name in case.term.teacher_reads:
        teacher = {k: v for k, v in case.teacher.items() if k != name}
        _refuses(case.term, teacher, case.student, name)


TERM_CHECKS = (
    check_config_round_trip,
    check_value_is_a_finite_scalar,
    check_gradient_is_finite,
    check_gradient_is_zero_where_matched,
    check_least_where_matched,
    check_gradient_descends,
    check_no_gradient_into_the_teacher,
    check_bound_copy_leaves_the_original,
    check_order_of_samples_has_no_effect,
    check_repeating_the_batch_has_no_effect,
    check_half_precision_outputs,
    check_missing_outputs_are_refused,
)


def _leaves(outputs):
    """Pairs of a name and the index of a map, `None` for other outputs."""
    for name, value in outputs.items():
        if isinstance(value, list):
            yield from ((name, index) for index in range(len(value)))
        else:
            yield name, None


def _leaf(outputs, leaf):
    name, index = leaf
    return outputs[name] if index is None else outputs[name][index]


def _replaced(outputs, leaf, function):
    """Outputs of which one is another."""
    name, index = leaf
    value = function(_leaf(outputs, leaf))
    if index is not None:
        value = [
            value if i == index else m for i, m in enumerate(outputs[name])
        ]
    return {**outputs, name: value}


def _gradient_of(case, student, leaf):
    def value(x):
        return case.value(case.teacher, _replaced(student, leaf, lambda _: x))

    return gradient(value, _leaf(student, leaf))


def _student_gradients(case, student):
    for leaf in _leaves(student):
        if leaf[0] != "stored":
            yield _gradient_of(case, student, leaf)


def _steepest(case):
    leaves = [leaf for leaf in _leaves(case.student) if leaf[0] != "stored"]
    slopes = [_gradient_of(case, case.student, leaf) for leaf in leaves]
    best = int(np.argmax([np.abs(slope).max() for slope in slopes]))
    assert slopes[best].any()
    return leaves[best], slopes[best]


def _check_ignored(case, leaf, teacher, student):
    def value(x):
        return case.value(_replaced(teacher, leaf, lambda _: x), student)

    slope = gradient(value, _leaf(teacher, leaf))
    assert not slope.any(), (leaf, slope)


def _mapped(outputs, function):
    """Outputs each of which is changed, by its name."""
    return {
        name: [function(name, x) for x in value]
        if isinstance(value, list)
        else function(name, value)
        for name, value in outputs.items()
    }


def _scaled(outputs):
    for scale in EXTREMES:
        yield _mapped(outputs, lambda _, x, scale=scale: x * np.float32(scale))


def _reversed(outputs):
    return _mapped(outputs, lambda n, x: x if n == "kernel" else x[::-1].copy())


def _twice(outputs):
    return _mapped(
        outputs, lambda n, x: x if n == "kernel" else np.concatenate([x, x])
    )


def _cast(outputs, dtype):
    return _mapped(outputs, lambda _, x: x.astype(dtype))


def _array(tensor):
    return ops.convert_to_numpy(tensor)


def _close(result, expected):
    expected = _array(expected)
    np.testing.assert_allclose(_array(result), expected, rtol=1e-4, atol=1e-6)


def _refuses(term, teacher, student, name):
    try:
        term.validate_outputs(teacher, student)
    except ValueError as error:
        assert name in str(error), error
    else:
        raise AssertionError(f"Outputs without {name} were accepted.")
