"""Names of any content, in all that shows or writes them."""

import csv
import html.parser
import io
import json
import re
import unicodedata

import keras
import numpy as np
import pytest
from toy_reports import phase

from keras_incremental.cli.formatting import csv_text
from keras_incremental.cli.formatting import table
from keras_incremental.data.labels import check_class_names
from keras_incremental.models import IncrementalClassifier
from keras_incremental.reporting import PhaseReport
from keras_incremental.reporting import TensorBoardReports
from keras_incremental.reporting import model_card
from keras_incremental.reporting import plot_confusion
from keras_incremental.utils.formatting import one_line

NAMES = {
    "markup": "<script>alert('&\"')</script>",
    "markdown": "| a | `b` [c](d) *e*",
    "line breaks": "bird\r\nfish\u2028frog\u2029newt\u0085",
    "a terminal": "\x1b[31mred\x07\x00",
    "right to left": "\u202ebird\u202c \u05d0\u05d1",
    "emoji": "\U0001f426\u200d\u2b1b",
    "combining marks": "a" + "\u0301\u0323\u0489" * 20,
    "10,000 letters": "x" * 10_000,
    "formulas": "$\\frac{1}{0}$",
    "commas": '=1+1,"a";b\tc',
}


@pytest.fixture(scope="module")
def names():
    return check_class_names(["cat", "dog", *NAMES.values()])


@pytest.fixture(scope="module")
def report(names):
    return phase(names, 2)


def is_one_line(text):
    kinds = {unicodedata.category(letter) for letter in text}
    return not kinds & {"Cc", "Zl", "Zp"} and "\u202e" not in text


def test_a_report_has_a_line_for_each_name(report):
    lines = str(report).split("\n")
    assert all(map(is_one_line, lines))
    shown = [line for line in lines if line[:6] in ("  old ", "  new ")]
    assert len(shown) == len(report.classes)
    assert max(map(len, shown)) < 400


def test_json_gives_each_name_back(report):
    text = report.to_json()
    assert PhaseReport.from_json(text).classes == report.classes
    assert json.loads(text)["classes"] == list(report.classes)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_a_page_holds_each_name_as_text(report, names):
    found = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.append(tag)

    page = report.to_html()
    page.encode("utf-8")
    Reader().feed(page)
    assert "script" not in found
    assert "<script>alert" not in page


@pytest.mark.filterwarnings("ignore:Glyph")
def test_tensorboard_has_a_scalar_for_each_name(report, tmp_path):
    from tensorboard.backend.event_processing.event_file_loader import (
        EventFileLoader,
    )

    TensorBoardReports(tmp_path).write(report)
    (file,) = (tmp_path / "phases").iterdir()
    events = list(EventFileLoader(str(file)).Load())
    tags = {value.tag for event in events for value in event.summary.value}
    wanted = {f"accuracy/{name}" for name in report.classes}
    assert wanted <= tags


def test_a_table_of_a_terminal_has_a_line_for_each_name(names):
    text = table([[name, 1] for name in names])
    assert len(text.split("\n")) == len(names)
    assert all(map(is_one_line, text.split("\n")))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_of_a_name_stays_on_its_line(name):
    shown = one_line(NAMES[name])
    assert is_one_line(shown) and len(shown) < 400
    assert one_line("bird \u9ce5 \U0001f426\u200d\u2b1b").startswith("bird")


@pytest.mark.parametrize("other", ["bird ", " bird", "bird\u2003", "bird\n"])
def test_white_space_around_a_name_makes_no_second_class(other):
    with pytest.raises(ValueError, match="more than once"):
        check_class_names(["bird", other])
    assert check_class_names([other]) == ("bird",)


def test_half_of_a_surrogate_pair_is_refused():
    with pytest.raises(ValueError, match="surrogate pair"):
        check_class_names(np.array(["bird", "\ud800"], object).tolist())


@pytest.fixture(scope="module")
def classifier(names):
    layers = [keras.Input((2,)), keras.layers.Dense(len(names))]
    return IncrementalClassifier(keras.Sequential(layers), names)


def test_an_export_gives_each_name_back(classifier, tmp_path):
    folder = tmp_path / "pets"
    classifier.export(folder, "keras", verbose=False)
    (listed,) = folder.rglob("classes.json")
    content = json.loads(listed.read_text("utf-8"))
    assert content["classes"] == list(classifier.classes)
    (labels,) = folder.rglob("labels.txt")
    lines = labels.read_text("utf-8").splitlines()
    assert lines == [" ".join(n.splitlines()) for n in classifier.classes]
    assert (folder / "README.md").read_text("utf-8") == model_card(classifier)


def test_a_card_has_a_row_for_each_name(classifier):
    text = model_card(classifier)
    assert all(map(is_one_line, text.split("\n")))
    rows = [row for row in text.split("\n") if re.match(r"\| \d+ \| ", row)]
    assert len(rows) >= len(classifier.classes)
    for row in rows:
        bare = re.sub(r"\\[\\`*_{}\[\]<>#|~&$]", "", row)
        assert not set("<>`[]*&$") & set(bare)
    assert {re.sub(r"\\\|", "", row).count("|") for row in rows[:12]} == {8}


@pytest.mark.filterwarnings("ignore:Glyph")
def test_a_plot_shows_each_name_on_its_line(report):
    figure = plot_confusion(report, "after")
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(shown) == len(report.classes)
    assert all(map(is_one_line, shown)) and max(map(len, shown)) < 400
    figure.canvas.draw()


@pytest.mark.parametrize("name", [*NAMES.values(), "a\rb"], ids=ascii)
def test_csv_gives_each_name_back(name):
    rows = [["bird.png", name, "0.5"], ["fish.png", "fish", "0.5"]]
    text = io.StringIO(csv_text(rows), newline="")
    assert list(csv.reader(text)) == rows
