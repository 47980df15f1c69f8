"""`bench check` passes every sound data set and names the fault of every broken one."""

import random

import numpy as np
import pytest
import torch

from bench.contract.data_set import CONTRACTS, FOUNDATIONS, held, random_states_kept, shake
from bench.data.dataset import Dataset
from tests.contract.mutants_data import BROKEN_DATA, SOUND, a_hole, no_way_back, torchs_global_state, trained_on_test


def lines_of(build) -> tuple[list[str], list[str]]:
    """The broken contracts and the lines."""
    lines: list[str] = []
    with random_states_kept():
        shake(1)
        dataset: Dataset = build()
        broken, _ = held(dataset, build, "mine", lines.append)
    return broken, lines


@pytest.mark.parametrize("build", SOUND)
def test_a_sound_data_set_holds_every_contract(build) -> None:
    broken, lines = lines_of(build)
    assert broken == []
    assert lines[1:] == [f"ok {name}" for name in (*FOUNDATIONS, *CONTRACTS)]


@pytest.mark.parametrize("build", BROKEN_DATA, ids=lambda build: build.__name__)
def test_a_broken_data_set_breaks_its_own_contract_alone(build) -> None:
    broken, lines = lines_of(build)
    assert broken == [BROKEN_DATA[build]]
    assert all("\n" not in line and len(line) < 400 for line in lines)


def test_every_contract_is_broken_by_a_mutant() -> None:
    assert set(BROKEN_DATA.values()) == FOUNDATIONS.keys() | CONTRACTS.keys()


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (a_hole, "FAIL values: train row 7, column 1 is nan: leave the row out, or fill it in"),
        (trained_on_test, "FAIL rows: every row of test stands in train too; give splits that share none"),
        (torchs_global_state, "FAIL repeatable: a second call gives another train and validation and test; draw from"),
        (no_way_back, "FAIL inverse: OneWay.to_data(x) makes "),
    ],
)
def test_a_failure_says_what_and_where(build, said) -> None:
    assert any(line.startswith(said) for line in lines_of(build)[1])


def test_what_stands_on_a_broken_foundation_is_skipped() -> None:
    lines = lines_of(a_hole)[1]
    assert "skip rows: needs values" in lines
    assert not any(line.startswith("ok rows") for line in lines)


def test_the_callers_random_states_are_left_as_they_were() -> None:
    random.seed(7)
    before = random.getstate()
    torch.manual_seed(7)
    state, numbers = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    lines_of(SOUND[0])
    assert random.getstate() == before
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numbers)  # noqa: NPY002
