from toy_classifiers import NAMES
from toy_classifiers import VALIDATION
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models.run import Progress
from keras_incremental.recipes import BalancedStage
from keras_incremental.recipes import Recipe


def test_stages_are_numbered_as_they_begin(capsys):
    stages = Progress(1, ["features", "training"])
    stages("features")
    stages("training", "replay")
    assert capsys.readouterr().out == "[1/2] features\n[2/2] training: replay\n"


def test_what_is_no_stage_of_a_phase_is_passed_over(capsys):
    stages = Progress(1, ["training"])
    stages("exemplars")
    assert capsys.readouterr().out == "" and not stages.seconds


def test_silence_is_kept_and_timed(capsys):
    stages = Progress(0, ["training"])
    stages("training")
    assert capsys.readouterr().out == ""
    assert stages.seconds["training"] > 0


def test_learning_names_all_its_stages(capsys):
    clf = classifier(ExemplarMemory(9))
    capsys.readouterr()
    learn(clf, [2], validation_data=VALIDATION, epochs=1, verbose=2)
    shown = capsys.readouterr().out
    for number, name in enumerate(
        ["features", "evaluation before", "training", "exemplars"], start=1
    ):
        assert f"[{number}/5] {name}" in shown
    assert "[5/5] evaluation after" in shown


def test_learning_is_silent_where_it_is_told_to(capsys):
    clf = classifier(ExemplarMemory(9))
    capsys.readouterr()
    learn(clf, [2], validation_data=VALIDATION, epochs=1, verbose=0)
    assert capsys.readouterr().out == ""


def test_a_stage_after_the_training_is_named(capsys):
    recipe = Recipe(memory=ExemplarMemory(9), stage=BalancedStage(1))
    clf = IncrementalClassifier(trained_model(), NAMES[:2], recipe=recipe)
    clf.remember(*samples([0, 1]))
    learn(clf, [2], epochs=1, verbose=2)
    shown = capsys.readouterr().out
    assert shown.index("[2/3] training") < shown.index("\nbalanced stage\n")
