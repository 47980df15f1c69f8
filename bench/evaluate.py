"""Evaluation of a trained entry on the test split: likelihood, reconstruction, samples, latent, classes.

Columns of a capability that the entry has not stay empty, and those of metrics that mean nothing for the data.
"""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.config import Eval
from bench.data.content import rows_hash
from bench.data.dataset import Dataset
from bench.data.watched import Watched
from bench.machine.clock import Neighbours, Stopwatch
from bench.machine.deadline import Deadline
from bench.machine.stage import Parts, Watch, unwatched
from bench.metrics import labels as label_metrics
from bench.metrics.ais import Annealing
from bench.metrics.calibration import calibration
from bench.metrics.clusters import cluster_use
from bench.metrics.compute import seconds_per_1k
from bench.metrics.draws import chunks_of, likelihood_over_draws
from bench.metrics.latent import code_diagnostics, diagnostics, gradient_noise
from bench.metrics.likelihood import bits_per_dim, evaluating, mean_and_error
from bench.metrics.likelihood_gap import likelihood_gap
from bench.metrics.not_measured import joined
from bench.metrics.outside import against_outside
from bench.metrics.picture_arrays import density_grid, picture_latents, picture_samples
from bench.metrics.possible import check_likelihood
from bench.metrics.reconstruction import noise_curve
from bench.metrics.samples import sample_quality
from bench.metrics.sharpness import SMALLEST_IMAGE, laplacian_variance
from bench.metrics.solver import solver_errors
from bench.metrics.tightness import tightness
from bench.metrics.units import in_units
from bench.models.entry import (
    Entry,
    HasClasses,
    HasClassifier,
    HasClusters,
    HasDecoder,
    HasLatent,
    HasLogProb,
    HasLogWeights,
    HasPosterior,
    HasReference,
    field_evaluations,
)
from bench.record.store import Record
from bench.seeds import stream_seed
from bench.training.supervised_baseline import supervised_accuracy

COLUMN_NOISE = 0.1
"""Latent noise of the column `recon_mse_noise`, in standard deviations of the latent."""
GRADIENT_BATCH = 128
GRADIENT_DRAWS = (1, 5, 25)
PARTS = 11
"""Parts of an evaluation that are said as they begin."""
Arrays = dict[str, dict[str, Any]]


def evaluate(
    entry: Entry,
    dataset: Dataset,
    settings: Eval,
    deadline: Deadline,
    run_seed: int = 0,
    outside: Dataset | None = None,
    draws_density: bool = True,
    watch: Watch = unwatched,
    floors_folder: Path | None = None,
) -> tuple[Record, Arrays]:
    """The evaluation half of a run's record, and the arrays that its pictures are drawn from.

    Every draw comes from `settings.seed`, so that all runs meet the same noise; torch's random state is left as it was.
    Only the supervised baseline, which is trained here, starts from `run_seed` as the entry did. `outside` is the data
    set of `settings.outside`. A density of the plane is among the arrays where `draws_density`: it costs as much as
    the likelihood of 4,096 examples. `watch` is told each part as it begins, and each chunk of the likelihood. In
    `floors_folder` runs leave floors of the sample metrics to each other.

    Raises:
        Diverged: a likelihood, a sample or a reconstruction is not finite, or an ODE's solve is too far off.
        TimedOut: the deadline passed between two chunks of the likelihood or between two metrics.
        ChangedData: the entry changed the test examples in place.
        Impossible: the likelihood is one that no density of the data has.
    """
    device = dataset.device
    parts = Parts(PARTS, deadline, watch)
    stopwatch, neighbours = Stopwatch(device), Neighbours()
    devices = [device] if device.type == "cuda" else []
    with stopwatch, torch.no_grad(), evaluating(entry), torch.random.fork_rng(devices):
        torch.manual_seed(stream_seed(settings.seed, "evaluate"))
        x = dataset.fixed(dataset.test[: settings.test_examples], stream_seed(settings.seed, "test"))
        watched = Watched({"the test examples": x})
        warnings = {"warning": "; ".join(dataset.warnings)} if dataset.warnings else {}
        density, arrays = likelihood(entry, dataset, x, settings, parts)
        record = joined(warnings, density)
        watched.check("its likelihood")
        measurements: dict[str, Callable[[Entry, Dataset, Tensor, Eval], Record]] = {
            "reconstruction": reconstruction,
            "sampling": partial(sampling, floors_folder=floors_folder),
            "latent use": latent_use,
            "cluster use": cluster_use,
        }
        for name, measurement in measurements.items():
            parts.begin(name)
            record = joined(record, measurement(entry, dataset, x, settings))
            watched.check(name)
        parts.begin("classes")
        record |= classes(entry, dataset, x, settings, run_seed)
        parts.begin("likelihood gap")
        own_density = isinstance(entry, HasLogProb) and not isinstance(entry, HasLogWeights)
        known = torch.from_numpy(arrays["likelihoods.npz"]["log_prob"]) if own_density else None
        record |= likelihood_gap(
            entry, dataset, len(x), settings.batch_rows, stream_seed(settings.seed, "likelihood gap"), known
        )
        parts.begin("pictures")
        arrays["samples.npz"] = picture_samples(entry, dataset, x)
        watched.check("its classes or pictures")
        parts.begin("calibration")
        record |= calibration(entry, x[: settings.sample_size], settings.batch_rows)
        parts.begin("outside data")
        record = joined(record, against_outside(entry, dataset, outside, settings, deadline.check))
        watched.check("its calibration or outside data")
        # Last, so that no number hangs on whether it is drawn.
        if draws_density and dataset.spec.event_shape == (2,) and isinstance(entry, (HasLogProb, HasLogWeights)):
            parts.begin("density of the plane")
            arrays["density.npz"] = density_grid(entry, dataset, x, settings)
        arrays["samples.npz"] |= picture_latents(entry, dataset, x)
    return record | {"eval_seconds": stopwatch.seconds, "shared_machine": neighbours.shared()}, arrays


def likelihood(entry: Entry, dataset: Dataset, x: Tensor, settings: Eval, parts: Parts) -> tuple[Record, Arrays]:
    """Test likelihood in the report space, with its bound, its K-curve and its distance from the truth.

    `likelihoods.npz` holds the examples' own: `log_prob`, `(n,)` float64 in the order of the test split, and `truth`,
    the same under the true density where that is known; `nll_nats` is minus the mean of the first. Where annealed
    importance sampling is asked for, all of that is of the first `settings.ais_examples` alone.
    """
    annealing = Annealing(settings.ais_chains, settings.ais_steps) if settings.estimator == "ais" else None
    if annealing is not None:
        x = x[: settings.ais_examples]
    evaluations = field_evaluations(entry)
    draws = settings.dequantisation_draws if dataset.noisy else 1
    tick = parts.chunks("likelihood", chunks_of(entry, len(x), draws, settings))
    over = likelihood_over_draws(entry, dataset, x, settings, annealing, tick)
    if over is None:
        return {}, {}
    estimated, log_prob = over.mean, over.mean.log_prob
    nll, error = mean_and_error(-log_prob)
    record: Record = (
        {
            "nll_nats": nll,
            "nll_standard_error": error,
            "nll_estimator": estimated.estimator,
            "nll_is_bound": estimated.is_bound,
            "nll_examples": len(x),
            "nll_draws": over.draws,
            "test_hash": rows_hash(dataset.test[: len(x)]),
            "nll_seconds_per_1k": over.seconds_per_1k,
        }
        | in_units(dataset, nll)
        | tightness(estimated, settings.estimator)
    )
    if over.log_mean is not None and dataset.spec.kind != "continuous":
        record["discrete_nll_nats"], record["discrete_nll_standard_error"] = mean_and_error(-over.log_mean)
        record["discrete_nll_estimator"] = over.estimators
    if estimated.standard_error is not None:
        # Examples are estimated independently: the error of their mean is the root of the mean square over √n.
        record["nll_estimator_error"] = float(estimated.standard_error.square().mean().sqrt() / math.sqrt(len(x)))
    if dataset.image_shape is not None:
        record["bits_per_dim"] = bits_per_dim(nll, dataset.spec.dim)
        if record.get("discrete_nll_nats") is not None:
            record["discrete_bits_per_dim"] = bits_per_dim(record["discrete_nll_nats"], dataset.spec.dim)
    if estimated.elbo is not None:
        record["elbo_nats"], record["elbo_standard_error"] = mean_and_error(estimated.elbo)
        record["k_curve"] = [[k, -value] for k, value in estimated.k_curve]
    each = {"log_prob": log_prob.cpu().numpy()}
    if dataset.truth is not None:
        true_log_prob = dataset.truth.log_prob(x)
        record["oracle_nll_nats"], record["oracle_standard_error"] = mean_and_error(-true_log_prob)
        # Paired by example: what both densities owe to the examples that were drawn cancels.
        record["kl_to_truth"], record["kl_standard_error"] = mean_and_error(true_log_prob - log_prob)
        each["truth"] = true_log_prob.double().cpu().numpy()
    check_likelihood(record, dataset.spec.dim, levels_of(dataset, x))
    if evaluations is not None and isinstance(entry, HasLogProb):
        calls = over.draws * math.ceil(len(x) / settings.batch_rows)
        record["eval_nfe"] = ((field_evaluations(entry) or 0) - evaluations) / calls
    if isinstance(entry, HasReference):
        record |= solver_errors(entry, x[: settings.batch_rows])
    return record, {"likelihoods.npz": each}


def levels_of(dataset: Dataset, x: Tensor) -> Tensor | None:
    """The levels of test examples in model space, or their binary pixels; None for continuous data."""
    if dataset.spec.kind == "continuous":
        return None
    return x if dataset.spec.kind == "binary" else dataset.test[: len(x)]


def reconstruction(entry: Entry, dataset: Dataset, x: Tensor, settings: Eval) -> Record:
    """Error of decode(encode(x)), as it is and at equal latent noise, over the first `settings.sample_size` of x."""
    if not isinstance(entry, HasLatent):
        return {}
    x = x[: settings.sample_size]
    generator = torch.Generator(x.device).manual_seed(stream_seed(settings.seed, "latent noise"))
    scales = sorted({0.0, COLUMN_NOISE, *settings.noise_scales})
    curve = noise_curve(entry, x, dataset.space.to_data, scales, generator, settings.batch_rows)
    return {
        "recon_mse": dict(curve)[0.0],
        "recon_mse_noise": dict(curve)[COLUMN_NOISE],
        "recon_kind": "round_trip" if entry.latent == "exact" else "posterior_mean",
        "noise_curve": [list(point) for point in curve],
    } | sharpness(dataset, reconstructions=dataset.space.to_data(entry.decode(entry.encode(x[: settings.batch_rows]))))


def sampling(entry: Entry, dataset: Dataset, x: Tensor, settings: Eval, floors_folder: Path | None = None) -> Record:
    """Quality of samples beside floors and controls, their sharpness, and the time to draw them.

    Half of the training examples at most stand for fresh ones: the others are what copies are looked for among.
    """
    n = min(settings.sample_size, len(x), len(dataset.train) // 2)
    to_data = dataset.space.to_data
    real = to_data(x[:n])
    drawn = to_data(entry.sample(n))
    quality = sample_quality(
        drawn,
        real,
        dataset,
        projections=settings.projections,
        trees=settings.trees,
        batch_rows=settings.batch_rows,
        seed=stream_seed(settings.seed, "sample quality"),
        floors_folder=floors_folder,
    )
    per_1k = seconds_per_1k(lambda: entry.sample(n), n, x.device)
    images = {"samples": drawn, "data": real}
    if not isinstance(entry, (HasLogProb, HasLogWeights)):
        images["sample_means"] = drawn  # without a density of its own, an entry adds no noise to what it draws
    elif isinstance(entry, HasPosterior) and isinstance(entry, HasLatent):
        images["sample_means"] = to_data(entry.decode(entry.prior_sample(n)))
    return joined(quality, sharpness(dataset, **images), {"sample_seconds_per_1k": per_1k})


def latent_use(entry: Entry, dataset: Dataset, x: Tensor, settings: Eval) -> Record:
    """Use of the latent: rate, distortion, active units, and the noise that drawing it adds to a training gradient."""
    x = x[: settings.sample_size]
    if not isinstance(entry, HasPosterior):
        codes = isinstance(entry, HasDecoder) and isinstance(entry, HasLatent)
        return code_diagnostics(entry, x, settings.batch_rows) if codes else {}
    record: Record = diagnostics(entry, x, settings.batch_rows)
    record["distortion_nats"] -= float(dataset.space.log_det(x).double().mean())
    if isinstance(entry, HasLatent):
        chunks = torch.split(x, settings.batch_rows)
        drawn = torch.cat([entry.decode(entry.posterior(chunk).draw(1)[0][0]) for chunk in chunks])
        record["recon_mse_sampled"] = float((dataset.space.to_data(drawn) - dataset.space.to_data(x)).square().mean())
    samples = getattr(entry, "samples", None)
    draws = samples if isinstance(samples, int) else 1
    curve = gradient_noise(entry, x[:GRADIENT_BATCH], sorted({draws, *GRADIENT_DRAWS}))
    record["gradient_curve"] = [list(point) for point in curve]
    record["gradient_noise"] = dict(curve).get(draws)
    return record


def sharpness(dataset: Dataset, **images: Tensor) -> Record:
    """`sharpness_<name>` of each set of images in data space; nothing for data that are no images of 3 x 3 or more."""
    shape = dataset.image_shape
    if shape is None or min(shape[-2:]) < SMALLEST_IMAGE:
        return {}
    return {f"sharpness_{name}": laplacian_variance(each, shape) for name, each in images.items()}


def classes(entry: Entry, dataset: Dataset, x: Tensor, settings: Eval, run_seed: int) -> Record:
    """Agreement of predicted classes, or of clusters, with the test labels, which nothing else reads."""
    record: Record = {} if dataset.labelled is None else {"labelled": len(dataset.labelled)}
    if dataset.labels is None:
        return record
    truth = dataset.labels[2][: len(x)]
    if isinstance(entry, HasClasses):
        record["accuracy"] = label_metrics.accuracy(in_chunks(entry.classify, x, settings), truth)
    if isinstance(entry, HasClassifier) and dataset.labelled is not None:
        record["accuracy_supervised"] = supervised_accuracy(entry, dataset, x, run_seed)
    if isinstance(entry, HasClusters):
        clusters = in_chunks(entry.cluster, x, settings).argmax(1)
        record["cluster_accuracy"] = label_metrics.cluster_accuracy(clusters, truth)
        record["cluster_nmi"] = label_metrics.cluster_nmi(clusters, truth)
    return record


def in_chunks(method: Callable[[Tensor], Tensor], x: Tensor, settings: Eval) -> Tensor:
    """The method applied to all of x, `batch_rows` examples at a time."""
    return torch.cat([method(chunk) for chunk in torch.split(x, settings.batch_rows)])
