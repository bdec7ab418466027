"""Which recipes follow a stream, and which learn in phases."""

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.memory.reservoir import Reservoir
from keras_incremental.memory.stream_replay import StreamReplay
from keras_incremental.models.recipe import LABELED
from keras_incremental.models.recipe import is_auto


def check_stream(recipe):
    """Raises if a recipe has parts that begin and end with a phase."""
    if isinstance(recipe.memory, ExemplarMemory):
        raise ValueError(
            f"The memory of the recipe '{recipe.name}' chooses exemplars at "
            "the end of a phase, and a stream has none. Received: "
            "memory=ExemplarMemory. Use `learn`, or a recipe whose memory is "
            "a `Reservoir`, such as `recipes.stream_er(budget=500)`."
        )
    parts = [
        name
        for name, needs_phase in _NEED_PHASES.items()
        if needs_phase(getattr(recipe, name))
    ]
    if recipe.memory is not None and not _replays(recipe.policy):
        parts.append("policy")
    if parts:
        raise ValueError(
            f"Parts of the recipe '{recipe.name}' need to know where a phase "
            f"begins and ends. Received: {', '.join(parts)}. Use `learn`, or "
            "a recipe for streams, such as `recipes.stream_er(budget=500)`."
        )


def check_phases(recipe):
    """Raises if a recipe is for streams."""
    streams = isinstance(recipe.memory, Reservoir)
    if streams or isinstance(recipe.policy, StreamReplay):
        raise ValueError(
            f"The recipe '{recipe.name}' follows a stream, and `learn` is a "
            "phase. Received: a recipe with Reservoir or StreamReplay. Use "
            "`observe`, or a recipe with an `ExemplarMemory`."
        )


def _replays(policy):
    return is_auto(policy) or isinstance(policy, StreamReplay)


def _is_given(part):
    return part is not None and not is_auto(part)


def _depends_on_phase(loss):
    return hasattr(loss, "for_phase")


def _reads_teacher(terms):
    return _is_given(terms) and any(term.needs_teacher for term in terms)


_NEED_PHASES = {
    "readout": _is_given,
    "loss": _depends_on_phase,
    "terms": _reads_teacher,
    "label_weight": lambda value: value != "one",
    "callbacks": bool,
    "bias_correction": _is_given,
    "stage": _is_given,
    "initializer": lambda value: value == "imprinting",
    "statistics": lambda value: value is True,
    "freeze_old": lambda value: value is True,
    "reinitialize": bool,
    "trains_on": lambda value: value != LABELED,
    "specialist": _is_given,
}
