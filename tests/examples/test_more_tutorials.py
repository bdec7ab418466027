import importlib
import inspect
import pathlib
import re

import keras
import numpy as np
import pytest

import keras_incremental as ki

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    # The examples set it; this brings it back.
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    return importlib.import_module


def test_parts_by_hand_keep_what_fit_forgets(load, tmp_path, monkeypatch):
    page = load("by_hand")
    monkeypatch.setattr(page, "EPOCHS", 10)
    kept = ("fit on new samples", "memory and distillation")
    ways = {words: page.WAYS[words] for words in kept}
    monkeypatch.setattr(page, "WAYS", ways)
    rows = page.main(tmp_path, limit=30)
    assert rows[kept[0]][0] < rows["before"][0] - 0.5
    assert rows[kept[1]][0] > rows[kept[0]][0] + 0.4
    assert (tmp_path / "by_hand.png").stat().st_size > 5_000


@pytest.mark.parametrize("way", ["with_ewc", "with_distillation"])
def test_parts_by_hand_learn_the_new_classes(load, way, monkeypatch):
    page = load("by_hand")
    monkeypatch.setattr(page, "EPOCHS", 30)
    keras.utils.set_random_seed(0)
    train, _ = page.read_digits(limit=20)
    model = page.trained_on_old(page.between(train, 0, 8))
    new = page.between(train, 8, 10)
    getattr(page, way)(model, page.between(train, 0, 8), new)
    assert page.accuracy(model, new) > 0.8


def test_a_stream_goes_on_in_another_run_as_if_it_had_not_stopped(
    load, tmp_path, monkeypatch
):
    page = load("stream_every_day")
    monkeypatch.setattr(page, "EPOCHS", 3)
    monkeypatch.setattr(page, "FIRST", page.NAMES[:8])
    monkeypatch.setattr(page, "DAYS", 2)

    def live(folder, days):
        toy = ["--limit", "20", "--outputs", str(tmp_path / folder)]
        return page.main([*toy, "--days", days])

    straight = live("straight", "2")
    assert len(live("stopped", "1")) == 1
    resumed = live("stopped", "1")
    assert [r.new_classes for r in resumed] == [("8",), ("9",)]
    assert resumed[-1].score > 0.5
    np.testing.assert_array_equal(
        resumed[-1].confusion_after, straight[-1].confusion_after
    )
    assert (tmp_path / "stopped" / "stream.png").stat().st_size > 5_000


def test_no_sample_of_the_stream_comes_twice(load):
    page = load("stream_every_day")
    labels = np.repeat(page.NAMES, 40)
    rows = [page.rows_of_day(labels, day) for day in range(1, page.DAYS + 1)]
    rows.append(np.flatnonzero(np.isin(labels, page.FIRST))[:20])
    rows = np.concatenate(rows)
    assert len(rows) == len(set(rows))


def test_intents_arrive_and_old_ones_stay(load, tmp_path, monkeypatch):
    page = load("intents_over_time")
    kept = {
        words: page.LEARNERS[words]
        for words in ("fine-tuning", "5 sentences of each kept")
    }
    monkeypatch.setattr(page, "LEARNERS", kept)
    monkeypatch.setattr(page, "PHASES", page.PHASES[:2])
    monkeypatch.setattr(page, "encoders", lambda _: [("hashed", page.hashed)])
    results = page.main(tmp_path, count=6)
    rival, ours = (results["hashed", words][-1] for words in kept)
    assert ours.score > rival.score
    assert ours.old_score > 0.9 and ours.new_score > 0.7
    assert (tmp_path / "intents.png").stat().st_size > 5_000


def test_test_sentences_are_of_templates_that_are_not_trained_on(load):
    page = load("intents")
    trained, _ = page.sentences(page.TEMPLATES)
    tested, _ = page.sentences(page.TEMPLATES, test=True)
    assert not set(trained) & set(tested)


def test_a_vocabulary_needs_tensorflow(load):
    page = load("intents_over_time")
    if keras.backend.backend() != "tensorflow":
        with pytest.raises(ValueError, match="needs TensorFlow"):
            page.vocabulary_of(["one two"])
        return
    encode = page.vocabulary_of(["one two"])
    assert encode(["three"])[0, 0] == encode(["four"])[0, 0] == 1


def test_advice_is_measured_and_the_package_is_above_it(
    load, tmp_path, monkeypatch
):
    page = load("advice_measured")
    monkeypatch.setattr(page.advice_task, "EPOCHS", 10)
    monkeypatch.setattr(page.advice_task, "HIDDEN", 64)

    def few_answers(model, task, seed):
        yield "*before*", "", model
        yield "fine-tuning", "none", page.advice.fine_tuned(model, task.new)
        rest = page.advice.NewAgainstRest(model, task, task.few.of([]))
        yield "new against rest", "none", rest
        names = [f"old {k}" for k in range(task.num_old)]
        recipe = page.ki.recipes.ranpac(expansion=256)
        clf = page.ki.IncrementalClassifier(
            page.frozen_below(model), names, recipe=recipe
        )
        yield "this package", "seen once", page.learnt(clf, task.new, task.old)

    monkeypatch.setattr(page, "all_answers", few_answers)
    toy = ["--weights", "pixels", "--limit", "30", "--seeds", "0"]
    rows = page.main([*toy, "--outputs", str(tmp_path)])
    _, *advice, ours = (values[0] for values in rows.values())
    for row in advice:
        assert ours[2] > row[2] + 0.3
    written = (tmp_path / page.TABLE).read_text()
    assert len(written.splitlines()) == 2 + len(rows)
    assert (tmp_path / page.PICTURE).stat().st_size > 5_000


@pytest.mark.parametrize("name", ["on_top_of_softmax", "focal"])
def test_each_piece_of_advice_gives_a_classifier_of_all_classes(
    load, name, monkeypatch
):
    page, parts = load("advice"), load("advice_task")
    monkeypatch.setattr(parts, "EPOCHS", 1)
    generator = np.random.default_rng(0)
    samples = parts.Samples(
        generator.normal(size=(30, 4)).astype("float32"), np.arange(30) % 3
    )
    task = parts.task_of(samples, samples, 0)
    model = parts.classifier(4, 2)
    result = getattr(page, name)(model, task, task.few + task.new)
    assert result.output_shape == (None, 3)
    neuron = page.new_neuron_only(model, task.new)
    assert neuron.output_shape == (None, 3)
    np.testing.assert_allclose(
        neuron.get_layer("old").get_weights()[0], model.get_weights()[-2]
    )


def test_weights_make_every_class_count_the_same(load):
    page, parts = load("advice"), load("advice_task")
    samples = parts.Samples(np.zeros((6, 1)), np.array([0, 1, 1, 1, 1, 1]))
    weights = page.balanced_weights(samples)
    assert weights[0] * 1 == pytest.approx(weights[1] * 5)


@pytest.fixture
def which_method():
    return (EXAMPLES / "which_method.md").read_text()


def test_the_page_of_questions_names_what_there_is(which_method):
    for path in re.findall(r"\]\(([^)#]+)\)", which_method):
        assert (EXAMPLES / path).exists(), path
    for script in re.findall(r"`python examples/(\w+\.py)", which_method):
        assert (EXAMPLES / script).exists(), script
    verbs = ki.IncrementalClassifier
    known = {*ki.recipes.names(), *inspect.signature(verbs).parameters}
    known |= set(inspect.signature(verbs.learn).parameters)
    known |= {*dir(verbs), *dir(ki), *dir(ki.losses), *dir(ki.callbacks)}
    known |= set(inspect.signature(ki.callbacks.MarginCalibration).parameters)
    names = re.findall(r"`(?:clf\.|ki\.)?(\w+)[`(=]", which_method)
    others = {"fit", "s2", "Dense"}
    assert set(names) - others <= known


def test_the_page_of_questions_and_the_readme_agree(which_method):
    readme = (EXAMPLES.parent / "README.md").read_text()
    for name in ("balanced_replay", "er_ace", "er"):
        row = re.compile(
            rf"^\| `{name}` \| (.* ± .* \| .* ± .*) \|$", re.MULTILINE
        )
        (here,), (there,) = row.findall(which_method), row.findall(readme)
        assert here == there
    (last,) = re.findall(r"^\| 9 \|(.*)\|$", readme, re.MULTILINE)
    kept = ("nothing, naive fine-tuning", "statistics of features")
    kept += ("20 exemplars of each class", "everything")
    table = "\n".join(rf"\| {what} \|(.*)\|" for what in kept)
    (rows,) = re.findall(table, which_method)
    assert list(rows) == last.split("|")


def test_the_page_of_questions_and_that_of_streams_agree(which_method):
    source = (EXAMPLES / "stream_every_day.py").read_text()
    rows = re.findall(r"^\| `\w+` \| .* % .* \|$", source, re.MULTILINE)
    assert len(rows) == 4
    assert all(row in which_method for row in rows)


def test_sites_that_keep_their_pictures_give_the_head_of_all(load, capsys):
    load("sites").main()
    printed = capsys.readouterr().out
    accuracy, difference = re.findall(r"([\d.e-]+) (?:%|of the)", printed)
    assert float(accuracy) > 95 and float(difference) < 1e-5
