"""Outside data: AUROCs of known laws, and through whole runs."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from torch import Tensor

from bench.config import Eval
from bench.data.dataset import Dataset
from bench.data.sources import data_root
from bench.data.spaces import Identity
from bench.errors import BenchError
from bench.metrics.outside import against_outside, area_under_roc
from bench.models.entry import Context, Entry, LogProb
from bench.report.collect import collect
from bench.run import run
from bench.setup.cell import resolve
from bench.setup.compose import compose
from bench.spec import DataSpec
from tests.helpers import cell_in

DIM = 4
SETTINGS = Eval(outside="other")


class StandardNormal(Entry):
    """The density of the inside data."""

    def log_prob(self, x: Tensor, context: Context = None) -> LogProb:
        return LogProb(torch.distributions.Normal(0.0, 1.0).log_prob(x).sum(1), "exact", False)


class Edge(Entry):
    """A density that is 0 beyond 10."""

    def log_prob(self, x: Tensor, context: Context = None) -> LogProb:
        return LogProb(torch.where((x.abs() > 10).any(1), -torch.inf, 0.0), "exact", False)


def gaussian(scale: float, shift: float = 0.0, seed: int = 0) -> Dataset:
    generator = torch.Generator().manual_seed(seed)
    train, validation, test = (shift + scale * torch.randn(4000, DIM, generator=generator) for _ in range(3))
    return Dataset("mine", DataSpec((DIM,)), Identity(), train=train, validation=validation, test=test)


def measured(outside: Dataset | None, entry: type[Entry] = StandardNormal) -> dict:
    return against_outside(entry(DataSpec((DIM,)), width=1), gaussian(1.0), outside, SETTINGS)


def test_wider_data_are_found_as_often_as_their_law_says() -> None:
    """P(chi²_4 · s² > chi²_4') has a closed form: F(4, 4) at s²."""
    found = measured(gaussian(2.0, seed=1))
    ratio = torch.tensor(4.0).double()
    expected = float(ratio**2 * (ratio + 3) / (1 + ratio) ** 3)  # the F law's distribution function with 4, 4 degrees
    assert found["outside_auroc"] == pytest.approx(expected, abs=4 * found["outside_auroc_error"])
    assert found["outside_examples"] == 4000
    assert found["outside"] == "other"


def test_narrower_data_have_the_better_likelihood_and_typicality_finds_them() -> None:
    found = measured(gaussian(0.05, seed=1))
    assert found["outside_auroc"] < 0.05
    assert found["outside_auroc_typicality"] > 0.7


def test_the_same_law_is_not_told_apart() -> None:
    found = measured(gaussian(1.0, seed=1))
    for name in ("outside_auroc", "outside_auroc_typicality"):
        assert abs(found[name] - 0.5) < 4 * found[f"{name}_error"]


def test_the_area_and_its_error_are_those_of_their_laws() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(400, 200, generator=generator) + 1, torch.randn(400, 300, generator=generator)
    found = [area_under_roc(x, y) for x, y in zip(a, b, strict=True)]
    areas, errors = torch.tensor(found).T
    assert found[0][0] == pytest.approx(roc_auc_score([1] * 200 + [0] * 300, torch.cat([a[0], b[0]])))
    assert float(areas.mean()) == pytest.approx(norm.cdf(1 / 2**0.5), abs=4 * float(areas.std()) / 20)
    # Against the spread of 400 repetitions: a standard deviation is then known to 1 / sqrt(800).
    assert float(errors.mean()) == pytest.approx(float(areas.std()), rel=4 / 800**0.5)


def test_equal_values_count_half() -> None:
    assert area_under_roc(torch.zeros(5), torch.zeros(7)) == (0.5, 0.0)


def test_an_infinite_likelihood_is_said_and_nothing_measured() -> None:
    found = measured(gaussian(100.0, seed=1), Edge)
    assert found.keys() == {"warning"}
    assert "eval.outside=other" in found["warning"]


def test_nothing_is_measured_where_nothing_is_asked_or_there_is_no_density() -> None:
    assert measured(None) == {}
    assert measured(gaussian(1.0), Entry) == {}


SMALL = ["data=digits", "model=gaussian", "eval.sample_size=50", "eval.trees=5", "eval.projections=8", "threads=1"]


def test_a_run_tells_permuted_pixels_and_keeps_its_key(tmp_path: Path) -> None:
    config = compose([*SMALL, "eval.outside=digits_permuted"])
    cell = cell_in(config, tmp_path)
    record = run(cell, lambda history, share: None)
    assert record["status"] == "ok", record["error"]
    assert record["outside"] == "digits_permuted"
    assert record["outside_auroc"] > 0.99
    assert record["outside_examples"] == len(cell.dataset.test)
    assert (cell.folder.path / "weights.json").stat().st_size <= 1_000
    collect(cell.study_folder)
    without = resolve(replace(config, eval=replace(config.eval, outside=None), results_dir=str(tmp_path)))
    assert without.run_id == cell.run_id
    assert without.evaluation != cell.evaluation


def test_asking_changes_no_other_number(tmp_path: Path) -> None:
    plain, asked = (
        run(cell_in(compose([*SMALL, *more]), tmp_path / name), lambda history, share: None)
        for name, more in {"plain": [], "asked": ["eval.outside=digits_permuted"]}.items()
    )
    names = ("nll_nats", "sliced_w2", "mmd2", "c2st", "recon_mse", "latent_radius_ks", "latent_pit_ks")
    assert [plain[name] for name in names] == [asked[name] for name in names]
    assert "outside_auroc" not in plain


def test_options_of_the_outside_data_are_theirs_and_in_the_key() -> None:
    cells = [resolve(compose([*SMALL, f"eval.outside='digits_permuted{option}'"])) for option in ("", " data.seed=3")]
    assert all(cell.outside is not None for cell in cells)
    assert not torch.equal(cells[0].outside.test, cells[1].outside.test)  # type: ignore[union-attr]
    assert cells[0].evaluation != cells[1].evaluation


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["data=digits", "eval.outside=moons"], "eval.outside=moons has continuous events of shape 2, digits has"),
        (["data=digits", "eval.outside=digits_binary"], "digits_binary has binary events of shape 64, digits has"),
        (["data=digits", "eval.outside=digit_permuted"], "did you mean digits_permuted"),
        (["data=digits", "eval.outside='digits_permuted seed=3'"], "seed=3 is no option of digits_permuted"),
        (["data=digits", "eval.outside='digits_permuted data.sed=3'"], "did you mean seed"),
    ],
)
def test_what_no_run_could_measure_is_refused_in_a_line(words: list[str], fault: str) -> None:
    with pytest.raises(BenchError, match=fault) as raised:
        resolve(compose(["model=gaussian", *words]))
    assert "\n" not in str(raised.value)


def test_another_shape_is_refused_by_the_command_before_anything_is_made(bench_call) -> None:
    answer = bench_call("run", "model=gaussian", "data=digits", "eval.outside=moons")
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert "eval.outside=moons" in answer.err
    assert not Path("results").exists()


HAS_BOTH = all((data_root(None) / name / "t10k-images-idx3-ubyte.gz").exists() for name in ("mnist", "fashion_mnist"))


@pytest.mark.skipif(not HAS_BOTH, reason="no MNIST under the data root")
def test_a_gaussian_of_digits_tells_mnist_averaged_to_their_size(tmp_path: Path) -> None:
    config = compose([*SMALL, "eval.outside=mnist_8x8", "eval.dequantisation_draws=1"])
    record = run(cell_in(config, tmp_path), lambda history, share: None)
    # Of full runs in results/quick/outside.csv; noise is drawn once here, and its error over test examples is .019.
    assert record["outside_auroc"] == pytest.approx(0.716, abs=0.02)
    assert record["outside_auroc_typicality"] == pytest.approx(0.620, abs=0.02)


@pytest.mark.long
@pytest.mark.skipif(not HAS_BOTH, reason="no MNIST or Fashion-MNIST under the data root")
def test_one_gaussian_of_clothes_prefers_digits(tmp_path: Path) -> None:
    words = ["data=fashion_mnist", "model=gaussian", "eval.outside=mnist", "eval.sample_size=50", "eval.trees=5"]
    record = run(cell_in(compose([*words, "threads=1"]), tmp_path), lambda history, share: None)
    assert record["outside_auroc"] == pytest.approx(0.119, abs=0.003)
    # Its error over test examples is .003, and .004 that of the mean NLL over 10,000 validation examples.
    assert record["outside_auroc_typicality"] == pytest.approx(0.772, abs=0.01)
