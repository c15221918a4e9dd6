"""Proposals: whatever Optuna draws, the file fits the limit by the model of bytes, and the recipe can be trained."""

import math

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.artifact import FORECASTING, SPOTTING
from device.errors import UserError
from device.frontend import from_dict, to_dict
from pipeline.metrics import KB, Constraint
from pipeline.search.plan import check_size, usual_name
from pipeline.search.sizes import EXPECTED, gaussian_entropy, learn, terms
from pipeline.search.space import MOST_KB, START, Choices, fitted, least_bytes, recipe_of, suggest

TASKS = st.sampled_from([FORECASTING, SPOTTING])
SIZES = learn([])


def drawn(task: str, seed: int, given: Choices | None = None) -> Choices:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    return suggest(study.ask(), task, given or {})


@settings(deadline=None)
@given(task=TASKS, seed=st.integers(0, 2**32 - 1), share=st.floats(1.001, 40))
def test_every_proposal_fits(task: str, seed: int, share: float) -> None:
    most = share * least_bytes(task, SIZES.at_most)
    recipe = recipe_of(fitted(drawn(task, seed), most, SIZES.at_most))
    assert SIZES.expected(recipe) < SIZES.at_most(recipe) < most
    assert recipe.deflate_layout
    if recipe.front_end:
        assert from_dict(to_dict(recipe.front_end)) == recipe.front_end
        assert all(recipe.blocks)
        assert max(recipe.blocks) - min(recipe.blocks) <= 1


@settings(deadline=None)
@given(task=TASKS, seed=st.integers(0, 2**32 - 1))
def test_the_largest_share_leaves_little_of_the_limit(task: str, seed: int) -> None:
    widest, narrowest = (fitted({**drawn(task, seed), "share": s}, 4096, SIZES.at_most) for s in (1.0, 0.0))
    assert SIZES.expected(recipe_of(widest)) >= SIZES.expected(recipe_of(narrowest))
    if task == SPOTTING:
        assert SIZES.at_most(recipe_of(widest)) > 0.75 * 4096


def test_what_is_tried_first_can_be_chosen() -> None:
    for task, starts in START.items():
        for start in starts:
            study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
            study.enqueue_trial(start)
            trial = study.ask()
            assert suggest(trial, task, {}) == start == trial.params


def test_what_is_given_is_in_every_recipe() -> None:
    recipe = recipe_of(fitted(drawn(SPOTTING, 0, {"other": 0.5, "by_speaker": True}), KB * MOST_KB, SIZES.at_most))
    assert recipe.other > 0
    assert recipe.by_speaker
    assert recipe.augmentation


@pytest.mark.parametrize("task", [FORECASTING, SPOTTING])
def test_a_size_below_the_least_is_refused_and_the_size_that_is_told_is_not(task: str) -> None:
    with pytest.raises(UserError, match="the smallest takes") as caught:
        check_size(task, (Constraint("size_kb", 0.1),))
    told = float(str(caught.value).split("ask for ")[1].split()[0])
    check_size(task, (Constraint("size_kb", told),))
    check_size(task, ())


@settings(deadline=None)
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
    from pipeline.train.networks import build

    recipe = recipe_of(
        fitted({**drawn(SPOTTING, 1, {"other": other}), "stem": stem, "coefficients": 20}, 9000, SIZES.at_most)
    )
    assert recipe.front_end
    assert recipe.qat
    network = build(recipe, recipe.front_end.shape, (9 if other else 8,), folded=True)
    _, _, biases, packed = terms(recipe)
    assert biases == sum(weight.shape[0] for weight in network.weights if weight.shape.rank == 1)
    weights = sum(math.prod(weight.shape) for weight in network.weights if weight.shape.rank > 1)
    assert packed == pytest.approx(weights * gaussian_entropy(recipe.qat.step) / 8)


@given(takes=st.tuples(*(st.floats(0.9, 1.1) for _ in range(4))), seeds=st.sets(st.integers(0, 999), min_size=25))
@settings(deadline=None, max_examples=20)
def test_the_model_of_bytes_finds_what_each_term_takes(takes: tuple[float, ...], seeds: set[int]) -> None:
    recipes = [recipe_of(fitted(drawn(SPOTTING, seed), 30_000, SIZES.at_most)) for seed in seeds]
    true = [sum(t * e * x for t, e, x in zip(takes, EXPECTED["ds_tc_resnet"], terms(r), strict=True)) for r in recipes]
    model = learn([(r, round(b)) for r, b in zip(recipes, true, strict=True)]).models["ds_tc_resnet"]
    assert all(model.expected(r) == pytest.approx(b, rel=0.03) for r, b in zip(recipes, true, strict=True))
    assert model.error < 0.02


def test_names_are_those_of_modules() -> None:
    limits = (Constraint("size_kb", 1.5), Constraint("t_mae_c", 0.5))
    assert usual_name(FORECASTING, limits) == "th_size_kb_1_5_t_mae_c_0_5"
