import pytest
import recipe_checks
import toy_clouds
import toy_recipes as toy

from keras_incremental import contrib
from keras_incremental import recipes


@pytest.fixture
def eagerly():
    with recipe_checks.without_graphs():
        yield


pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config")


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", contrib.names())
def test_it_learns_two_phases(name):
    clf = toy.classifier(toy.make(name), trainable=True)
    recipe_checks.check_two_phases(clf)


def test_attention_needs_maps_that_train():
    clf = toy.classifier(toy.make("lwm"))
    with pytest.raises(ValueError, match="reads feature maps"):
        toy.learn(clf, [2])
    assert clf.classes == toy.NAMES[:2]


@pytest.mark.parametrize("name", contrib.names())
def test_its_config_makes_it_again(name):
    recipe_checks.check_config(toy.make(name))


@pytest.mark.parametrize("name", contrib.names())
def test_its_copy_shares_no_part_that_changes(name):
    recipe_checks.check_copy(toy.make(name))


@pytest.mark.parametrize("name", contrib.names())
def test_it_predicts_as_the_model_did_before_the_first_phase(name):
    recipe_checks.check_start(toy.make(name))


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", ["il2m", "gd"])
def test_its_file_predicts_the_same_and_learns_on(name, tmp_path):
    recipe_checks.check_file(toy.make(name), tmp_path / "clf.keras")


def test_exemplars_alone_beat_chance():
    recipe = contrib.gdumb(per_class=3)
    found = toy_clouds.accuracy(toy_clouds.trained(recipe))
    assert found > 2 / toy_clouds.CLASSES


def test_obsolete_recipes_are_in_a_catalog_of_their_own():
    assert set(contrib.names()) == {"gd", "dmc", "lwm", "il2m", "gdumb"}
    assert not set(contrib.names()) & set(recipes.names())
    assert contrib.get("gdumb", per_class=4).memory.budget == 4
    with pytest.raises(ValueError, match="name='er'"):
        contrib.get("er")
