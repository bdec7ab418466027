import math

import numpy as np

from keras_incremental.metrics import auroc
from keras_incremental.metrics import detection_rate


def test_auroc_is_the_share_of_pairs_in_the_right_order():
    generator = np.random.default_rng(0)
    known = generator.integers(0, 9, 40)
    unknown = generator.integers(3, 12, 25)
    slow = np.mean([(u > k) + 0.5 * (u == k) for u in unknown for k in known])
    assert math.isclose(auroc(known, unknown), slow)


def test_auroc_of_perfect_reversed_and_equal_scores():
    assert auroc([0, 1], [2, 3]) == 1
    assert auroc([2, 3], [0, 1]) == 0
    assert auroc([1, 1], [1, 1, 1]) == 0.5


def test_detection_rate_at_a_rate_of_false_alarms():
    known = np.arange(100)
    # Five known ones are above 94.
    assert detection_rate(known, [94, 94.5, 98, 200]) == 0.75
    assert detection_rate(known, [98, 99, 100, 101], 0) == 0.5
    assert detection_rate(known, [-5], 1) == 1


def test_detection_of_nothing_is_not_a_number():
    for metric in (auroc, detection_rate):
        assert math.isnan(metric([], [1]))
        assert math.isnan(metric([1], []))
