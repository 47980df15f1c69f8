import pytest
import torch
from torch import nn

from bench.errors import BenchError
from bench.setup import build
from bench.setup.compose import compose
from bench.setup.match import matching_width, parameter_count
from bench.spec import DataSpec


def square(width: int) -> nn.Module:
    return nn.Linear(width, width, bias=False)


def test_only_trainable_parameters_count() -> None:
    module = nn.Linear(3, 4)
    module.bias.requires_grad_(False)
    assert parameter_count(module) == 12


@pytest.mark.parametrize("target", [1, 4, 100, 10_000])
def test_an_exact_width_is_found(target: int) -> None:
    assert matching_width(square, target, tolerance=1e-9, what="it") ** 2 == target


def test_the_nearest_of_all_widths_is_chosen() -> None:
    for target in range(50, 150):
        nearest = min(range(1, 30), key=lambda width: abs(width**2 - target))
        assert matching_width(square, target, tolerance=1, what="it") == nearest


@pytest.mark.parametrize("model", ["vae", "realnvp", "cnf"])
@pytest.mark.parametrize("data", [DataSpec((2,)), DataSpec((64,), "discrete", 17)], ids=["toy", "digits"])
@pytest.mark.parametrize("target", [5_000, 50_000])
def test_the_projects_entries_meet_a_budget_within_two_per_cent(model: str, data: DataSpec, target: int) -> None:
    config = compose([f"model={model}"])
    width = matching_width(lambda w: build.entry_of_width(config, data, w), target, 0.02, model)
    assert parameter_count(build.entry_of_width(config, data, width)) == pytest.approx(target, rel=0.02)


def test_out_of_reach_names_the_nearest_sizes_on_both_sides() -> None:
    with pytest.raises(BenchError) as raised:
        matching_width(square, 12, tolerance=0.02, what="squares on paper")
    assert "budget.parameters=12 is out of reach for squares on paper within 2%" in str(raised.value)
    assert "9 (width 3) and 16 (width 4)" in str(raised.value)


def test_below_the_smallest_size() -> None:
    with pytest.raises(BenchError, match=r"200 \(width 1\) and 300 \(width 2\)"):
        matching_width(lambda width: nn.Linear(width, 100), 10, tolerance=0.02, what="it")


def test_sizes_that_are_equal_are_named_once() -> None:
    with pytest.raises(BenchError, match=r"nearest is 112 \(width 1\); ask"):
        matching_width(lambda width: nn.Linear(1, 56 * max(1, width // 2)), 10, tolerance=0.02, what="it")


def test_a_size_beyond_any_memory_is_refused_unbuilt() -> None:
    with pytest.raises(BenchError, match="at most"):
        matching_width(lambda width: pytest.fail("built"), 10**12, tolerance=0.02, what="it")


def test_an_entry_that_does_not_grow_is_named() -> None:
    with pytest.raises(BenchError, match="it does not grow with width"):
        matching_width(lambda width: nn.Linear(2, 2), 100, tolerance=0.02, what="it")


def test_the_random_state_is_left_as_it_was() -> None:
    before = torch.get_rng_state()
    matching_width(square, 100, tolerance=0.02, what="it")
    assert torch.equal(before, torch.get_rng_state())
