"""Methods for streams without phases, for `IncrementalClassifier.observe`.

Heads in closed form, such as those of `slda` and `ridge`, need no method of
their own: they follow a stream as they are.
"""

from keras_incremental.distillation import DarkReplay
from keras_incremental.memory import Reservoir
from keras_incremental.memory import StreamReplay
from keras_incremental.recipes.parts import bare


def stream_er(budget=500, replayed=None, policy="uniform"):
    """Experience replay in a stream ([Chaudhry et al., 2019](
    https://arxiv.org/abs/1902.10486)).

    Args:
        budget: Int, samples in the reservoir. Defaults to `500`.
        replayed: See `StreamReplay`. Defaults to `None`, as many as a
            batch has.
        policy: See `Reservoir`; `"balanced"` where some classes are rare.
            Defaults to `"uniform"`.
    """
    return _stream("stream_er", budget, policy, StreamReplay(replayed))


def stream_er_ace(budget=500, replayed=None, policy="uniform"):
    """Replay with an asymmetric crossentropy: new samples leave the logits
    of classes alone that are not in their batch ([Caccia et al., 2022](
    https://arxiv.org/abs/2104.05025)).

    Args:
        budget: See `stream_er`. Defaults to `500`.
        replayed: See `stream_er`. Defaults to `None`.
        policy: See `stream_er`. Defaults to `"uniform"`.
    """
    replay = StreamReplay(replayed, weight=1.0, asymmetric=True)
    return _stream("stream_er_ace", budget, policy, replay)


def stream_der(alpha=0.3, budget=500, replayed=None, policy="uniform"):
    """Dark experience replay: samples keep the logits that they had when
    they came by, and their labels are not used again.

    Reference:
    - [Buzzega et al., 2020](https://arxiv.org/abs/2004.07211), DER

    Args:
        alpha: Float, weight of the stored logits. Defaults to `0.3`.
        budget: See `stream_er`. Defaults to `500`.
        replayed: See `stream_er`. Defaults to `None`.
        policy: See `stream_er`. Defaults to `"uniform"`.
    """
    return _dark("stream_der", alpha, 0.0, budget, replayed, policy)


def stream_der_pp(
    alpha=0.3, beta=0.5, budget=500, replayed=None, policy="uniform"
):
    """Dark experience replay with the labels of replayed samples, DER++.

    The labels are those of the same samples; the paper draws others for
    them.

    Reference:
    - [Buzzega et al., 2020](https://arxiv.org/abs/2004.07211), DER++

    Args:
        alpha: Float, weight of the stored logits. Defaults to `0.3`.
        beta: Float, weight of the labels of replayed samples. Defaults to
            `0.5`.
        budget: See `stream_er`. Defaults to `500`.
        replayed: See `stream_er`. Defaults to `None`.
        policy: See `stream_er`. Defaults to `"uniform"`.
    """
    return _dark("stream_der_pp", alpha, beta, budget, replayed, policy)


def _dark(name, alpha, beta, budget, replayed, policy):
    replay = StreamReplay(replayed, weight=beta)
    terms = (DarkReplay(weight=alpha),)
    return _stream(name, budget, policy, replay, terms=terms)


def _stream(name, budget, policy, replay, **parts):
    memory = Reservoir(budget=budget, policy=policy)
    return bare(name, memory=memory, policy=replay, **parts)
