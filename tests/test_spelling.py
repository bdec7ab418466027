"""The package is spelled as Keras is, in American English."""

import pathlib
import re

import pytest

import keras_incremental

ROOT = pathlib.Path(keras_incremental.__file__).parent
FOLDERS = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
# Beginnings of words, or of parts of a name.
BRITISH = (
    "analys(?:e[ds]?|ing)",
    "artefact",
    "behaviour",
    "catalogue",
    "centr(?:es?|ed|ing)",
    "colour",
    "favour",
    "fulfil",
    "generalis",
    "grey",
    "initialis",
    "judgement",
    "(?:re|un)?labell",
    "learnt",
    "licence",
    "maximis",
    "minimis",
    "modell",
    "neighbour",
    "normalis",
    "optimis(?:e|ation|ing)",
    "organis",
    "penalis",
    "quantis",
    "recognis",
    "regularis",
    "serialis",
    "standardis",
    "summaris",
    "visualis",
)
PATTERN = re.compile(
    rf"(?<![a-zA-Z])(?:{'|'.join(BRITISH)})[a-z]*", re.IGNORECASE
)
# `LabelledThing` is two words.
WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")


def british(text):
    """The words of a text that Keras spells in another way."""
    return sorted(set(PATTERN.findall(WORDS.sub(" ", text))))


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_is_spelled_as_keras_is(folder):
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        words = british(f"{path.stem} {path.read_text()}")
        if words:
            found[path.name] = words
    assert not found


def test_british_words_are_found_in_any_kind_of_name():
    text = "PositiveUnlabelledLoss num_unlabelled LABELLED Learnt: centred"
    text += " label labeled center optimistic modeling"
    assert british(text) == [
        "LABELLED",
        "Learnt",
        "Unlabelled",
        "centred",
        "unlabelled",
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_refers_to_others_by_see(folder):
    for path in (ROOT / folder).rglob("*.py"):
        assert not re.search(r"\b[Aa]s of\s+`", path.read_text()), path.name
