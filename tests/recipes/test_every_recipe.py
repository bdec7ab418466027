import pytest
import recipe_checks
import toy_recipes as toy

from keras_incremental import recipes

# One recipe for each mechanism, and whether the backbone trains.
MECHANISMS = {
    "balanced_replay": ({"low_rank": 2}, True),
    "bic": ({}, True),
    "der_pp": ({}, True),
    "eeil": ({}, True),
    "er_ace": ({}, True),
    "ewc": ({}, True),
    "frozen": ({}, True),
    "icarl": ({}, True),
    "joint": ({}, True),
    "lucir": ({}, False),
    "lwf": ({}, True),
    "podnet": ({}, True),
    "rwalk": ({}, True),
    "slda": ({}, False),
    "wa": ({}, True),
}
FREEZES = ("frozen",)
# Parts that are not, before they have seen samples, what the model was.
OTHER_AT_FIRST = {
    "lucir": "directions of the old columns, without their lengths",
    "podnet": "proxies around these directions",
    "icarl": "the nearest mean of exemplars",
    **dict.fromkeys(("ncm", "slda", "ridge", "ranpac", "fecam"), "solved"),
}
SAVED = {
    "bic": {},
    "lucir": {},
    "slda": {},
    "der_pp": {"beta": 0.0},
    "ewc": {},
    "icarl": {},
}


@pytest.fixture(autouse=True)
def without_graphs():
    with recipe_checks.without_graphs():
        yield


pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config")


@pytest.mark.backend
@pytest.mark.parametrize("name", MECHANISMS)
def test_it_learns_two_phases(name):
    options, trainable = MECHANISMS[name]
    clf = toy.classifier(toy.make(name, **options), trainable=trainable)
    trains = trainable and name not in FREEZES
    assert bool(clf.features.trainable_variables) == trains
    recipe_checks.check_two_phases(clf)


@pytest.mark.parametrize("name", recipes.names())
def test_its_config_makes_it_again(name):
    recipe_checks.check_config(toy.make(name))


@pytest.mark.parametrize("name", recipes.names())
def test_its_copy_shares_no_part_that_changes(name):
    recipe_checks.check_copy(toy.make(name))


@pytest.mark.parametrize("name", recipes.names())
def test_it_has_the_name_of_its_function(name):
    assert toy.make(name).name == name


@pytest.mark.parametrize("name", recipes.names())
def test_it_predicts_as_the_model_did_before_the_first_phase(name):
    if name in OTHER_AT_FIRST:
        recipe_checks.check_start_by_samples(toy.make(name))
    else:
        recipe_checks.check_start(toy.make(name))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.backend)
        if name in ("bic", "slda")
        else name
        for name in SAVED
    ],
)
def test_its_file_predicts_the_same_and_learns_on(name, tmp_path):
    recipe = toy.make(name, **SAVED[name])
    recipe_checks.check_file(recipe, tmp_path / "clf.keras")


@pytest.mark.parametrize(
    "recipe",
    [
        recipes.ranpac(64, 0.1, intercept=False),
        recipes.ranpac(64, compensation=0.6),
    ],
    ids=["ACIL", "DS-AL"],
)
def test_options_of_ranpac_are_other_methods(recipe):
    clf = toy.classifier(recipe)
    recipe_checks.check_two_phases(clf)
    assert clf.head.intercept == recipe.head.intercept
    assert clf.head.compensation == recipe.head.compensation


def test_a_name_that_no_recipe_has_is_refused():
    with pytest.raises(ValueError, match="name='gdumb'"):
        recipes.get("gdumb")
