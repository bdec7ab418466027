import numpy as np
import pytest

from keras_incremental.distillation import SplitRisk
from keras_incremental.losses import PositiveUnlabeledLoss

LOGITS = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def test_it_is_the_risk_of_the_child_against_its_parent():
    term = SplitRisk(child=3, parent=1, prior=0.2, unlabeled=[4, 6])
    labels = np.array([3, 4, 6, 0, -1])
    found = term.compute_loss({}, {"logits": LOGITS}, labels)
    expected = PositiveUnlabeledLoss(0.2)(
        np.array([1, 0, 0, -1, -1]), (LOGITS[:, 3] - LOGITS[:, 1])[:, None]
    )
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_a_share_outside_zero_and_one_is_refused():
    with pytest.raises(ValueError, match="prior=1.2"):
        SplitRisk(child=3, parent=1, prior=1.2, unlabeled=[4])
