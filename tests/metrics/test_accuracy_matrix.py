import numpy as np
import pytest

from keras_incremental.metrics import AccuracyMatrix
from keras_incremental.metrics import ClassCounts
from keras_incremental.metrics import PhaseCounts
from keras_incremental.metrics import count_phase


@pytest.fixture
def oracle():
    """Three groups of one class and 100 samples, counted before learned."""
    matrix = AccuracyMatrix([1, 1, 1])
    for row in ([90, 10, 5], [70, 80, 20], [50, 60, 85]):
        matrix.append(ClassCounts(row, [100] * 3))
    return matrix


@pytest.fixture
def unequal():
    """Groups of two classes and of one, of 10, 30 and 60 samples."""
    matrix = AccuracyMatrix([2, 1])
    matrix.append(ClassCounts([10, 15], [10, 30]))
    matrix.append(ClassCounts([5, 15, 60], [10, 30, 60]))
    return matrix


def test_metrics_oracle_matrix(oracle):
    assert oracle.accuracy() == pytest.approx(0.65)
    assert oracle.accuracy(0) == pytest.approx(0.9)
    assert oracle.average_incremental() == pytest.approx(2.3 / 3)
    assert oracle.forgetting() == pytest.approx(0.30)
    assert oracle.backward_transfer() == pytest.approx(-0.30)


def test_without_the_first_phase_the_average_is_of_the_later_ones(oracle):
    average = oracle.average_incremental(with_first=False)
    assert average == pytest.approx((0.75 + 0.65) / 2)


def test_forward_transfer_is_what_is_known_before_over_an_untrained_model(
    oracle,
):
    # (0.1 - 0.04) and (0.2 - 0.06), of the second and the third group.
    transfer = oracle.forward_transfer([0.5, 0.04, 0.06])
    assert transfer == pytest.approx(0.1)


def test_intransigence_is_what_lacks_to_joint_training(oracle):
    expected = [0.05, 0.15, 0.10]
    np.testing.assert_allclose(
        oracle.intransigence([0.95, 0.95, 0.95]), expected
    )
    joint = AccuracyMatrix([1, 1, 1])
    for _ in range(3):
        joint.append(ClassCounts([95] * 3, [100] * 3))
    np.testing.assert_allclose(oracle.intransigence(joint), expected)


def test_forgetting_is_from_the_best_phase_not_from_the_first():
    matrix = AccuracyMatrix([1, 1, 1])
    for row in ([50], [80, 60], [60, 50, 90]):
        matrix.append(ClassCounts(row, [100] * len(row)))
    assert matrix.forgetting() == pytest.approx((0.2 + 0.1) / 2)
    assert matrix.backward_transfer() == pytest.approx((0.1 - 0.1) / 2)
    assert matrix.forgetting(1) == pytest.approx(-0.3)


def test_what_a_group_had_before_it_was_learned_is_not_forgotten():
    matrix = AccuracyMatrix([1, 1, 1])
    for row in ([90, 100, 0], [90, 70, 0], [90, 60, 80]):
        matrix.append(ClassCounts(row, [100] * 3))
    assert matrix.forgetting() == pytest.approx(0.05)


def test_monotone_decrease_is_forgotten_as_much_as_transferred_back(oracle):
    for phase in (1, 2):
        assert oracle.forgetting(phase) == pytest.approx(
            -oracle.backward_transfer(phase)
        )


def test_nothing_is_forgotten_in_the_first_phase(oracle):
    assert oracle.forgetting(0) == 0
    assert oracle.backward_transfer(0) == 0


def test_means_of_unequal_groups_are_three(unequal):
    assert unequal.accuracy(mean="task") == pytest.approx((20 / 40 + 1) / 2)
    assert unequal.accuracy(mean="class") == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert unequal.accuracy(mean="sample") == pytest.approx(80 / 100)


def test_a_group_of_unequal_classes_counts_its_samples(unequal):
    np.testing.assert_allclose(
        unequal.accuracies, [[25 / 40, np.nan], [20 / 40, 1.0]]
    )
    assert unequal.forgetting() == pytest.approx(5 / 40)


def test_means_agree_on_equal_groups(oracle):
    for phase in range(3):
        assert oracle.accuracy(phase, "class") == oracle.accuracy(phase)
        assert oracle.accuracy(phase, "sample") == pytest.approx(
            oracle.accuracy(phase)
        )


def logits_and_labels(num_classes):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, num_classes, 500)
    return labels, generator.standard_normal((500, num_classes))


def test_tag_decomposition_identity():
    labels, logits = logits_and_labels(6)
    matrix = AccuracyMatrix([3, 1, 2])
    for seen, sizes in ((3, [3]), (4, [3, 1]), (6, [3, 1, 2])):
        known = labels < seen
        matrix.append(count_phase(labels[known], logits[known, :seen], sizes))
    for phase in range(3):
        group, within = matrix.decomposition(phase)
        accuracy = matrix.accuracy(phase, "sample")
        assert group * within == pytest.approx(accuracy, rel=1e-12)
    assert matrix.decomposition(0)[0] == 1.0
    assert matrix.decomposition(2)[0] < 1.0


def test_a_right_answer_is_in_the_right_group_and_right_within_it():
    labels, logits = logits_and_labels(5)
    both = 0
    groups = np.array([0, 0, 1, 1, 1])
    for label, row in zip(labels, logits, strict=True):
        within = max(
            np.flatnonzero(groups == groups[label]), key=row.__getitem__
        )
        both += groups[row.argmax()] == groups[label] and within == label
    assert count_phase(labels, logits, [2, 3]).correct.sum() == both


def test_task_aware_answers_are_among_the_true_group():
    matrix = AccuracyMatrix([2, 2])
    matrix.append(count_phase([0, 1], [[2.0, 1.0], [2.0, 1.0]], [2]))
    # Both go to the new group; the first is right within its own.
    logits = [[2.0, 1.0, 9.0, 0.0], [2.0, 1.0, 9.0, 0.0], [0.0, 0.0, 2.0, 1.0]]
    matrix.append(count_phase([0, 1, 2], logits, [2, 2]))
    np.testing.assert_allclose(matrix.accuracies[1], [0.0, 1.0])
    np.testing.assert_allclose(matrix.task_aware.accuracies[1], [0.5, 1.0])
    assert matrix.forgetting() == 0.5
    assert matrix.task_aware.forgetting() == 0.0


def test_task_aware_needs_its_counts(oracle):
    with pytest.raises(ValueError, match="count_phase"):
        _ = oracle.task_aware
    with pytest.raises(ValueError, match="right_group"):
        oracle.decomposition()


def test_a_matrix_is_the_same_after_json(unequal):
    labels, logits = logits_and_labels(3)
    counted = AccuracyMatrix([2, 1])
    counted.append(count_phase(labels[labels < 2], logits[labels < 2, :2], [2]))
    counted.append(count_phase(labels, logits, [2, 1]))
    for matrix in (unequal, counted):
        again = AccuracyMatrix.from_json(matrix.to_json())
        assert again.to_dict() == matrix.to_dict()
        np.testing.assert_array_equal(again.accuracies, matrix.accuracies)
    assert again.task_aware.accuracy() == counted.task_aware.accuracy()


def test_a_group_that_was_not_counted_ahead_is_named(unequal):
    with pytest.raises(ValueError, match=r"groups=\[1\]"):
        unequal.forward_transfer([0.5, 0.5])


@pytest.mark.parametrize(
    "counts, message",
    [
        (ClassCounts([1, 1], [1, 1]), "each group seen"),
        (ClassCounts([1, 1, 1, 1], [1, 1, 1, 1]), "at most 3 classes"),
        (ClassCounts([2, 1, 1], [1, 1, 1]), "correct"),
        (PhaseCounts([1, 1, 1], [1, 1, 1], [1, 1]), "lengths"),
    ],
)
def test_impossible_counts_are_refused_and_change_nothing(counts, message):
    matrix = AccuracyMatrix([2, 1])
    matrix.append(ClassCounts([1, 1], [1, 1]))
    with pytest.raises(ValueError, match=message):
        matrix.append(counts)
    assert len(matrix) == 1


def test_more_rows_than_phases_are_refused(oracle):
    with pytest.raises(ValueError, match="has 3 phases.*group_sizes"):
        oracle.append(ClassCounts([1, 1, 1], [1, 1, 1]))


def test_a_phase_that_was_not_measured_is_refused(oracle):
    with pytest.raises(IndexError, match="phase=3"):
        oracle.accuracy(3)


def test_an_unknown_mean_is_refused(oracle):
    with pytest.raises(ValueError, match="mean='median'"):
        oracle.accuracy(mean="median")


@pytest.mark.parametrize("sizes", [[], [2, 0]])
def test_groups_without_classes_are_refused(sizes):
    with pytest.raises(ValueError, match="group_sizes"):
        AccuracyMatrix(sizes)


def test_outputs_of_other_classes_are_refused():
    with pytest.raises(ValueError, match="3 columns"):
        count_phase([0], [[0.0, 1.0]], [2, 1])
