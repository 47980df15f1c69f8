"""The columns of a record: unit, meaning and use. One table for the store, the report and `bench list metrics`.

A new column is one line here and one where the record is filled.
"""

from functools import cache
from typing import Literal, NamedTuple

from bench.record.sample_metrics import FLOOR_DRAWS, SAMPLE_METRICS, copycat, floor, floor_sd

ColumnKind = Literal["number", "text", "flag"]

PARTS = (
    "likelihood",
    "solver",
    "bound",
    "samples",
    "latent",
    "draws",
    "sharpness",
    "classes",
    "outside",
    "calibration",
    "cost",
    "memory",
)
"""Parts of summary.csv in their order; within a part the averaged columns stand as they do in `COLUMNS`."""


class Column(NamedTuple):
    """One column of results/<study>/table.csv; a quantity that an entry does not have is left empty.

    Attributes:
        unit: of a number; empty where it has none.
        meaning: one line for the glossary.
        kind: number (finite), text or flag (True or False).
        averaged: part of summary.csv, one of `PARTS`, that holds the mean over seeds; empty: not averaged.
        bounded: ordered as the NLL is, and a bound where that is one.
        error: the column with its standard error over test examples, which makes the interval of a single seed.
    """

    unit: str
    meaning: str
    kind: ColumnKind = "number"
    averaged: str = ""
    bounded: bool = False
    error: str = ""


def sample_columns() -> dict[str, Column]:
    """The columns of each metric of samples: its value, its floor, the floor's spread and the copycat's value."""
    columns: dict[str, Column] = {}
    for name, metric in SAMPLE_METRICS.items():
        columns |= {
            name: Column("", metric.meaning, averaged="samples"),
            floor(name): Column(
                "", f"{name} of fresh training examples, mean over {FLOOR_DRAWS} random draws", averaged="samples"
            ),
            floor_sd(name): Column(
                "", f"standard deviation of {floor(name)} over its draws, widened where they overlap"
            ),
            copycat(name): Column("", f"{name} of training examples returned as samples"),
        }
    return columns


STATUSES = ("ok", "diverged", "failed", "timeout", "not_applicable")

COLUMNS: dict[str, Column] = {
    "study": Column("", "folder under results/ that the run belongs to", kind="text"),
    "run_id": Column("", "<data>-<model>-s<seed>-<first 8 digits of the hash of the run's key>", kind="text"),
    "status": Column(
        "", "ok, diverged (NaN or infinity), failed (an exception), timeout or not_applicable", kind="text"
    ),
    "error": Column("", "what went wrong, one line", kind="text"),
    "data": Column("", "data set", kind="text"),
    "model": Column("", "entry", kind="text"),
    "family": Column("", "family of the entry", kind="text"),
    "seed": Column("", "seed of initialisation, batch order and noise"),
    "parameters": Column("parameters", "trainable parameters of the entry as trained", averaged="cost"),
    "matched_to": Column("", "the budget asked for; the achieved numbers stand beside it", kind="text"),
    "rung": Column("", "share of the study's top budget that the run had; 1 where there is no ladder"),
    "width": Column("", "the size knob that the matching chose"),
    "train_examples": Column("examples", "training examples of the run"),
    "varies": Column(
        "", "what the seed changes beside initialisation, order and noise: training draw or fold", kind="text"
    ),
    "fold": Column("", "test fold of the data set; empty where it has none"),
    "setting": Column(
        "",
        "default: the entry as it comes; tuned: as its trials chose; default=tuned: those chose what it comes with; "
        "trial: trained and validated alone, never evaluated",
        kind="text",
    ),
    "learning_rate": Column("", "the optimiser's, at the end of the warm-up"),
    "untuned": Column(
        "", "whether the run is as it comes in a study that ranks tuned ones alone; empty where not", kind="flag"
    ),
    "knob": Column("", "the option of the entry that is tuned beside the learning rate", kind="text"),
    "tuning_seconds": Column("s", "training of the trials that chose a tuned run's settings", averaged="cost"),
    "steps": Column("steps", "optimisation steps taken", averaged="cost"),
    "best_step": Column("steps", "step whose weights were kept, by validation"),
    "best_at": Column("", "share of the budget at that step; far below 1 a shorter schedule may do better"),
    "val_nll_nats": Column("nats", "validation NLL of those weights; empty where another value chose them"),
    "selected_by": Column("", "the validation quantity that chose the weights", kind="text"),
    "train_seconds": Column("s", "optimisation alone: no validation, no compilation", averaged="cost"),
    "note": Column("", "how the entry computes, in its own words", kind="text"),
    "compiled": Column(
        "",
        "how the training step was compiled: step or graph, part by part where a resumed run differs; empty: eager",
        kind="text",
    ),
    "trained_in": Column(
        "", "precision of the convolutions and matrix products of training; empty: float32", kind="text"
    ),
    "compile_seconds": Column("s", "compilation alone; empty where nothing is compiled", averaged="cost"),
    "eval_seconds": Column("s", "validation and test evaluation", averaged="cost"),
    "validation_seconds": Column("s", "of those, the validations that chose the weights", averaged="cost"),
    "step_milliseconds": Column("ms", "median time of an optimisation step", averaged="cost"),
    "train_flops": Column(
        "FLOP", "matrix products and convolutions of all steps, forward and backward", averaged="cost"
    ),
    "train_nfe": Column(
        "evaluations",
        "field evaluations per training step, mean; those without a gradient count as a third",
        averaged="cost",
    ),
    "eval_nfe": Column("evaluations", "field evaluations per density call, mean", averaged="cost"),
    "peak_memory_bytes": Column(
        "B", "largest device memory (CUDA) or resident memory of the process (CPU) in the run", averaged="memory"
    ),
    "device": Column("", "processor or GPU", kind="text"),
    "threads": Column("", "CPU threads torch used"),
    "shared_machine": Column(
        "", "True when other processes used more than a tenth of a core while training ran", kind="flag"
    ),
    "packed": Column("runs", "runs trained as one batched model; their times are the common clock's divided by it"),
    "torch_version": Column("", "version of torch", kind="text"),
    "git_commit": Column(
        "", "commit of the code, with + when files had changed; empty where it is not known", kind="text"
    ),
    "versions": Column("", "of Python and of the libraries", kind="text"),
    "started": Column("", "when the run began, with its time zone", kind="text"),
    "cores": Column("", "processors of the machine"),
    "memory_bytes": Column("B", "memory of the machine"),
    "evaluation": Column("", "hash of the evaluation's key: run, eval.* and version", kind="text"),
    "data_hash": Column("", "hash of the data's content: files, arrays or a generator's options", kind="text"),
    "source_hash": Column("", "hash of the user's own modules; empty where there are none", kind="text"),
    "entry_version": Column("", "version of the entry's results"),
    "training_version": Column("", "version of the training's results"),
    "evaluation_version": Column("", "version of the evaluation's results"),
    "nll_nats": Column(
        "nats",
        "mean test -log p in the report space; where nll_is_bound, an upper bound of it",
        averaged="likelihood",
        bounded=True,
        error="nll_standard_error",
    ),
    "nll_unit_nats": Column(
        "nats",
        "nll_nats in the units of the user's own columns; of a category by its probability",
        averaged="likelihood",
        bounded=True,
        error="nll_standard_error",
    ),
    "nll_standard_error": Column("nats", "standard error of nll_nats over test examples"),
    "nll_estimator": Column("", "how the likelihood was obtained", kind="text"),
    "nll_estimator_error": Column("nats", "standard error of nll_nats that is the estimator's own"),
    "solver_error_nats": Column(
        "nats", "nll_nats less that of a float64 solve at 1e-7, over 128 test examples", averaged="solver"
    ),
    "grid_error_nats": Column("nats", "the same for the NLL on the grid that training steps along", averaged="solver"),
    "grid_error_refined_nats": Column("nats", "the same on that grid with every step halved", averaged="solver"),
    "nll_is_bound": Column("", "True when nll_nats bounds the truth from above", kind="flag"),
    "nll_examples": Column(
        "examples", "test examples, the first so many, that nll_nats is the mean of", averaged="likelihood"
    ),
    "nll_draws": Column("", "draws of the dequantisation noise that nll_nats is the mean over"),
    "test_hash": Column(
        "", "hash of the raw test examples that nll_nats is the mean of: rows that share it are paired", kind="text"
    ),
    "nll_space": Column("", "the report space: what one nat is a nat of", kind="text"),
    "discrete_nll_nats": Column(
        "nats",
        "mean test -log of the mean of p over draws of the noise: it bounds -log P of the levels from above; of binary "
        "data nll_nats itself",
        averaged="likelihood",
        error="discrete_nll_standard_error",
    ),
    "discrete_nll_standard_error": Column("nats", "standard error of discrete_nll_nats over test examples"),
    "discrete_nll_estimator": Column("", "draws of discrete_nll_nats, and how p was obtained", kind="text"),
    "discrete_bits_per_dim": Column(
        "bits/dim", "discrete_nll_nats / (D ln 2); empty for data that are not images", averaged="likelihood"
    ),
    "bits_per_dim": Column(
        "bits/dim", "nll_nats / (D ln 2); empty for data that are not images", averaged="likelihood", bounded=True
    ),
    "oracle_nll_nats": Column(
        "nats", "mean test -log p under the true density, where it is known", error="oracle_standard_error"
    ),
    "oracle_standard_error": Column("nats", "standard error of oracle_nll_nats over test examples"),
    "kl_to_truth": Column(
        "nats",
        "mean over test examples of log p_true - log p, an estimate of KL(true || model)",
        averaged="likelihood",
        bounded=True,
        error="kl_standard_error",
    ),
    "kl_standard_error": Column("nats", "standard error of kl_to_truth over test examples"),
    "elbo_nats": Column(
        "nats",
        "mean evidence lower bound (a log-likelihood: larger is better), latent models",
        averaged="bound",
        error="elbo_standard_error",
    ),
    "elbo_standard_error": Column("nats", "standard error of elbo_nats over test examples"),
    "ess_median": Column(
        "samples", "effective sample size of an example's importance weights, median over examples", averaged="bound"
    ),
    "ess_low": Column("samples", "the same, the 5 % quantile over examples"),
    "ais_doubling_nats": Column(
        "nats", "what half the annealing steps add to the NLL; settled below 0.05", averaged="bound"
    ),
    "ais_gap_nats": Column(
        "nats",
        "mean distance of the bounds by annealing and by annealing back, on examples drawn from the model",
        averaged="bound",
    ),
    "nll_slack_nats": Column(
        "nats",
        "how much lower the NLL that nll_nats bounds may be, by what the estimator shows; empty: not known, or exact",
        averaged="bound",
    ),
    "warning": Column("", "why a number of this row is to be read with care", kind="text"),
    "recon_mse": Column(
        "", "mean squared error per coordinate of decode(encode(x)); pixels as fractions of 1", averaged="samples"
    ),
    "recon_kind": Column("", "posterior_mean (lossy latent) or round_trip (inverse of an invertible map)", kind="text"),
    "recon_mse_noise": Column(
        "", "the same at equal latent noise: decode(encode(x) + 0.1 e), e standard normal", averaged="samples"
    ),
    "recon_mse_sampled": Column(
        "", "the same from a drawn latent: decode(z), z drawn from the posterior of x", averaged="draws"
    ),
    "rate_nats": Column(
        "nats", "mean KL(posterior || prior) by one draw of z for each test example", averaged="latent"
    ),
    "distortion_nats": Column(
        "nats", "mean -log p(x | z) in the report space; with the rate it makes -ELBO", averaged="latent"
    ),
    "latent_size": Column("", "coordinates of the latent", averaged="latent"),
    "active_units": Column(
        "",
        "latent coordinates whose posterior mean has over 1 % of their variance over test examples; no class's code",
        averaged="latent",
    ),
    "posterior_collapse": Column("", "1 where no latent coordinate is active, 0 else", averaged="latent"),
    "aggregate_mmd2": Column(
        "",
        "unbiased squared MMD between draws of the aggregate posterior and of the prior: 0 where they agree",
        averaged="latent",
    ),
    "aggregate_kl_nats": Column(
        "nats", "KL between Gaussians with the moments of aggregate posterior and prior", averaged="latent"
    ),
    "aggregate_kl_floor": Column("nats", "the same between two sets of draws from the prior", averaged="latent"),
    "gradient_noise": Column(
        "", "variance of a batch's training gradient over draws of z / its squared mean", averaged="draws"
    ),
    "sharpness_samples": Column(
        "", "variance of the Laplacian of samples, decoder noise included", averaged="sharpness"
    ),
    "sharpness_sample_means": Column(
        "", "the same of decoder means of latents drawn from the prior", averaged="sharpness"
    ),
    "sharpness_reconstructions": Column("", "the same of reconstructions of test examples", averaged="sharpness"),
    "sharpness_data": Column("", "the same of test examples", averaged="sharpness"),
    **sample_columns(),
    "c2st_examples": Column(
        "examples",
        "training examples a side from which on c2st lies above its floor's 95 % range; empty where it never does",
        averaged="samples",
    ),
    "likelihood_gap_nats": Column(
        "nats",
        "mean log p of a draw of training examples less that of test examples; far above 0: remembered",
        averaged="samples",
        error="likelihood_gap_error",
    ),
    "likelihood_gap_error": Column("nats", "standard error of likelihood_gap_nats over the examples of both"),
    "features_hash": Column(
        "",
        "of the classifier whose features feature_* are of: values of others do not compare; not_applicable of data "
        "without one",
        kind="text",
    ),
    "labelled": Column(
        "examples", "training examples whose labels the entry saw; empty where it saw none", averaged="classes"
    ),
    "accuracy": Column("", "share of test examples whose most probable class is the true one", averaged="classes"),
    "accuracy_supervised": Column(
        "",
        "the same for the classifier net trained on the labelled examples alone, stopped by validation labels",
        averaged="classes",
    ),
    "cluster_accuracy": Column(
        "", "share of test examples in the cluster assigned to their class, at the best matching", averaged="classes"
    ),
    "cluster_nmi": Column(
        "", "normalised mutual information of clusters and classes of the test split; 1 is the same", averaged="classes"
    ),
    "outside": Column("", "data of eval.outside; AUROC above 0.5 tells their test examples from its own", kind="text"),
    "outside_examples": Column("examples", "test examples of the outside data"),
    "outside_auroc": Column(
        "",
        "AUROC of own against outside test examples by NLL; below 0.5 the outside ones have the better likelihood",
        averaged="outside",
        error="outside_auroc_error",
    ),
    "outside_auroc_error": Column("", "standard error of outside_auroc over test examples"),
    "outside_auroc_typicality": Column(
        "",
        "the same by |NLL - its mean over validation examples|, the distance from the typical set",
        averaged="outside",
        error="outside_auroc_typicality_error",
    ),
    "outside_auroc_typicality_error": Column("", "standard error of outside_auroc_typicality over test examples"),
    "latent_radius_ks": Column(
        "",
        "Kolmogorov-Smirnov distance of |z|² over test examples from chi², exact latents: 0 where calibrated",
        averaged="calibration",
    ),
    "latent_radius_ks_95": Column("", "95 % quantile of it where the flow is exact", averaged="calibration"),
    "latent_pit_ks": Column("", "the same of Phi(z) over all coordinates from the uniform law", averaged="calibration"),
    "latent_pit_ks_95": Column("", "95 % quantile of it where the flow is exact", averaged="calibration"),
    "clusters_used": Column(
        "clusters",
        "exp of the mutual information of example and cluster, or component: 1 where a mixture collapsed to one",
        averaged="classes",
    ),
    "sample_seconds_per_1k": Column("s", "seconds to draw 1,000 samples", averaged="cost"),
    "nll_seconds_per_1k": Column("s", "seconds to evaluate the density of 1,000 examples", averaged="cost"),
    "command": Column("", "the command that makes this row again", kind="text"),
}


def averaged() -> tuple[str, ...]:
    """Names of the columns averaged over seeds, in the order of summary.csv."""
    return tuple(name for part in PARTS for name, column in COLUMNS.items() if column.averaged == part)


@cache
def bounded() -> frozenset[str]:
    """Names of the columns that are bounds where the likelihood is one."""
    return frozenset(name for name, column in COLUMNS.items() if column.bounded)


def errors() -> dict[str, str]:
    """Averaged column -> the column with its standard error over test examples."""
    return {name: column.error for name, column in COLUMNS.items() if column.averaged and column.error}


@cache
def spreads() -> frozenset[str]:
    """The columns of standard errors and deviations, which no negative number is."""
    return frozenset({*errors().values(), *map(floor_sd, SAMPLE_METRICS)})
