import numpy as np
import pytest
from keras import ops

from keras_incremental.models.exporting.served import UnknownScore
from keras_incremental.models.unknown.calibration import Calibration
from keras_incremental.problems.review_formats import NameFormat
from keras_incremental.rejection import Rejector
from keras_incremental.rejection.scores import SCORES
from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.low_rank import LowRankStatistics


@pytest.mark.parametrize("score", sorted(SCORES))
@pytest.mark.parametrize("kind", [FeatureStatistics, LowRankStatistics])
def test_an_exported_score_is_that_of_numpy(kind, score):
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    x = random.normal(size=(60, 6)) + 3 * np.eye(3, 6)[labels]
    statistics = kind.of(x, labels)
    logits = random.normal(size=(60, 3)).astype("float32")
    features = (2 * x).astype("float32")
    slow = SCORES[score](logits, features, statistics, 0.7)
    rejector = Rejector(score, np.median(slow), energy_weight=0.7)
    found, unknown = UnknownScore(
        Calibration(rejector, statistics, ""), NameFormat()
    )(ops.convert_to_tensor(logits), ops.convert_to_tensor(features))
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), slow, rtol=1e-4, atol=1e-4
    )
    sure = np.abs(slow - rejector.threshold) > 1e-3
    np.testing.assert_array_equal(
        ops.convert_to_numpy(unknown)[sure],
        (slow > rejector.threshold)[sure],
    )
