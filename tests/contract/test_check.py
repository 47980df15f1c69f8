"""`bench check` passes every sound entry and names the fault of every broken one."""

import io
from contextlib import redirect_stdout

import pytest
import torch

from bench.cli import main
from bench.contract.check import CONTRACTS, FOUNDATIONS, Failure, check_entry, verdict
from bench.contract.outcome import Broken
from bench.contract.subject import Subject
from bench.contract.testbed import Build
from bench.errors import NotApplicable
from bench.models.entry import Entry
from bench.paths import group_choices
from bench.setup.build import entry_of_width
from bench.setup.compose import compose
from tests.contract.mutants import BROKEN, MeanOverCoordinates, NoTrainer
from tests.contract.mutants_pictures import (
    BROKEN_PICTURES,
    Exits,
    HundredNatsMore,
    HundredthOfANatAPixel,
    JacobianOfLevels,
    LogProbInPlace,
    RaisesOnPictures,
)
from tests.contract.sound import SOUND, Latent
from tests.contract.sound_pictures import SOUND_PICTURES, DensityOnly, PictureVAE


def builder(cls: type[Entry]) -> Build:
    return lambda spec, width: cls(spec, width=16 if width is None else width)


def lines_of(build: Build) -> list[str]:
    lines: list[str] = []
    check_entry(build, report=lines.append)
    return lines


@pytest.mark.long
@pytest.mark.parametrize(("cls", "skipped"), SOUND.items())
def test_a_sound_entry_passes_every_contract_it_is_subject_to(cls, skipped):
    lines = lines_of(builder(cls))
    assert [line.replace(":", " ").split()[1] for line in lines[:-1]] == [*FOUNDATIONS, *CONTRACTS]
    assert {line for line in lines[:-1] if not line.startswith("ok ")} == {f"skip {reason}" for reason in skipped}
    held = len(CONTRACTS) + len(FOUNDATIONS) - len(skipped)
    assert lines[-1] == f"passes: {held} of {held} contracts"


@pytest.mark.long
@pytest.mark.parametrize("cls", SOUND_PICTURES)
def test_a_sound_entry_of_an_unusual_sort_passes_as_many_contracts_as_apply(cls):
    lines = lines_of(builder(cls))
    assert lines[-1] == f"passes: {SOUND_PICTURES[cls]} of {SOUND_PICTURES[cls]} contracts"


@pytest.mark.parametrize(("cls", "contract"), [*BROKEN.items(), *BROKEN_PICTURES.items()])
def test_a_broken_entry_fails_its_own_contract(cls, contract):
    outcome = failed(contract, cls)
    assert isinstance(outcome, Failure)
    assert isinstance(outcome.error, Broken) == (cls not in RAISING)


RAISING = {Exits, NoTrainer, RaisesOnPictures}
"""Broken entries that raise; of the others a contract sees what is wrong."""


def failed(contract: str, cls: type[Entry], seed: int = 0) -> Failure | str:
    """The verdict of one contract; torch's default dtype is what it was, whatever the entry does to it."""
    try:
        with torch.random.fork_rng(devices=[]):
            return verdict(contract, Subject(builder(cls), seed))
    finally:
        torch.set_default_dtype(torch.float32)


def test_every_contract_is_broken_by_a_mutant():
    named = {*BROKEN.values(), *BROKEN_PICTURES.values()}
    assert named == CONTRACTS.keys() | FOUNDATIONS.keys()


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (HundredNatsMore, "log-likelihood of the 8x8 pictures beats the truth by 9"),
        (HundredthOfANatAPixel, "exp(log_prob) has a total mass of e^0."),
        (JacobianOfLevels, "over the plane of levels"),
        (LogProbInPlace, "log_prob changes its input in place on the plane"),
        (Exits, "log_prob raises SystemExit: 0 on the plane"),
        (RaisesOnPictures, "encode raises KeyError: 'pictures' on the 8x8 pictures of levels"),
    ],
)
def test_a_failure_names_the_method_and_the_data(cls, words):
    assert words in str(failed(BROKEN_PICTURES[cls], cls))


def test_a_traceback_is_shown_where_it_is_asked_for():
    lines: list[str] = []
    check_entry(builder(RaisesOnPictures), report=lines.append, tracebacks=True)
    assert 'raise KeyError("pictures")' in lines[2]
    assert lines[2].startswith("Traceback")
    assert not any("Traceback" in line for line in lines_of(builder(RaisesOnPictures)))


def test_a_command_ends_with_a_verdict_and_its_exit_code(capsys, own_conf):
    assert main(["check", "crashing", "--config-dir", str(own_conf)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "fails: shapes; 1 of 2 contracts hold"


@pytest.mark.long
@pytest.mark.parametrize("model", [choice.name for choice in group_choices("model")])
def test_every_model_of_the_project_passes(model):
    config = compose([f"model={model}", *CHEAPER.get(model, [])])
    subject = Subject(lambda spec, width: entry_of_width(config, spec, width))
    if model not in ON_ALL_DATA:
        small = [testbed for testbed in subject.testbeds if testbed.name in {"plane", "cube"}]
        grey = [testbed for testbed in subject.testbeds if testbed.name == "8x8 pictures of levels"]
        subject.testbeds = small or (grey if model in CHEAPER else subject.testbeds)
    with torch.random.fork_rng():
        verdicts = [verdict(name, subject) for name in [*FOUNDATIONS, *CONTRACTS]]
    assert [str(outcome) for outcome in verdicts if isinstance(outcome, Failure)] == []


ON_ALL_DATA = {"gaussian", "realnvp", "vae", "gan"}
"""Models that stand here for the others of their sort on data of many coordinates, which take most of the time."""

CHEAPER = {
    "cnf_conv": ["model.solver=midpoint", "model.step_size=0.25", "model.kinetic=0.05", "model.jacobian=0.05"],
    "flow_matching_unet": [],
}
"""Models that take many minutes, with options that make some of them cheaper; they are held to grey levels alone."""


@pytest.mark.long
@pytest.mark.parametrize(
    "options",
    [
        ["model=vae_conv", "model.decoder=discretised_logistic"],
        ["model=realnvp_conv", "model.dequantisation=variational"],
        ["model=iwae", "model.coders=conv"],
        ["model=vae_iaf", "model.coders=conv"],
        ["model=vampprior", "model.coders=conv"],
    ],
    ids=" ".join,
)
def test_options_of_pictures_pass(options):
    config = compose(options)
    subject = Subject(lambda spec, width: entry_of_width(config, spec, width))
    subject.testbeds = [testbed for testbed in subject.testbeds if testbed.name == "8x8 pictures of levels"]
    with torch.random.fork_rng():
        verdicts = [verdict(name, subject) for name in [*FOUNDATIONS, *CONTRACTS]]
    assert len(subject.testbeds) == 1
    assert [str(outcome) for outcome in verdicts if isinstance(outcome, Failure)] == []


@pytest.mark.long
@pytest.mark.parametrize("model", ["gaussian", "gmm", "kde"])
def test_an_entry_that_is_fitted_in_one_go_is_held_to_no_contract_of_steps_and_sizes(model):
    config = compose([f"model={model}"])
    lines = lines_of(lambda spec, width: entry_of_width(config, spec, width))
    assert {"width", "gradients", "resumes"} <= {line.split(":")[0].removeprefix("skip ") for line in lines}
    assert {"ok finishes", "ok truth", "ok normalised", "ok samples", "ok trains"} <= set(lines)


def test_only_discrete_data_have_levels():
    subject = Subject(builder(Latent))
    specs = [testbed.spec for testbed in subject.testbeds]
    assert {(spec.kind, spec.levels) for spec in specs} == {("continuous", None), ("discrete", 17), ("binary", None)}


def test_a_fallen_foundation_skips_the_rest():
    lines = lines_of(builder(NoTrainer))
    assert lines[2].startswith("FAIL trains: ")
    assert set(lines[3:-1]) == {f"skip {name}: needs trains" for name in CONTRACTS}
    assert lines[-1] == "fails: trains; 2 of 3 contracts hold"


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


def test_pictures_come_in_the_shape_that_the_entry_asks_for():
    shaped, flat = Subject(builder(PictureVAE)), Subject(builder(Latent))
    assert {testbed.spec.event_shape for testbed in shaped.testbeds} == {(1, 8, 8), (3, 4, 8)}
    assert {testbed.spec.image_shape for testbed in flat.testbeds} == {None, (1, 8, 8)}
    assert all(len(testbed.spec.event_shape) == 1 for testbed in flat.testbeds)


def test_larger_pictures_are_for_entries_that_refuse_small_ones():
    class Large(PictureVAE):
        def __init__(self, data, *, width: int) -> None:
            if data.dim < 784:
                raise NotApplicable("it needs more pixels")
            super().__init__(data, width=width)

    assert {testbed.name for testbed in Subject(builder(Large)).testbeds} == {
        "28x28 pictures",
        "28x28 pictures of levels",
        "28x28 pictures of bits",
        "colour 16x32 pictures of levels",
    }


def test_a_density_without_samples_is_held_to_its_mass():
    assert failed("normalised", DensityOnly) == "ok normalised"
    assert failed("samples", DensityOnly) == "skip samples: no sample"
