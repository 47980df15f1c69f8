"""The numbers of results/speed/README.md are those of results/speed/cpu.csv, rounded once."""

import csv
import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from bench.speed.speed import CASES

FOLDER = Path(__file__).parents[2] / "results/speed"
README = (FOLDER / "README.md").read_text()
with (FOLDER / "cpu.csv").open(newline="") as file:
    ROWS = {(row["case"], row["what"]): row for row in csv.DictReader(file)}
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")

BESIDE = {
    "vae against pythae's trainer": ("vae-pythae", "vae: training samples"),
    "iwae, five samples": ("vae-pythae", "iwae: training samples"),
    "vampprior": ("vae-pythae", "vampprior: training samples"),
    "svae": ("vae-pythae", "svae: training samples"),
    "vae_iaf": ("vae-pythae", "vae_iaf: training samples"),
    "vae, `compile=step`, batches of 64": ("compiled", "vae, compile=step, batch 64: training samples"),
    "vae, `compile=step`, batches of 256": ("compiled", "vae, compile=step, batch 256: training samples"),
    "vae_conv against pythae's trainer": ("vae-conv-pythae", "vae_conv: training samples"),
    "vae_conv, `compile=step`": ("vae-conv-pythae", "vae_conv, compile=step, batch 128: training samples"),
    "realnvp_conv against nflows' eager loop": ("realnvp-conv-nflows", "realnvp_conv on pictures: step"),
    "realnvp_conv, `compile=step`": ("realnvp-conv-nflows", "realnvp_conv on pictures, compile=step: step"),
    "flow_matching_unet against TorchCFM's loop": ("unet-torchcfm", "flow_matching_unet on pictures: step"),
    "flow_matching_unet, `compile=step`": ("unet-torchcfm", "flow_matching_unet on pictures, compile=step: step"),
    "realnvp against nflows' eager loop": ("realnvp-nflows", "realnvp on digits: step"),
    "realnvp against nflows, a 2-D toy": ("realnvp-nflows", "realnvp on 8gaussians: step"),
    "realnvp against nflows, `compile=step`": ("compiled", "realnvp on digits, compile=step: step"),
    "realnvp against normflows": ("realnvp-normflows", "realnvp on digits: step"),
    "8 seeds of a 2-D realnvp packed": ("pack", "realnvp of width 64: a step of 8 seeds at once, and of 8 alone"),
    "8 seeds packed": ("pack", "realnvp of width 1024: a step of 8 seeds at once, and of 8 alone"),
} | {
    f"bfloat16: {model}{compiled and ', `compile=step`'} |": (
        "bfloat16",
        f"{model} on pictures, bfloat16{compiled}: step",
    )
    for model in ("realnvp_conv", "vae_conv", "flow_matching_unet", "tarflow")
    for compiled in ("", ", compile=step")
}
BOUNDS = {
    "digits, refined": ("bounds", "digits: ais-16x1000 - refined-1000"),
    "digits, the encoder's": ("bounds", "digits: ais-16x1000 - iwae-1000"),
    "binary MNIST, refined": ("bounds", "MNIST, binary: ais-16x1000 - refined-1000"),
    "binary MNIST, the encoder's": ("bounds", "MNIST, binary: ais-16x1000 - iwae-1000"),
    "digits, annealing by": ("annealing", "digits: bound of leapfrogs a step, 3 against 10"),
}
TIMES = {
    "refined against": ("bounds", "digits: refined-1000 against iwae-1000"),
    "the same, binary MNIST": ("bounds", "MNIST, binary: refined-1000 against iwae-1000"),
    "annealing by three": ("annealing", "digits: leapfrogs a step, 3 against 10"),
    "`cnf` on two": ("cnf-grid", "cnf on digits, steps of 0.5: 192 training steps"),
    "`cnf` on four": ("cnf-grid", "cnf on 8gaussians, steps of 0.25: 192 training steps"),
}
STEPS = {
    "FFJORD as published: torchdiffeq's": "torchdiffeq dopri5, adjoint, one probe (FFJORD)",
    "FFJORD with our oneDNN": "the same, its products by oneDNN",
    "torchdiffeq, seminorm": "torchdiffeq dopri5, seminorm adjoint, exact trace",
    "torchdiffeq, backpropagation": "torchdiffeq dopri5, no adjoint, exact trace",
    "torchdiffeq, four steps of rk4, which": "torchdiffeq rk4 (3/8 rule) on the grid, exact trace",
    "four steps of classical": "fixed grid, exact trace",
    "`cnf_fast` on the same": "cnf_fast: gradient by hand",
    "`cnf_fast` without options: dopri5's": "cnf_fast without options: chosen at 1e-3",
    "`cnf_fast` without options, `compile=step`": "cnf_fast without options, compile=step",
    "`cnf_fast`, chosen at 1e-5": "cnf_fast: the same, its grid chosen by dopri5",
    "`cnf_fast`, four steps, `compile=step`": "cnf_fast, compile=step",
    "`cnf_fast`, four steps of the 3/8": "cnf_fast, compile=step, 3/8 rule",
    "`flow_matching`: no solver": "flow_matching: no solver",
    "`flow_matching`, `compile=step` (5 s": "flow_matching, compile=step",
    "diffrax, jit: dopri5 at 1e-5, one probe | 66": "diffrax dopri5, jit, one probe",
    "JAX, jit: the four": "JAX rk4 on the grid, jit, exact trace",
}
SECONDS = {
    "FFJORD as published | ": "torchdiffeq dopri5, adjoint, one probe (FFJORD)",
    "diffrax, jit: dopri5 at 1e-5, one probe | 45": "diffrax dopri5, jit, one probe",
    "torchdiffeq, four steps of rk4 |": "torchdiffeq rk4 (3/8 rule) on the grid, exact trace",
    "`cnf_fast`, gradient written out |": "cnf_fast: gradient by hand",
    "`cnf_fast`, `compile=step` |": "cnf_fast, compile=step",
    "`cnf_fast`, 3/8 rule": "cnf_fast, compile=step, 3/8 rule",
    "JAX, jit: four": "JAX rk4 on the grid, jit, exact trace",
    "`flow_matching` | ": "flow_matching: no solver",
    "`flow_matching`, `compile=step` | 2": "flow_matching, compile=step",
    "`flow_matching` at 0.01 |": "flow_matching: no solver, learning rate 0.01",
    "`flow_matching` at 0.01, ": "flow_matching, compile=step, learning rate 0.01",
}
WAITS = {
    "`bench --help`": ("cli", "bench --help"),
    "`make bench`": ("bench", "make bench"),
    "the same runs by one": ("bench", "the study by one process, over by two"),
    "`bench report` of 1,000": ("cli", "bench report of 1,000 runs"),
    "after one run more |": ("cli", "bench report of 1,000 runs, after one run more"),
    "`bench report` of 10,000": ("report", "bench report of 10,000 runs"),
    "after one run more, of": ("report", "bench report of 10,000 runs, after one run more"),
    "its peak memory |": ("report", "bench report of 10,000 runs: peak memory"),
    "10,000 finished runs": ("many-records", "plan of 10,000 runs"),
    "`bench status` of these": ("many-records", "status of 10,000 runs"),
    "`bench report` of these": ("many-records", "report of 10,000 runs"),
    "100,000 finished runs": ("many-records", "plan of 100,000 runs"),
    "its peak memory, 100,000": ("many-records", "plan of 100,000 runs: peak memory"),
    "`bench status` of the 100,000": ("many-records", "status of 100,000 runs"),
    "`bench report` of the 100,000": ("many-records", "report of 100,000 runs"),
    "its peak memory, report": ("many-records", "report of 100,000 runs: peak memory"),
    "seconds of the report grow": ("many-records", "seconds of report: exponent in runs, 10,000 to 100,000"),
    "memory of the report does": ("many-records", "memory of report: exponent in runs, 10,000 to 100,000"),
    "the driver's CPU": ("driver", "a cell on Ray, the driver's CPU"),
    "`bench sample`": ("cli", "bench sample of 1,000 rows"),
    "`bench score`": ("cli", "bench score of 1,000 rows"),
    "a CSV of": ("own-data", "a CSV of 1,000,000 x 64 read, diagnosed and split"),
    "the same, peak memory": ("own-data", "a CSV of 1,000,000 x 64: peak memory"),
    "10,000,000 ": ("own-data", "10,000,000 x 64 float32 streamed: peak memory"),
}


def cells(start: str) -> list[str]:
    """The cells after the first of the one table row that begins so."""
    (line,) = [line for line in README.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in line.strip("|").split("|")[1:]]


def numbers(text: str) -> list[str]:
    return [number.replace(",", "") for number in NUMBER.findall(text)]


def is_rounding(printed: str, exact: Decimal) -> bool:
    """True where `printed` is `exact` rounded to the digits that `printed` has."""
    digits = Decimal(1).scaleb(-len(printed.partition(".")[2]))
    return Decimal(printed) == exact.quantize(digits, ROUND_HALF_UP)


def assert_rounded(text: str, *values: Decimal) -> None:
    printed = numbers(text)
    assert len(printed) >= len(values), text
    for number, value in zip(printed, values, strict=False):
        assert is_rounding(number, value), f"{text}: {number} is not {value}"


def value(case: str, what: str, column: str) -> Decimal:
    return Decimal(ROWS[case, what][column])


@pytest.mark.parametrize("start", BESIDE)
def test_the_comparisons_are_those_of_the_csv(start: str) -> None:
    ours, theirs, ratio, target = cells(start)
    row = ROWS[BESIDE[start]]
    assert_rounded(ours, Decimal(row["ours"]))
    assert_rounded(theirs, Decimal(row["theirs"]))
    assert_rounded(ratio, *(Decimal(row[name]) for name in ("ratio", "ratio_low", "ratio_high")))
    assert ("missed" in target) == (row["met"] == "no")


@pytest.mark.parametrize("start", WAITS)
def test_the_waits_are_those_of_the_csv(start: str) -> None:
    ours, target = cells(start)
    row = ROWS[WAITS[start]]
    assert_rounded(ours, Decimal(row["ours"]))
    assert bool(target) == bool(row["target"])
    if target:
        assert_rounded(target, Decimal(row["target"].lstrip("<=> ")))
    assert ("missed" in target) == (row["met"] == "no")


@pytest.mark.parametrize("start", BOUNDS)
def test_the_gaps_of_bounds_are_those_of_the_csv(start: str) -> None:
    (gap,) = cells(start)
    exact = value(*BOUNDS[start], "ours")
    assert gap.startswith("-") == (exact < 0)
    assert_rounded(gap, abs(exact))


@pytest.mark.parametrize("start", TIMES)
def test_seconds_side_by_side_are_those_of_the_csv(start: str) -> None:
    ours, theirs, ratio, target = cells(start)
    row = ROWS[TIMES[start]]
    for cell, column in ((ours, "ours"), (theirs, "theirs"), (ratio, "ratio")):
        assert_rounded(cell, Decimal(row[column]))
    assert ("missed" in target) == (row["met"] == "no")


@pytest.mark.parametrize("start", STEPS)
def test_the_ladders_steps_are_those_of_the_csv(start: str) -> None:
    milliseconds, times, share = cells(start)
    what = f"{STEPS[start]}: step"
    assert_rounded(milliseconds, value("ladder", what, "ours"))
    assert_rounded(times, 1 / value("ladder", what, "ratio"))
    assert_rounded(share, 100 * value("ladder", what, "peak_fraction"))


@pytest.mark.parametrize("start", SECONDS)
def test_the_races_seconds_are_those_of_the_csv(start: str) -> None:
    seconds, times, compiling, best = cells(start)
    to_best = f"{SECONDS[start]}: time to FFJORD's best NLL"
    assert_rounded(seconds, value("reach", f"{to_best} + 0.1", "ours"))
    assert_rounded(times, 1 / value("reach", f"{to_best} + 0.1", "ratio"))
    if compiling:
        assert_rounded(compiling, value("reach", f"{to_best} + 0.1, compiling included", "ours"))
    if ROWS["reach", to_best]["ours"]:
        assert_rounded(best, value("reach", to_best, "ours"))
        if "times" in best:
            assert is_rounding(numbers(best)[1], 1 / value("reach", to_best, "ratio"))
    else:
        assert best.startswith("two seeds of three")
        assert "2 of 3 seeds" in ROWS["reach", to_best]["note"]


@pytest.mark.parametrize("model", ["cnf", "realnvp", "vae"])
def test_the_harness_is_that_of_the_csv(model: str) -> None:
    for cell, parameters in zip(cells(f"{model} |"), (20_000, 50_000), strict=True):
        row = ROWS["overhead", f"{model}, {parameters} parameters: harness"]
        assert_rounded(cell, 100 * Decimal(row["ratio"]))
        assert ("missed" in cell) == (row["met"] == "no")


@pytest.mark.parametrize("axis", ["examples in a batch", "dimensions", "hidden units", "steps of the grid"])
def test_the_exponents_are_those_of_the_csv(axis: str) -> None:
    for cell, name in zip(cells(f"{axis} |")[1:], ("cnf_fast", "FFJORD, dopri5"), strict=True):
        if cell:
            row = ROWS["scaling", f"{name}: exponent of {axis}"]
            half = Decimal(row["note"].partition("± ")[2].partition(" ")[0])
            assert_rounded(cell, Decimal(row["ours"]), half)


def test_the_headline_is_that_of_the_csv() -> None:
    head = README[: README.index("`bench speed` measured")]
    vaes = [value("vae-pythae", what, "ratio") for case, what in ROWS if case == "vae-pythae"]
    flows = [value(case, what, "ratio") for case, what in ROWS if case in {"realnvp-nflows", "realnvp-normflows"}]
    compiled, stock = "cnf_fast, compile=step", "torchdiffeq dopri5, adjoint, one probe (FFJORD)"
    for pattern, values in {
        r"\*\*([\d.]+) to ([\d.]+) times\*\*": (min(vaes), max(vaes)),
        r"\*\*([\d.]+) to ([\d.]+)\*\* of": (min(flows), max(flows)),
        r"vae_conv\s+trains\s+\*\*([\d.]+)\*\* times as fast, compiled \*\*([\d.]+)\*\*": (
            value("vae-conv-pythae", "vae_conv: training samples", "ratio"),
            value("vae-conv-pythae", "vae_conv, compile=step, batch 128: training samples", "ratio"),
        ),
        r"realnvp_conv takes \*\*([\d.]+)\*\* of the time, compiled \*\*([\d.]+)\*\*": (
            value("realnvp-conv-nflows", "realnvp_conv on pictures: step", "ratio"),
            value("realnvp-conv-nflows", "realnvp_conv on pictures, compile=step: step", "ratio"),
        ),
        r"\*\*([\d.]+) ms\*\* with": (value("ladder", f"{compiled}: step", "ours"),),
        r"published\s+\*\*([\d.]+) ms\*\*": (value("ladder", f"{stock}: step", "ours"),),
        r": ([\d.]+) times as fast\.": (1 / value("ladder", f"{compiled}: step", "ratio"),),
        r"faster still, ([\d.]+) times": (
            value("ladder", f"{compiled}, beside JAX rk4 on the grid, jit, exact trace: step", "ratio"),
        ),
        r"trains ([\d.]+) times": (1 / value("reach", f"{compiled}: time to FFJORD's best NLL + 0.1", "ratio"),),
        r"`flow_matching` ([\d.]+) times": (
            1 / value("reach", "flow_matching: no solver: time to FFJORD's best NLL + 0.1", "ratio"),
        ),
    }.items():
        match = re.search(pattern, head)
        assert match, pattern
        for printed, exact in zip(match.groups(), values, strict=True):
            assert is_rounding(printed, exact), (pattern, printed, exact)


def test_the_page_names_every_case_and_only_files_that_exist() -> None:
    assert all(f"`{case}" in README for case in CASES)
    for path in re.findall(r"\]\(([^)]+)\)", README):
        assert (FOLDER / path).exists(), path
