import collections
import unicodedata
from collections.abc import Iterable
from collections.abc import Sequence

SHOWN = 5


def check_class_names(
    names: Sequence[str], known: Sequence[str] = ()
) -> tuple[str, ...]:
    """Checks class names, and normalizes their spelling.

    Args:
        names: List of non-empty strings. Unicode is compared in its normal
            form (NFC), without spaces at the ends.
        known: Names that must not occur in `names`. Defaults to `()`.

    Returns:
        Tuple of strings.

    Raises:
        TypeError: if `names` is one string, has no order, or contains
            something else than strings.
        ValueError: if a name is empty, repeated, or in `known`.
    """
    names = _listed(names)
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise TypeError(
            f"`classes` must be strings. Received: {odd[:SHOWN]} in classes="
            f"{names}. Pass the names of the classes."
        )
    given, names = names, normals(names)
    if not all(names) or not names:
        raise ValueError(
            "`classes` must be non-empty strings, one for each class. "
            f"Received: classes={given}. Name every class."
        )
    _refuse_repeats(names, normals(known))
    return tuple(names)


def normals(names: Iterable[str]) -> list[str]:
    """Returns names in the normal form in which names are compared."""
    return [normal(name) for name in names]


def normal(name: str) -> str:
    """Returns a name in the normal form in which names are compared.

    Raises:
        ValueError: if it has half of a pair of surrogates, which no file,
            page or terminal can show.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        raise ValueError(
            "Names of classes must be valid unicode. Received: "
            f"{ascii(name)}, with half of a surrogate pair. Read the names as "
            "UTF-8, or name the class anew."
        )
    return unicodedata.normalize("NFC", name).strip()


def refuse_unknown(
    unknown: Sequence[str], names: Sequence[str], argument: str
) -> None:
    """Raises a `ValueError` if labels contain names of no class."""
    if unknown:
        raise ValueError(
            f"`{argument}` contains names that are not among the classes "
            f"given. Received: {unknown[:SHOWN]}. Classes: {list(names)}. "
            "Correct the spelling, or add these names to the classes."
        )


def _listed(names):
    if isinstance(names, (str, bytes)):
        raise TypeError(
            "`classes` must be a list of strings. Received: classes="
            f"{names!r}. Pass [{names!r}]."
        )
    unordered = isinstance(names, (set, frozenset, dict))
    if unordered or not isinstance(names, Iterable):
        raise TypeError(
            "`classes` must be a list of strings, in the order in which "
            f"labels number them. Received: classes={names!r}. Pass a list, "
            'as in ["bird", "fish"].'
        )
    return list(names)


def _refuse_repeats(names, known):
    counts = collections.Counter(names)
    repeated = sorted(name for name, count in counts.items() if count > 1)
    if repeated:
        raise ValueError(
            f"`classes` must differ. Received: {repeated} more than once in "
            f"classes={names}. Name each class once; names are compared in "
            "their composed unicode form (NFC)."
        )
    old = set(known)
    taken = [name for name in names if name in old]
    if taken:
        raise ValueError(
            f"Classes {taken} are already known. Received: classes={names}. "
            f"Known classes: {known}. Leave them out, or choose "
            "other names."
        )
