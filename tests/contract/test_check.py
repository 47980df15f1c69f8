"""`bench check` passes every sound entry and names the fault of every broken one."""

import io
from contextlib import redirect_stdout

import pytest
import torch

from bench.contract.check import CONTRACTS, FOUNDATIONS, check_entry
from bench.contract.grid import Cube, Plane
from bench.contract.testbed import Build, Subject, correlated_bits, linear_gaussian, skewed
from bench.models.entry import Entry
from bench.paths import group_choices
from bench.setup.build import entry_of_width
from bench.setup.compose import compose
from tests.contract.mutants import BROKEN, MeanOverCoordinates, NoTrainer
from tests.contract.sound import SOUND, Latent


def builder(cls: type[Entry]) -> Build:
    return lambda spec, width: cls(spec, width=16 if width is None else width)


def lines_of(build: Build) -> list[str]:
    lines: list[str] = []
    check_entry(build, report=lines.append)
    return lines


@pytest.mark.parametrize(("cls", "skipped"), SOUND.items())
def test_a_sound_entry_passes_every_contract_it_is_subject_to(cls, skipped):
    lines = lines_of(builder(cls))
    assert [line.replace(":", " ").split()[1] for line in lines] == [*FOUNDATIONS, *CONTRACTS]
    assert [line for line in lines if not line.startswith("ok ")] == [f"skip {reason}" for reason in skipped]


@pytest.mark.parametrize("cls", BROKEN)
def test_a_broken_entry_fails_its_own_contract(cls):
    failed = [failure.contract for failure in check_entry(builder(cls), report=lambda line: None)]
    assert BROKEN[cls][0] in failed
    assert set(failed) <= set(BROKEN[cls])


def test_every_contract_is_broken_by_a_mutant():
    named = {contract for contracts in BROKEN.values() for contract in contracts[:1]}
    assert named == CONTRACTS.keys() | FOUNDATIONS.keys()


@pytest.mark.parametrize("model", [choice.name for choice in group_choices("model")])
def test_every_model_of_the_project_passes(model):
    config = compose([f"model={model}"])
    assert check_entry(lambda spec, width: entry_of_width(config, spec, width), report=lambda line: None) == []


@pytest.mark.parametrize("model", ["gaussian", "gmm"])
def test_an_entry_that_is_fitted_in_one_go_is_held_to_no_contract_of_steps_and_sizes(model):
    config = compose([f"model={model}"])
    lines = lines_of(lambda spec, width: entry_of_width(config, spec, width))
    assert {"width", "gradients", "resumes"} <= {line.split(":")[0].removeprefix("skip ") for line in lines}
    assert {"ok finishes", "ok truth", "ok normalised", "ok samples", "ok trains"} <= set(lines)


def test_only_discrete_data_have_levels():
    subject = Subject(builder(Latent))
    specs = [*subject.specs.values(), *(testbed.spec for testbed in subject.testbeds)]
    assert {(spec.kind, spec.levels) for spec in specs} == {("continuous", None), ("discrete", 17), ("binary", None)}


def test_a_fallen_foundation_skips_the_rest():
    lines = lines_of(builder(NoTrainer))
    assert lines[2].startswith("FAIL trains: ")
    assert set(lines[3:]) == {f"skip {name}: needs trains" for name in CONTRACTS}


def test_the_verdict_is_the_same_each_time_and_leaves_the_callers_random_state():
    before = torch.get_rng_state()
    first = check_entry(builder(MeanOverCoordinates), report=lambda line: None)
    assert torch.equal(before, torch.get_rng_state())
    torch.randn(7)
    assert check_entry(builder(MeanOverCoordinates), report=lambda line: None) == first


def test_a_failure_prints_what_was_seen_and_what_to_do():
    failure = check_entry(builder(NoTrainer), report=lambda line: None)[0]
    assert str(failure) == f"FAIL trains: {failure.seen}; {failure.remedy}"


def test_lines_go_to_the_standard_output_by_default():
    with redirect_stdout(io.StringIO()) as output:
        check_entry(builder(NoTrainer))
    assert output.getvalue().startswith("ok builds\n")


def test_the_plane_sums_a_known_density_and_locates_its_draws():
    plane = Plane.around(skewed(4096, 2))
    normal = torch.distributions.MultivariateNormal(torch.tensor([0.3, -0.2]), torch.tensor([[0.3, 0.1], [0.1, 0.2]]))
    mass = torch.exp(normal.log_prob(plane.points)) * plane.volume
    # The midpoint rule with h = 0.05 deviations errs by about h²/24 per unit of curvature.
    assert float(mass.sum()) == pytest.approx(1, abs=2e-3)
    draws = normal.sample((20_000,))
    counted = torch.bincount(plane.locate(draws), minlength=64) / 20_000
    expected = torch.zeros(64).index_add(0, plane.coarse, mass)
    # Five binomial standard errors of the largest cell.
    assert float((counted - expected).abs().max()) < 5 * (float(expected.max()) / 20_000) ** 0.5
    torch.testing.assert_close(plane.locate(plane.points), plane.coarse)
    assert plane.locate(torch.tensor([[1e9, -1e9]])).tolist() == [56]


def test_the_cube_locates_its_corners_and_draws_from_probabilities():
    cube = Cube(4)
    torch.testing.assert_close(cube.locate(cube.points), cube.coarse)
    halves = cube.locate(torch.full((4000, 4), 0.5))
    # 16 cells of 250: five standard errors are 77.
    assert (torch.bincount(halves, minlength=16) - 250).abs().max() < 77


def test_the_testbeds_data_are_what_they_say():
    x = linear_gaussian().sample((50_000,))
    torch.testing.assert_close(x.T.cov(), linear_gaussian().covariance_matrix, atol=0.06, rtol=0)
    bits = correlated_bits(20_000, 0)
    assert set(bits.unique().tolist()) == {0.0, 1.0}
    # P(two bits of a pair agree) = 0.85, within five standard errors.
    assert float((bits[:, 0] == bits[:, 1]).float().mean()) == pytest.approx(0.85, abs=0.013)
