import math
import re
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.record.runs import run_path, run_paths
from bench.record.store import RunFolder
from bench.report.collect import collect
from bench.report.reproduce import reproduce, reproduce_all


def study(folder: Path, data: str, **columns: object) -> None:
    for seed in range(3):
        run = RunFolder(run_path(folder / "runs", f"{data}-realnvp-s{seed}-00000000"))
        record = {"run_id": run.path.name, "status": "ok", "data": data, "model": "realnvp", "seed": seed}
        run.write_record(record | {name: value + seed / 10 for name, value in columns.items()})
    collect(folder)


def test_obtained_stands_beside_published_with_its_interval(tmp_path: Path) -> None:
    study(tmp_path / "mine", "mnist", bits_per_dim=2.0)
    headings, *lines = reproduce("mine", tmp_path)
    line = next(line for line in lines if "RealNVP (5, fully connected)" in line)
    half_width = 4.302653 * 0.1 / math.sqrt(3)  # t(0.975, 2 degrees of freedom)
    cells = re.split(r"  +", line)
    assert cells[:6] == ["mnist", "realnvp", "bits_per_dim", f"2.10 ± {half_width:.2f} (3 seeds)", "1.93", "+0.1700"]
    assert cells[6] == "no error given"
    assert [line.index(cell) for cell in cells[3:7]] == [
        headings.index(name) for name in ("obtained", "published", "difference", "verdict")
    ]
    assert cells[7].startswith("RealNVP (5, fully connected); MAF paper appendix; recalled; [")
    assert any(line.startswith(cells[7].rpartition("; ")[2]) for line in lines)
    assert any("95% interval" in line for line in lines)


def latent_run(folder: Path, nll: float, seed: int = 0, slack: float | None = 0.05, **options: int) -> None:
    """A finished VAE of binary MNIST with such options in its command and its configuration."""
    name = "-".join(f"{key}{value}" for key, value in options.items())
    run = RunFolder(run_path(folder / "runs", f"mnist_binary-vae-s{seed}-{name}"))
    typed = " ".join(f"model.{key}={value}" for key, value in options.items())
    record = {"run_id": run.path.name, "status": "ok", "data": "mnist_binary", "model": "vae", "seed": seed}
    record |= {
        "nll_nats": nll,
        "nll_standard_error": 0.25,
        "elbo_nats": -nll - 1,
        "nll_is_bound": True,
        "nll_slack_nats": slack,
    }
    run.write("config.yaml", f"model: {{{', '.join(f'{key}: {value}' for key, value in options.items())}}}\n")
    run.write_record(record | {"command": f"bench run data=mnist_binary model=vae {typed} 'model.shape=[2,1]'"})


def cells(folder: Path) -> list[list[str]]:
    """The table's rows without headings and notes, split where columns are."""
    collect(folder)
    lines = reproduce(folder.name, folder.parent)[1:]
    return [re.split(r"  +", line) for line in lines[: lines.index("")]]


def davidson(folder: Path) -> list[list[str]]:
    """The rows beside Davidson et al.'s numbers."""
    return [row for row in cells(folder) if "Davidson" in row[7]]


def test_an_entry_stands_beside_the_numbers_of_its_own_options(tmp_path: Path) -> None:
    for size, nll in [(2, 136.0), (10, 94.0), (3, 120.0)]:
        latent_run(tmp_path / "mine", nll, latent_size=size)
    runs = " (sd over 10 runs)"
    two, ten = "vae (latent_size=2)", "vae (latent_size=10)"
    # Half-widths: 1.96 * 0.25 of ours, and Student's for ten runs times sd * sqrt(1.1), as ours is a single run.
    of_two, of_ten = (math.hypot(0.489991, 2.262157 * sd * math.sqrt(1.1)) for sd in (0.83, 0.30))
    assert [row[1:7] for row in davidson(tmp_path / "mine")] == [
        [two, "nll_nats", "136.00 ± 0.49 (1 seed)", f"135.73 ± .83{runs}", f"+0.2700 ± {of_two:.4f}", "within"],
        [two, "elbo_nats", "-137 (1 seed)", f"-137.08 ± .83{runs}", "+0.0800", "no error given"],
        [ten, "nll_nats", "94.00 ± 0.49 (1 seed)", f"93.84 ± .30{runs}", f"+0.1600 ± {of_ten:.4f}", "within"],
        [ten, "elbo_nats", "-95 (1 seed)", f"-98.36 ± .30{runs}", "+3.3600", "no error given"],
    ]


@pytest.mark.parametrize(
    ("nll", "slack", "verdict"),
    [
        (93.0, 0.05, "within"),
        (90.0, 0.05, "below (better)"),
        (97.0, 0.05, "above (worse)"),
        (97.0, None, "not comparable: how loose our bound is is not known"),
        (97.0, 0.3, "above (worse)"),
        (97.0, 3.0, "not comparable: our bound may be as much too high"),
        (90.0, 0.3, "below (better)"),
    ],
)
def test_the_verdict_is_that_of_the_interval(tmp_path: Path, nll: float, slack: float | None, verdict: str) -> None:
    latent_run(tmp_path / "mine", nll, slack=slack, latent_size=10)
    assert davidson(tmp_path / "mine")[0][6] == verdict


def test_numbers_of_other_pixels_are_not_compared(tmp_path: Path) -> None:
    latent_run(tmp_path / "mine", 88.0, latent_size=40)
    rows = [row for row in cells(tmp_path / "mine") if "VampPrior paper" in row[7]]
    assert [row[4] for row in rows] == ["88.56", "84.50"]
    assert "not comparable: theirs has pixels drawn once (static), ours draws them anew" in rows[0]
    assert "no error given" in rows[1]


def test_runs_that_differ_in_more_than_their_seed_are_not_averaged(tmp_path: Path) -> None:
    for seed, nll in enumerate([136.0, 137.0]):
        latent_run(tmp_path / "mine", nll, seed, latent_size=2, samples=1)
    latent_run(tmp_path / "mine", 140.0, latent_size=2, samples=5)
    found = [row[1] + " " + row[3] for row in davidson(tmp_path / "mine") if row[2] == "nll_nats"]
    assert [text.split(" ± ")[0] for text in found] == ["vae (samples=1) 136.5", "vae (samples=5) 140.00"]
    assert "(2 seeds)" in found[0]


def test_what_the_data_themselves_have_needs_no_entry(tmp_path: Path) -> None:
    study(tmp_path / "mine", "rings", oracle_nll_nats=2.6)
    for path in run_paths(tmp_path / "mine" / "runs"):
        run = RunFolder(path)
        record = run.read()
        assert record is not None
        run.write_record(record | {"oracle_nll_nats": 2.6, "oracle_standard_error": 0.01})
    collect(tmp_path / "mine")
    line = reproduce("mine", tmp_path)[1]
    half_width = 1.959964 * math.hypot(0.01, 0.006)
    assert "oracle " in line
    assert "2.600 ± 0.020  2.624 ± .006 (Monte Carlo standard error)  " in line
    assert f"-0.0240 ± {half_width:.4f}  below  " in line


def test_all_studies_stand_together_and_a_number_without_a_run_says_so(tmp_path: Path) -> None:
    study(tmp_path / "one", "mnist", bits_per_dim=2.0)
    study(tmp_path / "two", "mnist", bits_per_dim=1.9)
    (tmp_path / "empty").mkdir()
    lines = reproduce_all(tmp_path)
    rows = [re.split(r"  +", line) for line in lines[1 : lines.index("")]]
    rows = [row for row in rows if row[1] in {"mnist", "mnist_binary"}]
    five = [row[:5] for row in rows if "RealNVP (5" in row[-1] and row[2] == "realnvp"]
    assert [row[0] for row in five] == ["one", "two"]
    made = [row for row in rows if "MADE" in row[-1]]
    assert [row[:4] + row[5:8] for row in made] == [
        ["-", "mnist", "maf model.layers=1", "bits_per_dim", "2.04", "-", "no run here"]
    ]
    static = [row for row in rows if "Sylvester" in row[-1]]
    assert static[0][7].startswith("not comparable: theirs has pixels drawn once")


def test_without_any_study_all_says_so(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no study in"):
        reproduce_all(tmp_path)


def test_a_study_without_a_counterpart_says_so(tmp_path: Path) -> None:
    study(tmp_path / "mine", "unheard_of", bits_per_dim=2.0)
    with pytest.raises(BenchError, match="nothing published"):
        reproduce("mine", tmp_path)


def test_an_unknown_study_is_named_beside_those_there_are(tmp_path: Path) -> None:
    study(tmp_path / "mine", "mnist", bits_per_dim=2.0)
    with pytest.raises(BenchError, match="did you mean mine"):
        reproduce("mien", tmp_path)
