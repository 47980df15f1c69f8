"""The tables of a study: title, columns, headings and notes of each.

A column that needs no heading of its own needs no line here: the table that shows its part has it at the end.
"""

from typing import NamedTuple

from bench.record.columns import COLUMNS, averaged
from bench.record.sample_metrics import SAMPLE_METRICS, floor
from bench.report.model_summary import ModelSummary


class Metric(NamedTuple):
    """One column of a table.

    Attributes:
        column: of the record.
        heading: what stands above it, with the unit.
        scale: factor from the record's unit to the heading's.
        floor: the column whose mean stands in the row of the floor.
        timing: whether sharing the machine spoils it.
        absent: what stands where a finished run measured it in vain; empty leaves the cell empty.
    """

    column: str
    heading: str
    scale: float = 1.0
    floor: str | None = None
    timing: bool = False
    absent: str = ""


class Layout(NamedTuple):
    """A table before it meets the numbers.

    Attributes:
        name, title: of the table.
        metrics: its columns; those without any value are left out.
        parts: parts of summary.csv, of `bench.record.columns.PARTS`, whose other columns follow these.
        about: text columns and their headings.
        having: columns of which a model must have one to be in the table; where there are none, all models are.
        floor_row: name of the row of its floors, before the models of each data set.
        floor: key of `bench.report.notes.NOTES` that says what its floors are.
        notes: keys of those that always apply.
        left_out: columns of its parts that stand in summary.csv alone.
        controls: whether rows of controls stand above the models, and marks where a model lies off its floor.
    """

    name: str
    title: str
    metrics: tuple[Metric, ...]
    parts: tuple[str, ...] = ()
    about: tuple[tuple[str, str], ...] = ()
    having: tuple[str, ...] = ()
    floor: str = ""
    floor_row: str = ""
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    controls: bool = False


LAYOUTS = (
    Layout(
        "likelihood",
        "Likelihood on the test split",
        (
            Metric("nll_nats", "NLL, nats"),
            Metric("nll_unit_nats", "NLL in own units, nats"),
            Metric("bits_per_dim", "bits/dim"),
            Metric("kl_to_truth", "KL to truth, nats"),
            Metric("elbo_nats", "ELBO, nats"),
            Metric("ess_median", "effective samples"),
            Metric("nll_examples", "test examples"),
        ),
        parts=("likelihood", "bound"),
        about=(("nll_estimator", "estimator"),),
    ),
    Layout(
        "quality",
        "Samples beside real examples and copies",
        (
            *(Metric(name, metric.heading) for name, metric in SAMPLE_METRICS.items()),
            Metric("c2st_examples", "examples until C2ST leaves its floor", absent="never"),
            Metric("likelihood_gap_nats", "log p, train - test, nats"),
        ),
        parts=("samples",),
        left_out=tuple(floor(name) for name in SAMPLE_METRICS),
        controls=True,
    ),
    Layout(
        "cost",
        "Cost",
        (
            Metric("parameters", "parameters"),
            Metric("steps", "steps"),
            Metric("train_seconds", "training, s", timing=True),
            Metric("step_milliseconds", "step, ms", timing=True),
            Metric("train_nfe", "field evaluations per step"),
            Metric("train_flops", "training, GFLOP", scale=1e-9),
            Metric("sample_seconds_per_1k", "1,000 samples, s", timing=True),
            Metric("nll_seconds_per_1k", "1,000 densities, s", timing=True),
            Metric("peak_memory_bytes", "peak memory, MiB", scale=2**-20),
        ),
        parts=("cost", "memory"),
        left_out=("compile_seconds", "eval_seconds", "validation_seconds"),
    ),
    Layout(
        "reconstruction",
        "Reconstruction",
        (
            Metric("recon_mse", "reconstruction MSE"),
            Metric("recon_mse_noise", "MSE at latent noise 0.1"),
        ),
        about=(("recon_kind", "reconstruction by"),),
        having=("recon_mse",),
    ),
    Layout(
        "solver",
        "Error of the ODE's solves: NLL less that of a float64 solve at 1e-7, over 128 test examples",
        (
            Metric("solver_error_nats", "as reported, nats"),
            Metric("grid_error_nats", "on the training grid, nats"),
            Metric("grid_error_refined_nats", "on the same with halved steps, nats"),
            Metric("train_nfe", "field evaluations per step"),
            Metric("eval_nfe", "per density call"),
        ),
        parts=("solver",),
        having=("solver_error_nats",),
    ),
    Layout(
        "latent",
        "Use of the latent",
        (
            Metric("rate_nats", "rate, nats"),
            Metric("distortion_nats", "distortion, nats"),
            Metric("latent_size", "coordinates"),
            Metric("active_units", "active"),
            Metric("posterior_collapse", "collapsed"),
            Metric("aggregate_kl_nats", "aggregate to prior, KL of moments, nats", floor="aggregate_kl_floor"),
            Metric("aggregate_mmd2", "the same, MMD²"),
            Metric("recon_mse_sampled", "reconstruction MSE, z drawn"),
            Metric("recon_mse", "z the mean"),
            Metric("gradient_noise", "gradient noise / signal"),
        ),
        parts=("latent", "draws"),
        having=("active_units",),
        floor="prior",
        floor_row="prior draws",
    ),
    Layout(
        "sharpness",
        "Sharpness of images: variance of the Laplacian",
        (
            Metric("sharpness_data", "test data"),
            Metric("sharpness_reconstructions", "reconstructions"),
            Metric("sharpness_sample_means", "samples without decoder noise"),
            Metric("sharpness_samples", "samples"),
        ),
        parts=("sharpness",),
        having=("sharpness_samples",),
    ),
    Layout(
        "classes",
        "Classes and clusters against the test labels",
        (
            Metric("labelled", "labels seen"),
            Metric("accuracy", "accuracy"),
            Metric("accuracy_supervised", "the same net without unlabelled examples"),
            Metric("cluster_accuracy", "clustering accuracy"),
            Metric("cluster_nmi", "clustering NMI"),
            Metric("clusters_used", "clusters in use"),
        ),
        parts=("classes",),
        having=("accuracy", "cluster_accuracy", "clusters_used"),
        notes=("labels",),
    ),
    Layout(
        "outside",
        "Outside data: AUROC of own against outside test examples",
        (
            Metric("outside_auroc", "by NLL"),
            Metric("outside_auroc_typicality", "by typicality"),
        ),
        parts=("outside",),
        about=(("outside", "outside data"),),
        having=("outside_auroc",),
    ),
    Layout(
        "calibration",
        "Calibration of exact latents: Kolmogorov-Smirnov distances on test examples",
        (
            Metric("latent_radius_ks", "|z|² from chi²", floor="latent_radius_ks_95"),
            Metric("latent_pit_ks", "Φ(z) from uniform", floor="latent_pit_ks_95"),
        ),
        parts=("calibration",),
        having=("latent_radius_ks",),
        floor="calibrated",
        floor_row="exact, 95 %",
    ),
)


def layouts() -> list[Layout]:
    """`LAYOUTS`, each with the averaged columns of its parts that no layout places."""
    placed = {name for layout in LAYOUTS for metric in layout.metrics for name in (metric.column, metric.floor)}
    placed |= {name for layout in LAYOUTS for name in layout.left_out}
    return [with_others(layout, [name for name in averaged() if name not in placed]) for layout in LAYOUTS]


def with_others(layout: Layout, names: list[str]) -> Layout:
    """A layout and behind its columns those of the names that belong to its parts."""
    others = tuple(derived(name) for name in names if COLUMNS[name].averaged in layout.parts)
    having = layout.having and (*layout.having, *(metric.column for metric in others))
    return layout._replace(metrics=layout.metrics + others, having=having)


def derived(name: str) -> Metric:
    """A column of a table from the table of columns alone: its name and unit above it; a time is one by its unit."""
    unit = COLUMNS[name].unit
    return Metric(name, f"{name}, {unit}" if unit else name, timing=unit in {"s", "ms"})


def has_any(model: ModelSummary, metrics: list[Metric]) -> bool:
    """Any of these metrics has a value."""
    return any(metric.column in model.intervals for metric in metrics)
