"""Which recipes follow a stream, and which learn in phases."""

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.memory.policies import Interleave
from keras_incremental.memory.reservoir import Reservoir
from keras_incremental.models.recipe import is_auto


def check_stream(recipe):
    """Raises if a recipe has parts that begin and end with a phase."""
    if isinstance(recipe.memory, ExemplarMemory):
        raise ValueError(
            f"The memory of the recipe '{recipe.name}' selects exemplars at "
            "the end of a phase, and a stream has none. Received: "
            "memory=ExemplarMemory. Use `learn`, or a recipe whose memory is "
            "a `Reservoir`, such as `recipes.er(memory=Reservoir(500))`."
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
            "a recipe for streams, such as `recipes.er(memory=Reservoir(500))`."
        )


def check_phases(recipe):
    """Raises if a recipe is for streams."""
    if isinstance(recipe.memory, Reservoir):
        raise ValueError(
            f"The memory of the recipe '{recipe.name}' follows a stream, and "
            "`learn` is a phase. Received: memory=Reservoir. Use `observe`, "
            "or a recipe with an `ExemplarMemory`."
        )


def _replays(policy):
    return is_auto(policy) or isinstance(policy, Interleave)


def _is_given(part):
    return part is not None and not is_auto(part)


def _depends_on_phase(loss):
    follows = getattr(loss, "follows_streams", False)
    return hasattr(loss, "for_phase") and not follows


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
}
