"""Proposals: whatever Optuna draws, the file fits the limit by the model of bytes, and the recipe can be trained."""

import math

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from underbudget.beyond.search.plan import check_size, usual_name
from underbudget.beyond.search.sizes import MARGIN, at_most, expected, gaussian_entropy, terms
from underbudget.beyond.search.space import MOST_KB, START, Choices, choose, fitted, least_bytes, recipe_of
from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.device.errors import UserError
from underbudget.device.frontend import from_dict, to_dict
from underbudget.metrics import KB, Limit
from underbudget.networks import Network
from underbudget.networks.ds_tc_resnet import DsTcResnet
from underbudget.recipes import Readings, Recipe
from underbudget.store import PUBLISHED
from underbudget.versions.catalogue import VERSIONS

TASKS = st.sampled_from([FORECASTING, SPOTTING])


def drawn(task: str, seed: int, given: Choices | None = None, most: float = 4096) -> Choices:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    return choose(study.ask(), task, given or {}, most)


@given(task=TASKS, seed=st.integers(0, 2**32 - 1), share=st.floats(1.001, 40))
def test_every_proposal_fits(task: str, seed: int, share: float) -> None:
    most = share * least_bytes(task)
    recipe = recipe_of(drawn(task, seed, most=most))
    assert expected(recipe) < at_most(recipe) < most
    assert recipe.export.order_for_compression
    if isinstance(recipe.network, DsTcResnet):
        assert not isinstance(recipe.inputs, Readings)
        assert from_dict(to_dict(recipe.inputs)) == recipe.inputs
        blocks = recipe.network.blocks
        assert all(blocks)
        assert max(blocks) - min(blocks) <= 1


@given(task=TASKS, seed=st.integers(0, 2**32 - 1))
def test_the_largest_share_leaves_little_of_the_limit(task: str, seed: int) -> None:
    widest, narrowest = (fitted({**drawn(task, seed), "share": s}, 4096) for s in (1.0, 0.0))
    assert expected(recipe_of(widest)) >= expected(recipe_of(narrowest))
    if task == SPOTTING:
        assert at_most(recipe_of(widest)) > 0.75 * 4096


def test_what_is_tried_first_can_be_chosen() -> None:
    for task, starts in START.items():
        for start in starts:
            study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
            study.enqueue_trial(start)
            trial = study.ask()
            chosen = choose(trial, task, {}, 4096)
            assert {**start, "width": chosen["width"]} == chosen
            assert trial.params == start


def test_what_is_given_is_in_every_recipe() -> None:
    recipe = recipe_of(fitted(drawn(SPOTTING, 0, {"other": 0.5, "by_speaker": True}), KB * MOST_KB))
    assert recipe.needs_other_sounds
    assert recipe.by_speaker


@pytest.mark.parametrize("task", [FORECASTING, SPOTTING])
def test_a_size_below_the_least_is_refused_and_the_size_that_is_told_is_not(task: str) -> None:
    with pytest.raises(UserError, match="the smallest takes") as caught:
        check_size(task, (Limit("size_kb", 0.1),))
    told = float(str(caught.value).split("ask for ")[1].split()[0])
    check_size(task, (Limit("size_kb", told),))
    check_size(task, ())


@given(step=st.floats(0.02, 4))
def test_the_entropy_of_a_rounded_gaussian(step: float) -> None:
    entropy = gaussian_entropy(step)
    assert entropy > gaussian_entropy(step * 1.1)
    # that of the variable and its rounding error, which is nearly uniform, together nearly normal
    fine = math.log2(math.sqrt(2 * math.pi * math.e * (1 + step**2 / 12)) / step)
    assert entropy == pytest.approx(fine, abs=0.003) if step < 1 else entropy > 0


@pytest.mark.parametrize("stem", [0, 4, 8, 16])
@pytest.mark.parametrize("other", [0.0, 0.5])
def test_terms_count_the_weights_and_biases_of_the_network(stem: int, other: float) -> None:
    recipe = recipe_of(fitted({**drawn(SPOTTING, 1, {"other": other}), "stem": stem, "coefficients": 20}, 9000))
    assert recipe.qat and not isinstance(recipe.inputs, Readings)
    network = recipe.network.create(recipe.inputs.shape, (9 if other else 8,), folded=True)
    _, _, biases, packed = terms(recipe)
    assert biases == sum(weight.shape[0] for weight in network.weights if weight.shape.rank == 1)
    weights = sum(math.prod(weight.shape) for weight in network.weights if weight.shape.rank > 1)
    assert packed == pytest.approx(weights * gaussian_entropy(recipe.qat.relative_scale) / 8)


def trained(network: type[Network]) -> list[tuple[Recipe, int]]:
    """The recipes with that network in the published searches, each with the bytes of a file."""
    trials = [
        (recipe_of(t["choices"]), rung["bytes"])
        for found in PUBLISHED.searches() for t in found["trials"] for rung in t["rungs"]
    ]  # fmt: skip
    return [(recipe, size) for recipe, size in trials if isinstance(recipe.network, network)]


@pytest.mark.parametrize("network", MARGIN)
def test_bytes_are_told_before_training(network: type[Network]) -> None:
    wrong = [size / expected(recipe) - 1 for recipe, size in trained(network)]
    assert len(wrong) > 70
    assert sum(wrong) / len(wrong) == pytest.approx(0, abs=0.005)
    assert sum(w > MARGIN[network] for w in wrong) <= len(wrong) / 40 + 1
    assert min(wrong) > -0.1


@pytest.mark.parametrize(("recipe", "name"), [("improved", "kws_a"), ("improved", "kws_c"), ("improved", "th_a")])
def test_bytes_of_recipes_that_no_search_made_are_told(recipe: str, name: str) -> None:
    sizes = [trial["bytes"] for trial in PUBLISHED.study_runs(recipe) if trial["version"] == name]
    assert sum(sizes) / len(sizes) == pytest.approx(expected(VERSIONS[name].recipes[recipe]), rel=0.04)


def test_names_are_those_of_files() -> None:
    limits = (Limit("size_kb", 1.5), Limit("t_mae_c", 0.5))
    assert usual_name(FORECASTING, limits) == "th_size_kb_1_5_t_mae_c_0_5"
