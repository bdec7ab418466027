import functools
import inspect

import pytest

from keras_incremental import layers
from keras_incremental.statistics import ClassMeans
from keras_incremental.testing import closed_form_checks

AnalyticDense = layers.AnalyticDense

HEADS = {
    "NearestClassMean": layers.NearestClassMean,
    "NearestClassMean-euclidean": functools.partial(
        layers.NearestClassMean, normalize=False
    ),
    "StreamingLDA": layers.StreamingLDA,
    "StreamingLDA-priors": functools.partial(
        layers.StreamingLDA, shrinkage=0.1, priors=True
    ),
    "AnalyticDense": AnalyticDense,
    "AnalyticDense-plain": functools.partial(
        AnalyticDense, ridge=0.01, intercept=False
    ),
    "AnalyticDense-balanced": functools.partial(AnalyticDense, balanced=True),
    "AnalyticDense-expansion": functools.partial(AnalyticDense, expansion=12),
    "AnalyticDense-compensation": functools.partial(
        AnalyticDense, ridge=0.1, expansion=6, compensation=1.0
    ),
    "FeCAM": layers.FeCAM,
    "FeCAM-shared": functools.partial(layers.FeCAM, shared=True),
}


@pytest.mark.parametrize(
    "check", closed_form_checks.CLOSED_FORM_CHECKS, ids=lambda c: c.__name__
)
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_every_closed_form_head_obeys(head, check):
    check(head)


def test_every_exported_closed_form_head_is_here():
    exported = {
        head
        for _, head in inspect.getmembers(layers, inspect.isclass)
        if issubclass(head, layers.ClosedFormHead)
        and head is not layers.ClosedFormHead
    }
    assert exported <= set(HEADS.values())


def test_every_law_is_on_the_list():
    laws = {
        law
        for name, law in inspect.getmembers(
            closed_form_checks, inspect.isfunction
        )
        if name.startswith("check_")
    }
    assert laws == set(closed_form_checks.CLOSED_FORM_CHECKS)


def test_a_head_that_weighs_by_the_last_chunk_breaks_the_law():
    class Forgetful(layers.NearestClassMean):
        class statistics_class(ClassMeans):
            def __add__(self, other):
                return other if len(other) else self

    with pytest.raises(AssertionError):
        closed_form_checks.check_order_and_chunks_do_not_matter(Forgetful)
