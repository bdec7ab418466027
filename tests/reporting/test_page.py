import base64
import dataclasses
import html.parser
import re

import numpy as np
import pytest
import toy_reports
from matplotlib import pyplot

from keras_incremental import reporting
from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.reporting.markup import element
from keras_incremental.utils.formatting import megabytes
from keras_incremental.utils.formatting import points


class Page(html.parser.HTMLParser):
    """Tags, attributes and words of a page, whose tags must match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and self.open[-1:] != ["style"]:
            self.words.append(data.strip())

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def whole():
    """A page of two phases with everything on it."""
    reports = toy_reports.phases([2, 1, 1], ("cat", "dog", "fox", "hen"))
    pictures = np.zeros((80, 4, 4, 3), "uint8")
    memory = ExemplarMemory(4, features=lambda x: x.reshape(len(x), -1))
    memory.update(pictures[:8], np.repeat([0, 1], 4))
    return reporting.to_html(reports, pictures=pictures, memory=memory)


def test_a_page_says_what_was_kept_and_lost(whole):
    words = Page(whole).words
    for said in (
        "Of 60 validation samples of old classes, 6 went from right to wrong "
        "and 0 from wrong to right.",
        "90.0\u00a0%",
        "95.0\u00a0% before, −5.0 points",
        "Phase 2: hen",
        "95.0\u00a0% → 87.5\u00a0%",
        "replay of exemplars",
        "59.0 MB",
        "25.0 s",
    ):
        assert said in words


def test_a_page_needs_no_other_file(whole):
    page = Page(whole)
    links = [v for _, a in page.tags for k, v in a.items() if k == "src"]
    assert links and all(link.startswith("data:image/svg") for link in links)
    assert not page.all("link") and not page.all("script")
    assert "url(" not in whole


def test_a_page_can_be_read_without_its_figures(whole):
    page = Page(whole)
    assert page.all("html") == [{"lang": "en"}]
    assert page.all("title")
    figures = page.all("img")
    # Phases, forgetting, classes, three confusions, curves, flips, exemplars.
    assert len(figures) == 9
    assert all(len(figure["alt"]) > 20 for figure in figures)
    assert all(head["scope"] in ("row", "col") for head in page.all("th"))


def test_figures_keep_their_words(whole):
    data = re.search(r"base64,([^\"]+)", whole).group(1)
    figure = base64.b64decode(data).decode()
    assert ">before</text>" in figure


def test_names_cannot_break_a_page():
    name = "<script>alert('x')</script> & \"co\""
    reports = toy_reports.phases([1, 1], ("cat", name))
    text = reporting.to_html(reports)
    assert "<script" not in text
    assert name in Page(text).words


def test_one_report_writes_itself(tmp_path):
    report = toy_reports.phases([2, 1])[0]
    path = tmp_path / "report.html"
    text = report.to_html(path)
    assert path.read_text(encoding="utf-8") == text
    assert text.startswith("<!DOCTYPE html>")
    # One phase has no table of phases, and no forgetting.
    assert "Phases" not in Page(text).words
    assert len(Page(text).all("img")) == 6


def test_a_page_without_validation_says_so():
    blind = dataclasses.replace(
        toy_reports.phases([2, 1])[0],
        confusion_before=None,
        confusion_after=None,
        drop=None,
        class_drops={},
        history={},
        accepted=False,
    )
    page = Page(reporting.to_html(blind))
    assert not page.all("img")
    assert any("is not known" in words for words in page.words)
    assert {"class": "verdict refused"} in page.all("p")


def test_no_window_is_left_behind():
    pyplot.close("all")
    assert reporting.to_html(toy_reports.phases([2, 1]))
    assert not pyplot.get_fignums()


def test_pictures_that_did_not_flip_are_not_shown():
    report = toy_reports.phase(("cat", "dog"), 1, lost=0)
    pictures = np.zeros((40, 4, 4))
    words = Page(reporting.to_html(report, pictures=pictures)).words
    assert "From right to wrong" not in words


def test_elements_escape_what_is_no_markup():
    inner = element("b", "<")
    made = element("p", inner, "&", class_="a", aria_label='"')
    assert made == ('<p class="a" aria-label="&quot;"><b>&lt;</b>&amp;</p>')


def test_numbers_are_told_in_fitting_units():
    assert megabytes(2_400) == "2.4 kB"
    assert megabytes(59_000_000) == "59.0 MB"
    assert points(0.95, 0.9) == "−5.0"
    assert points(None, 0.9) == "–"
