import math
from dataclasses import replace

import pytest
import torch

from bench.config import Config, Optimiser
from bench.contract.testbed import train_briefly
from bench.data.dataset import Dataset
from bench.errors import Diverged, Impossible
from bench.evaluate import evaluate
from bench.machine.deadline import Deadline
from bench.metrics.likelihood_gap import likelihood_gap
from bench.models.entry import Entry, HasLogProb, LogProb
from bench.record.columns import COLUMNS
from bench.record.sample_metrics import SAMPLE_METRICS, copycat, floor, floor_sd
from bench.record.store import Record
from bench.seeds import stream_seed
from bench.setup import build
from bench.setup.compose import compose
from tests.helpers import CLOCKS, TINY, TINY_DATA, tiny
from tests.own_entries import Affine, LossOnly

SMALL = [word for word in TINY if word.startswith(("eval.", "train."))]
PLANE = ["data=8gaussians", "data.train=600", "data.validation=50", "data.test=500", "budget.parameters=null"]
DIGITS = ["data=digits", "budget.parameters=null", "eval.test_examples=40"]


def built(own_conf, *overrides: str) -> tuple[Entry, Dataset, Config]:
    config = compose([*SMALL, *overrides], own_conf)
    dataset = build.dataset(config)
    torch.manual_seed(0)
    return build.entry_of_width(config, dataset.spec, None), dataset, config


def measured(own_conf, *overrides: str) -> Record:
    entry, dataset, config = built(own_conf, *overrides)
    return evaluate(entry, dataset, config.eval, Deadline(None))[0]


@pytest.fixture(scope="module")
def truth(own_conf) -> tuple[Record, dict]:
    entry, dataset, config = built(own_conf, *PLANE, "model=truth", "eval.sample_size=500")
    return evaluate(entry, dataset, config.eval, Deadline(None))


def test_the_truth_is_at_no_distance_from_itself(truth) -> None:
    record, _ = truth
    assert record["kl_to_truth"] == 0
    assert record["kl_standard_error"] == 0
    assert record["nll_nats"] == record["oracle_nll_nats"]


def test_the_nll_of_the_truth_is_its_entropy(truth) -> None:
    """Eight far Gaussians of scale 0.5 / sqrt(2): log 8 + log(2 pi e / 8) nats, within four standard errors."""
    record, _ = truth
    entropy = math.log(8) + math.log(2 * math.pi * math.e) + 2 * math.log(0.5 / math.sqrt(2))
    assert record["nll_nats"] == pytest.approx(entropy, abs=4 * record["nll_standard_error"])
    assert record["nll_standard_error"] == pytest.approx(1 / math.sqrt(500), rel=0.3)


def test_samples_of_the_truth_are_as_far_as_the_floor(truth) -> None:
    """Ten standard deviations of an MMD of 500 against 500 are below 0.02; a wrong model is at 0.1 and more."""
    record, _ = truth
    assert abs(record["mmd2"]) < 0.02
    assert abs(record["mmd2_floor"]) < 0.02
    assert record["sliced_w2"] == pytest.approx(record["sliced_w2_floor"], abs=0.4)
    assert record["c2st"] == pytest.approx(0.5, abs=0.1)


def test_no_number_hangs_on_whether_a_density_is_drawn(own_conf) -> None:
    entry, dataset, config = built(own_conf, *PLANE, "model=vae", "model.width=6", "eval.importance_samples=10")
    drawn, with_density = evaluate(entry, dataset, config.eval, Deadline(None))
    record, without = evaluate(entry, dataset, config.eval, Deadline(None), draws_density=False)
    assert set(with_density) - set(without) == {"density.npz"}
    assert {name: value for name, value in record.items() if name not in CLOCKS} == {
        name: value for name, value in drawn.items() if name not in CLOCKS
    }


def test_the_likelihood_gap_takes_the_test_likelihoods_of_the_row(own_conf) -> None:
    """Of pictures too, where each is a mean over draws of the noise."""
    entry, dataset, config = built(own_conf, *DIGITS, "model=realnvp", "model.width=8")
    record, arrays = evaluate(entry, dataset, config.eval, Deadline(None))
    of_test = arrays["likelihoods.npz"]["log_prob"]
    seed = stream_seed(config.eval.seed, "likelihood gap")
    again = likelihood_gap(entry, dataset, len(of_test), config.eval.batch_rows, seed, torch.from_numpy(of_test))
    moved = likelihood_gap(entry, dataset, len(of_test), config.eval.batch_rows, seed, torch.from_numpy(of_test) + 1)
    assert record["likelihood_gap_nats"] == again["likelihood_gap_nats"]
    assert record["likelihood_gap_nats"] == pytest.approx(moved["likelihood_gap_nats"] + 1)


def test_the_density_is_drawn_where_there_are_two_coordinates(truth) -> None:
    _, arrays = truth
    grid = arrays["density.npz"]
    assert (grid["log_density"] == grid["log_truth"]).all()
    left, right, bottom, top = grid["extent"]
    cell = (right - left) * (top - bottom) / (grid["log_density"].shape[0] - 1) ** 2
    # The window ends 1.1 times beyond the farthest of 500 points; what is outside of it weighs little.
    assert math.isclose(float((torch.tensor(grid["log_density"]).exp() * cell).sum()), 1, abs_tol=0.02)


@pytest.mark.parametrize("model", ["affine", "vae"])
def test_digits_are_reported_as_pixels(model: str, own_conf) -> None:
    """log p(pixels) = log p(model space) + log det, added up by hand here; the space itself has tests of its own."""
    entry, dataset, config = built(own_conf, *DIGITS, f"model={model}", "eval.dequantisation_draws=1")
    if model == "affine":
        record = evaluate(entry, dataset, config.eval, Deadline(None))[0]
        x = dataset.fixed(dataset.test[:40], stream_seed(config.eval.seed, "test"))
        with torch.no_grad():
            model_space = -entry.log_prob(x).value.double().mean()
        offset = dataset.space.log_det(x).double().mean()
        assert abs(float(offset)) > 10
        assert record["nll_nats"] == pytest.approx(float(model_space - offset), rel=1e-6)
    else:
        record = evaluate(entry, dataset, config.eval, Deadline(None))[0]
        assert record["elbo_nats"] < -record["nll_nats"]
        assert record["k_curve"][-1] == [10, pytest.approx(record["nll_nats"], rel=1e-6)]
        assert record["k_curve"][0] == [1, pytest.approx(-record["elbo_nats"], rel=1e-6)]
    assert record["bits_per_dim"] == pytest.approx(record["nll_nats"] / (64 * math.log(2)))
    assert record["nll_space"] == "nats of dequantised pixels"
    assert "kl_to_truth" not in record


@pytest.mark.parametrize("model", ["affine", "noisy", "vae", "loss_only", "truth"])
def test_random_state_and_modes_are_left_as_they_were(model: str, own_conf) -> None:
    entry, dataset, config = built(own_conf, *PLANE, f"model={model}", "model.width=6", "eval.test_examples=40")
    entry.train()
    frozen = next((module for module in entry.modules() if module is not entry), None)
    if frozen is not None:
        frozen.eval()
    flags = [module.training for module in entry.modules()]
    weights = {name: value.clone() for name, value in entry.state_dict().items()}
    before = torch.get_rng_state()
    evaluate(entry, dataset, config.eval, Deadline(None))
    assert torch.equal(before, torch.get_rng_state())
    assert [module.training for module in entry.modules()] == flags
    assert all(torch.equal(weights[name], value) for name, value in entry.state_dict().items())
    assert all(parameter.grad is None for parameter in entry.parameters())


def test_what_the_latent_is_used_for(own_conf) -> None:
    record = measured(own_conf, *DIGITS, "model=vae", "model.latent_size=3", "model.samples=2")
    assert record["latent_size"] == 3
    assert 0 <= record["active_units"] <= 3
    assert record["posterior_collapse"] == (record["active_units"] == 0)
    # Both sides estimate E log p(x | z) - KL for 40 test digits, by one draw of z and by the importance samples.
    assert record["rate_nats"] + record["distortion_nats"] == pytest.approx(-record["elbo_nats"], rel=0.05)
    assert record["recon_mse_sampled"] > 0
    assert [k for k, _ in record["gradient_curve"]] == [1, 2, 5, 25]
    assert record["gradient_noise"] == dict(record["gradient_curve"])[2]
    assert record["sharpness_sample_means"] < record["sharpness_samples"]


@pytest.mark.parametrize("words", [[*PLANE, "model=affine"], [*DIGITS, "model=affine"], [*DIGITS, "model=vae"]])
def test_stored_likelihoods_are_those_of_the_row(words: list[str], own_conf) -> None:
    entry, dataset, config = built(own_conf, *words)
    record, arrays = evaluate(entry, dataset, config.eval, Deadline(None))
    log_prob = arrays["likelihoods.npz"]["log_prob"]
    assert log_prob.dtype == "float64"
    assert log_prob.shape == (record["nll_examples"],)
    # Two means of the same float64 numbers.
    assert record["nll_nats"] == pytest.approx(-log_prob.mean(), rel=1e-12)
    other = evaluate(entry, replace(dataset, test=dataset.test.flip(0)), config.eval, Deadline(None))[0]
    assert record["test_hash"] == evaluate(entry, dataset, config.eval, Deadline(None))[0]["test_hash"]
    assert record["test_hash"] != other["test_hash"]


def test_draws_of_the_noise_move_the_likelihood_and_no_other_metric(own_conf) -> None:
    one, eight = (measured(own_conf, *DIGITS, "model=vae", f"eval.dequantisation_draws={n}") for n in (1, 8))
    moved = {"nll", "bits", "elbo", "discrete", "k"}
    changed = {name for name, value in without_clocks(one).items() if eight[name] != value}
    assert {name.split("_")[0] for name in changed} == moved
    assert (one["nll_draws"], eight["nll_draws"]) == (1, 8)
    assert one["discrete_nll_nats"] == one["nll_nats"]
    assert eight["discrete_nll_nats"] < eight["nll_nats"] - 1
    assert eight["discrete_bits_per_dim"] == pytest.approx(eight["discrete_nll_nats"] / (64 * math.log(2)))
    assert eight["discrete_nll_estimator"] == "8 draws: iwae-10, then iwae-1"
    assert eight["k_curve"][-1] == [10, pytest.approx(eight["nll_nats"], rel=1e-9)]
    assert eight["k_curve"][0] == [1, pytest.approx(-eight["elbo_nats"], rel=1e-9)]


def test_binary_pixels_have_one_draw_and_their_own_probability_and_continuous_data_none(own_conf) -> None:
    words = ["data=digits_binary", "budget.parameters=null", "eval.test_examples=40", "model=vae", "model.width=6"]
    binary = measured(own_conf, *words)
    assert binary["nll_draws"] == 1
    for name in ("nll_nats", "nll_standard_error", "nll_estimator"):
        assert binary[f"discrete_{name}"] == binary[name]
    plane = measured(own_conf, *PLANE, "model=affine", "eval.test_examples=40")
    assert plane["nll_draws"] == 1
    assert not {name for name in plane if name.startswith("discrete")}


def test_every_run_meets_the_same_noise(own_conf) -> None:
    words = [*TINY_DATA, "budget.parameters=null", "model=vae", "model.width=6"]
    one = measured(own_conf, *words)
    entry, dataset, config = built(own_conf, *words)
    torch.manual_seed(99)
    other = evaluate(entry, dataset, config.eval, Deadline(None))[0]
    assert without_clocks(one) == without_clocks(other)
    changed = measured(own_conf, *words, "eval.seed=1")
    assert changed["nll_nats"] != one["nll_nats"]


def without_clocks(record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in CLOCKS}


@pytest.mark.parametrize("model", ["affine", "vae", "realnvp", "cnf", "loss_only"])
def test_all_that_is_measured_is_a_finite_column_of_the_table(model: str, own_conf) -> None:
    record = measured(own_conf, *PLANE, f"model={model}", "eval.test_examples=40", "model.width=6")
    assert record.keys() <= COLUMNS.keys() | {"k_curve", "noise_curve", "gradient_curve", "c2st_curve"}
    assert all(math.isfinite(value) for value in record.values() if isinstance(value, (int, float)))
    for curve in ("k_curve", "noise_curve", "gradient_curve", "c2st_curve"):
        assert all(math.isfinite(number) for point in record.get(curve, []) for number in point)


def test_an_entry_of_loss_and_samples_has_only_what_samples_tell(own_conf) -> None:
    record = measured(own_conf, *PLANE, "model=loss_only", "eval.test_examples=40")
    distances = SAMPLE_METRICS.keys() - {"feature_frechet", "feature_kid", "class_chi2"}
    columns = {of(name) for name in distances for of in (str, floor, floor_sd, copycat)}
    assert record.keys() == columns | {
        "features_hash",
        "c2st_curve",
        "c2st_examples",
        "sample_seconds_per_1k",
        "eval_seconds",
        "shared_machine",
    }


def test_a_flow_comes_back_and_a_bound_is_marked(own_conf) -> None:
    flow = measured(own_conf, *PLANE, "model=realnvp", "model.width=6", "eval.test_examples=40")
    assert flow["recon_kind"] == "round_trip"
    assert flow["recon_mse"] < 1e-9
    assert flow["recon_mse_noise"] > 1e-4
    assert (flow["nll_is_bound"], flow["nll_estimator"]) == (False, "exact")
    latent = measured(own_conf, *PLANE, "model=vae", "model.width=6", "eval.test_examples=40")
    assert latent["recon_kind"] == "posterior_mean"
    assert (latent["nll_is_bound"], latent["nll_estimator"]) == (True, "iwae-10")
    assert latent["nll_estimator_error"] > 0
    assert flow["mmd2_floor"] == latent["mmd2_floor"]


@pytest.mark.long
def test_annealing_measures_the_first_examples_and_the_row_says_how_many(own_conf) -> None:
    words = [*PLANE, "model=vae", "model.width=6", "eval.test_examples=40"]
    annealed = ["eval.estimator=ais", "eval.ais_chains=8", "eval.ais_steps=60", "eval.ais_examples=12"]
    entry, dataset, config = built(own_conf, *words, *annealed, "eval.batch_rows=50")
    record, arrays = evaluate(entry, dataset, config.eval, Deadline(None))
    assert (record["nll_estimator"], record["nll_is_bound"], record["nll_examples"]) == ("ais-8x60", True, 12)
    assert 1 <= record["ess_low"] <= record["ess_median"] <= 8
    assert {"elbo_nats", "k_curve"}.isdisjoint(record)
    assert len(arrays["samples.npz"]["data"]) == 40
    assert record["kl_to_truth"] == pytest.approx(record["nll_nats"] - record["oracle_nll_nats"], rel=1e-4)
    oracle = -dataset.truth.log_prob(dataset.test[:12]).double().mean()
    assert record["oracle_nll_nats"] == pytest.approx(float(oracle))


class Weighted(LossOnly):
    """Of its importance weights all but the first are less by `gap` nats."""

    gap = 0.0

    def log_weights(self, x, samples, context=None):
        return torch.zeros(samples, len(x)).index_fill(0, torch.arange(1, samples), -self.gap)


@pytest.mark.parametrize(("gap", "samples", "size"), [(0.0, 10, 10.0), (2.0, 10, 4.223), (2.0, 5, 2.214)])
def test_a_row_warns_of_few_effective_samples_of_many(gap: float, samples: int, size: float, own_conf) -> None:
    """(1 + 9 w)² / (1 + 9 w²) with w = exp(-2), and five weights are few by name."""
    _, dataset, config = built(
        own_conf, *PLANE, "model=loss_only", "eval.test_examples=40", f"eval.importance_samples={samples}"
    )
    entry = Weighted(dataset.spec, width=4)
    entry.gap = gap
    record = evaluate(entry, replace(dataset, truth=None), config.eval, Deadline(None))[0]
    assert record["ess_median"] == pytest.approx(size, abs=1e-3)
    assert record["ess_low"] == pytest.approx(size, abs=1e-3)
    warning = {4.223: "effective sample size 4.2 of 10: the bound is loose"}.get(size)
    assert record.get("warning") == warning


REFINED = ("eval.estimator=refined", "eval.refine_steps=3", "eval.importance_samples=100", "eval.test_examples=40")


@pytest.mark.parametrize(
    ("words", "estimator", "warning"),
    [
        (["model=vae"], "refined-100", None),
        (["model=vae", "eval.refine_covariance=full"], "refined-full-100", None),
        (["model=svae"], "iwae-100", "no proposal to refine: iwae-100 instead"),
        (["model=affine"], "exact", None),
    ],
)
def test_a_row_names_the_refined_bound_or_says_why_it_has_another(
    words: list[str], estimator: str, warning: str | None, own_conf
) -> None:
    record = measured(own_conf, *PLANE, *REFINED, *words, "model.width=20")
    assert record["nll_estimator"] == estimator
    assert (warning or "") in record.get("warning", "")
    assert ("no proposal" in record.get("warning", "")) == (warning is not None)
    assert record["nll_is_bound"] == (estimator != "exact")
    # Of an entry that has learnt nothing few weights count, and the slack is not known.
    assert record["nll_is_bound"] or "nll_slack_nats" not in record


def test_an_annealed_row_shows_how_far_it_may_be_off(own_conf) -> None:
    words = ["model=vae", "model.width=20", "eval.estimator=ais", "eval.ais_steps=80", "eval.ais_examples=20"]
    record = measured(own_conf, *PLANE, *words, "eval.test_examples=40")
    assert record["nll_estimator"] == "ais-16x80"
    settled = record["ais_doubling_nats"] <= 0.05
    assert ("annealing has not settled" in record.get("warning", "")) != settled
    # The examples of the bracket are the model's own, easier than data that it has not learnt.
    assert -0.3 < record["ais_gap_nats"] < 1


def test_examples_and_samples_are_as_many_as_asked_for(own_conf) -> None:
    entry, dataset, config = built(own_conf, *PLANE, "model=affine", "eval.test_examples=37", "eval.sample_size=5000")
    record, arrays = evaluate(entry, dataset, config.eval, Deadline(None))
    assert len(arrays["samples.npz"]["data"]) == 37
    x = dataset.test[:37]
    with torch.no_grad():
        assert record["nll_nats"] == pytest.approx(float(-entry.log_prob(x).value.double().mean()))


def test_chunks_do_not_change_what_is_measured(own_conf) -> None:
    whole = measured(own_conf, *PLANE, "model=affine", "eval.test_examples=40")
    chunked = measured(own_conf, *PLANE, "model=affine", "eval.test_examples=40", "eval.batch_rows=7")
    for name in ("nll_nats", "nll_standard_error", "kl_to_truth", "mmd2"):
        assert chunked[name] == pytest.approx(whole[name], rel=1e-5), name


@pytest.mark.parametrize("where", ["shifts", "log_scale"])
def test_weights_that_are_not_numbers_are_a_divergence(where: str, own_conf) -> None:
    entry, dataset, config = built(own_conf, *PLANE, "model=affine", "eval.test_examples=40")
    with torch.no_grad():
        getattr(entry, where).fill_(math.nan)
    with pytest.raises(Diverged):
        evaluate(entry, dataset, config.eval, Deadline(None))


def test_samples_that_are_not_numbers_are_a_divergence(own_conf) -> None:
    entry, dataset, config = built(own_conf, *PLANE, "model=loss_only", "eval.test_examples=40")
    with torch.no_grad():
        entry.shifts.fill_(math.inf)
    with pytest.raises(Diverged, match="samples are not finite"):
        evaluate(entry, dataset, config.eval, Deadline(None))


def test_a_bad_entry_shape_is_named(own_conf) -> None:
    config = tiny(own_conf, "model=affine")
    dataset = build.dataset(config)
    entry = build.entry_of_width(config, dataset.spec, None)
    entry.log_prob = lambda x, context=None: type(entry).log_prob(entry, x[:1])
    with pytest.raises(Exception, match="shape"):
        evaluate(entry, dataset, config.eval, Deadline(None))


def test_no_density_call_holds_more_rows_than_asked(own_conf, monkeypatch) -> None:
    entry, dataset, config = built(own_conf, *PLANE, "model=cnf", "model.width=6", "eval.batch_rows=150")
    assert isinstance(entry, HasLogProb)
    log_prob, rows = entry.log_prob, []

    def counted(x, context=None):
        rows.append(len(x))
        return log_prob(x)

    monkeypatch.setattr(entry, "log_prob", counted)
    record = evaluate(entry, dataset, config.eval, Deadline(None))[0]
    assert record["eval_nfe"] > 0
    assert rows
    assert max(rows) == 150


@pytest.mark.long
def test_annealing_and_importance_weights_agree_on_a_decoder_and_lie_below_the_truth(own_conf) -> None:
    """One trained VAE through the evaluation of a run, estimator by estimator."""
    plane = ["data=linear_gaussian", "data.dim=4", "data.latent=2", "data.train=2000", "data.test=100"]
    options = [
        "model=vae",
        "budget.parameters=null",
        "model.width=120",
        "model.latent_size=2",
        "eval.test_examples=100",
    ]
    entry, dataset, config = built(own_conf, *plane, *options)
    train_briefly(entry, entry.trainer(Optimiser(learning_rate=1e-2)), dataset.train, steps=300)
    found = {}
    for estimator, settings in (("iwae", ["eval.importance_samples=1000"]), ("ais", ["eval.ais_steps=300"])):
        config = compose([*SMALL, *plane, *options, f"eval.estimator={estimator}", *settings], own_conf)
        found[estimator], _ = evaluate(entry, dataset, config.eval, Deadline(None))
    assert [found[name]["nll_estimator"].split("-")[0] for name in found] == ["iwae", "ais"]
    # Both bounds are within some hundredths of the decoder's own likelihood, the second without its encoder.
    assert found["ais"]["nll_nats"] == pytest.approx(found["iwae"]["nll_nats"], abs=0.1)
    for record in found.values():
        assert record["kl_to_truth"] > -4 * record["kl_standard_error"]


class Shifted(Affine):
    """Counts `log_prob` too high by a constant."""

    more = 0.0

    def log_prob(self, x, context=None):
        exact = super().log_prob(x)
        return LogProb(exact.value + self.more, exact.estimator, exact.is_bound)


@pytest.mark.parametrize(
    ("words", "more", "named"),
    [
        ([*PLANE, "eval.test_examples=400"], 12.0, "kl_to_truth = -"),
        (DIGITS, 64 * math.log(17) * 1.2, "bits_per_dim = -"),
    ],
)
def test_numbers_that_cannot_be_fail(words: list[str], more: float, named: str, own_conf) -> None:
    _, dataset, config = built(own_conf, *words, "model=affine")
    torch.manual_seed(0)
    entry = Shifted(dataset.spec, width=4)
    evaluate(entry, dataset, config.eval, Deadline(None))
    entry.more = more
    with pytest.raises(Impossible, match=named):
        evaluate(entry, dataset, config.eval, Deadline(None))


def test_a_metric_that_is_not_measured_leaves_its_cell_empty_and_costs_nothing_else(own_conf) -> None:
    entry, dataset, config = built(own_conf, *PLANE, "model=affine", "eval.test_examples=40")
    test = dataset.test.index_fill(0, torch.arange(36), 0.5)
    copies = replace(dataset, test=test, truth=None, warnings=("most are copies",))
    record = evaluate(entry, copies, config.eval, Deadline(None))[0]
    assert {"mmd2", "mmd2_floor"}.isdisjoint(record)
    assert {"nll_nats", "sliced_w2", "sliced_w2_floor", "c2st", "c2st_floor"} <= record.keys()
    assert record["warning"] == (
        "most are copies; mmd2: most of the points that set its bandwidths are copies of each other"
    )


def test_floors_are_of_random_training_rows_whatever_the_order_of_the_file(own_conf) -> None:
    """The first hundred of 4,000 training rows, as many as a floor compares, lie far away from all others."""
    entry, dataset, config = built(own_conf, *PLANE, "model=affine", "eval.test_examples=100", "eval.sample_size=100")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 2, generator=generator)
    x[:100] += 5
    ordered = replace(dataset, train=x, test=torch.randn(100, 2, generator=generator), truth=None)
    record = evaluate(entry, ordered, config.eval, Deadline(None))[0]
    assert record["mmd2_floor"] < 0.02, "0.6 for the first hundred rows"
    assert evaluate(entry, ordered, config.eval, Deadline(None))[0]["mmd2_floor"] == record["mmd2_floor"]
