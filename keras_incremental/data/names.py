import unicodedata

SHOWN = 5


def check_class_names(names, known=()):
    """Checks class names, and brings them into one spelling.

    Args:
        names: List of non-empty strings. Unicode is compared in its normal
            form (NFC).
        known: Names that must not occur in `names`. Defaults to `()`.

    Returns:
        Tuple of strings.

    Raises:
        TypeError: if `names` is one string, or contains something else.
        ValueError: if a name is empty, repeated, or in `known`.
    """
    if isinstance(names, (str, bytes)):
        raise TypeError(
            "`class_names` must be a list of strings. Received: "
            f"class_names={names!r}. Pass [{names!r}]."
        )
    names = list(names)
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise TypeError(
            f"`class_names` must be strings. Received: {odd[:SHOWN]} in "
            f"class_names={names}. Pass the names of the classes."
        )
    names = [normal(name) for name in names]
    if not names or not all(name.strip() for name in names):
        raise ValueError(
            "`class_names` must be non-empty strings, one for each class. "
            f"Received: class_names={names}."
        )
    _refuse_repeats(names, [normal(name) for name in known])
    return tuple(names)


def normal(name):
    """A name in the one spelling in which names are compared."""
    return unicodedata.normalize("NFC", name)


def _refuse_repeats(names, known):
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"`class_names` must differ. Received: {repeated} more than "
            f"once in class_names={names}."
        )
    taken = [name for name in names if name in known]
    if taken:
        raise ValueError(
            f"Classes {taken} are already known. Received: class_names="
            f"{names}. Known classes: {known}. Leave them out, or choose "
            "other names."
        )
