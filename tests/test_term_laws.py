import inspect

import numpy as np
import pytest
from keras import ops

from keras_incremental import contrib
from keras_incremental import distillation
from keras_incremental.testing import term_checks
from keras_incremental.testing.term_checks import PHASE
from keras_incremental.testing.term_checks import Case

RANDOM = np.random.default_rng(0)
LABELS = np.array([0, 4, 1, 3])


def draw(*shape):
    return RANDOM.normal(size=shape).astype("float32")


TEACHER, EXPERT, NEW = draw(4, 3), draw(4, 2), draw(4, 2)
FEATURES, KERNEL = draw(4, 6), draw(3, 3)
MAPS = [draw(4, 4, 2, 2), draw(4, 2, 3, 3)]
OTHER = draw(4, 5)
# Exemplars of the first and of the second phase, and a new sample.
STORED = draw(4, 5)
STORED[0, 2:], STORED[1, 3:], STORED[2:] = np.nan, np.nan, np.nan
EXTERNAL = np.array([-1, 2, 3, -1])


def beside(old, new):
    return np.concatenate([old, new], axis=-1)


def logits(term):
    return Case(
        term.for_phase(PHASE),
        {"logits": TEACHER},
        {"logits": OTHER},
        {"logits": beside(TEACHER, NEW)},
        LABELS,
    )


def features(term):
    return Case(
        term,
        {"features": FEATURES},
        {"features": draw(4, 6)},
        {"features": FEATURES},
    )


def attention():
    teacher = {"maps": MAPS, "kernel": KERNEL, "logits": TEACHER}
    kernel = beside(KERNEL, draw(3, 2))
    matched = {**teacher, "kernel": kernel, "logits": OTHER}
    return Case(
        contrib.AttentionDistillation(),
        teacher,
        {**matched, "maps": [draw(*value.shape) for value in MAPS]},
        matched,
    )


def maps():
    outputs = {"maps": MAPS}
    return Case(
        distillation.PooledOutputs(),
        outputs,
        {"maps": [draw(*value.shape) for value in MAPS]},
        outputs,
    )


def margin():
    scores = np.float32([[1, 0, 0, 0.2, 0.6], [0, 0, 0, 1, 0.9]] * 2)
    far = np.float32([[1, 0, 0, 0.2, 0.4], [0, 1, 0, -1, 0.4]] * 2)
    return Case(
        distillation.MarginRanking().for_phase(PHASE),
        {},
        {"scores": scores},
        {"scores": far},
        np.array([0, 4, 0, 1]),
    )


def split_risk():
    surely = np.zeros((4, 5), "float32")
    surely[0, 4], surely[1:, 1] = 60, 60
    return Case(
        distillation.SplitRisk(child=4, parent=1, prior=0.0, unlabeled=[5]),
        {},
        {"logits": OTHER},
        {"logits": surely},
        np.array([4, 5, 0, 5]),
    )


def dark_replay():
    matched = np.where(np.isnan(STORED), OTHER, STORED)
    return Case(
        distillation.DarkReplay(),
        {},
        {"logits": OTHER, "stored": STORED},
        {"logits": matched, "stored": STORED},
    )


def double():
    targets = beside(
        TEACHER - TEACHER.mean(-1, keepdims=True),
        EXPERT - EXPERT.mean(-1, keepdims=True),
    )
    return Case(
        contrib.DoubleDistillation(),
        {"logits": TEACHER, "expert": EXPERT},
        {"logits": OTHER},
        {"logits": targets},
    )


def global_distillation(labels=LABELS):
    return Case(
        contrib.GlobalDistillation(),
        {"logits": TEACHER, "expert": EXPERT},
        {"logits": OTHER},
        {"logits": beside(TEACHER, EXPERT)},
        labels,
    )


def confidence():
    return Case(
        contrib.ConfidenceLoss(),
        {},
        {"logits": OTHER},
        {"logits": np.ones((4, 5), "float32")},
        EXTERNAL,
    )


# One way to make each exported term, with outputs of networks.
TERMS = {
    "AttentionDistillation": attention,
    "ConfidenceLoss": confidence,
    "DarkReplay": dark_replay,
    "DoubleDistillation": double,
    "FeatureMatching": lambda: features(distillation.FeatureMatching()),
    "GlobalDistillation": global_distillation,
    "GroupDistillation": lambda: logits(distillation.GroupDistillation()),
    "LessForget": lambda: features(distillation.LessForget()),
    "SoftmaxDistillation": lambda: logits(distillation.SoftmaxDistillation()),
    "MarginRanking": margin,
    "MergedDistillation": lambda: logits(
        distillation.MergedDistillation([-1, -1])
    ),
    "PooledOutputs": maps,
    "SigmoidDistillation": lambda: logits(distillation.SigmoidDistillation()),
    "SplitRisk": split_risk,
}

every_law = pytest.mark.parametrize(
    "check", term_checks.TERM_CHECKS, ids=lambda check: check.__name__
)


@every_law
@pytest.mark.parametrize("name", TERMS)
def test_every_term_obeys(name, check):
    check(TERMS[name])


def test_every_exported_term_is_in_the_table():
    public = (*vars(distillation).values(), *vars(contrib).values())
    classes = [c for c in public if inspect.isclass(c)]
    terms = {c.__name__ for c in classes if issubclass(c, distillation.Term)}
    assert terms - {"Term"} == set(TERMS)


def test_every_law_is_on_its_list():
    laws = {
        law
        for name, law in inspect.getmembers(term_checks, inspect.isfunction)
        if name.startswith("check_")
    }
    assert laws == set(term_checks.TERM_CHECKS)


def test_a_term_that_trains_the_teacher_breaks_the_law():
    class Leaking(distillation.SoftmaxDistillation):
        def compute_loss(self, teacher_outputs, student_outputs, labels=None):
            student = ops.convert_to_tensor(student_outputs["logits"])
            taught = teacher_outputs["logits"]
            return ops.mean(ops.square(student[:, :3] - taught))

    with pytest.raises(AssertionError):
        term_checks.check_no_gradient_into_the_teacher(
            lambda: logits(Leaking())
        )


def test_a_norm_without_a_guard_breaks_the_law():
    class Naive(distillation.FeatureMatching):
        def compute_loss(self, teacher_outputs, student_outputs, labels=None):
            taught = ops.convert_to_tensor(teacher_outputs["features"])
            squared = ops.square(student_outputs["features"] - taught)
            return ops.mean(ops.sqrt(ops.mean(squared, axis=-1)))

    with pytest.raises(AssertionError):
        term_checks.check_gradient_is_finite(lambda: features(Naive()))


def test_a_bound_term_that_changes_the_original_breaks_the_law():
    class Sticky(distillation.SoftmaxDistillation):
        def for_phase(self, phase):
            self.phase = phase
            return self

    with pytest.raises(AssertionError):
        term_checks.check_bound_copy_leaves_the_original(
            lambda: Case(Sticky(), {}, {}, {})
        )
