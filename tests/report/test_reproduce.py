import math
import re
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.record.store import RunFolder
from bench.report.collect import collect
from bench.report.reproduce import reproduce


def study(folder: Path, data: str, **columns: object) -> None:
    for seed in range(3):
        run = RunFolder(folder / "runs" / f"{data}-realnvp-s{seed}-00000000")
        record = {"run_id": run.path.name, "status": "ok", "data": data, "model": "realnvp", "seed": seed}
        run.write_record(record | {name: value + seed / 10 for name, value in columns.items()})
    collect(folder)


def test_obtained_stands_beside_published_with_its_interval(tmp_path: Path) -> None:
    study(tmp_path / "mine", "mnist", bits_per_dim=2.0)
    headings, line, *_, note = reproduce("mine", tmp_path)
    half_width = 4.302653 * 0.1 / math.sqrt(3)  # t(0.975, 2 degrees of freedom)
    cells = re.split(r"  +", line)
    assert cells[:6] == ["mnist", "realnvp", "bits_per_dim", f"2.10 ± {half_width:.2f} (3 seeds)", "1.93", "+0.1700"]
    assert [line.index(cell) for cell in cells[3:6]] == [
        headings.index(name) for name in ("obtained", "published", "difference")
    ]
    assert "95% interval over seeds" in note


def latent_run(folder: Path, nll: float, seed: int = 0, **options: int) -> None:
    """A finished VAE of binary MNIST with such options in its command and its configuration."""
    name = "-".join(f"{key}{value}" for key, value in options.items())
    run = RunFolder(folder / "runs" / f"mnist_binary-vae-s{seed}-{name}")
    typed = " ".join(f"model.{key}={value}" for key, value in options.items())
    record = {"run_id": run.path.name, "status": "ok", "data": "mnist_binary", "model": "vae", "seed": seed}
    record |= {"nll_nats": nll, "nll_standard_error": 0.25, "elbo_nats": -nll - 1}
    run.write_text("config.yaml", f"model: {{{', '.join(f'{key}: {value}' for key, value in options.items())}}}\n")
    run.write_record(record | {"command": f"bench run data=mnist_binary model=vae {typed} 'model.shape=[2,1]'"})


def cells(folder: Path) -> list[list[str]]:
    """The table's rows without headings and note, split where columns are."""
    collect(folder)
    return [re.split(r"  +", line) for line in reproduce(folder.name, folder.parent)[1:-2]]


def test_an_entry_stands_beside_the_numbers_of_its_own_options(tmp_path: Path) -> None:
    for size, nll in [(2, 136.0), (10, 94.0), (3, 120.0)]:
        latent_run(tmp_path / "mine", nll, latent_size=size)
    two, ten = "vae (latent_size=2)", "vae (latent_size=10)"
    assert [row[1:6] for row in cells(tmp_path / "mine")] == [
        [two, "nll_nats", "136.00 ± 0.49 (1 seed)", "135.73 ± .83 (sd over 10 runs)", "+0.2700"],
        [two, "elbo_nats", "-137 (1 seed)", "-137.08 ± .83 (sd over 10 runs)", "+0.0800"],
        [ten, "nll_nats", "94.00 ± 0.49 (1 seed)", "93.84 ± .30 (sd over 10 runs)", "+0.1600"],
        [ten, "elbo_nats", "-95 (1 seed)", "-98.36 ± .30 (sd over 10 runs)", "+3.3600"],
    ]


def test_runs_that_differ_in_more_than_their_seed_are_not_averaged(tmp_path: Path) -> None:
    for seed, nll in enumerate([136.0, 137.0]):
        latent_run(tmp_path / "mine", nll, seed, latent_size=2, samples=1)
    latent_run(tmp_path / "mine", 140.0, latent_size=2, samples=5)
    found = [row[1] + " " + row[3] for row in cells(tmp_path / "mine") if row[2] == "nll_nats"]
    assert [text.split(" ± ")[0] for text in found] == ["vae (samples=1) 136.5", "vae (samples=5) 140.00"]
    assert "(2 seeds)" in found[0]


def test_what_the_data_themselves_have_needs_no_entry(tmp_path: Path) -> None:
    study(tmp_path / "mine", "rings", oracle_nll_nats=2.6, oracle_standard_error=0.01)
    line = reproduce("mine", tmp_path)[1]
    assert "oracle" in line
    assert "2.600 ± 0.020  2.624 ± 0.006 (standard error)  -0.0240" in line


def test_a_study_without_a_counterpart_says_so(tmp_path: Path) -> None:
    study(tmp_path / "mine", "unheard_of", bits_per_dim=2.0)
    with pytest.raises(BenchError, match="nothing published"):
        reproduce("mine", tmp_path)


def test_an_unknown_study_is_named_beside_those_there_are(tmp_path: Path) -> None:
    study(tmp_path / "mine", "mnist", bits_per_dim=2.0)
    with pytest.raises(BenchError, match="did you mean mine"):
        reproduce("mien", tmp_path)
