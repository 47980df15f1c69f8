"""The schema of every configuration group. Plain dataclasses: importing this is cheap and needs no torch."""

from dataclasses import dataclass, field
from typing import Any

SETTINGS = "tune.settings"
"""The option, and axis of a grid, that says whether entries are run as they come, tuned, or both."""

DEFAULT, TUNED, TRIAL = "default", "tuned", "trial"
"""Settings of an entry: as it comes, as its trials chose, and within a trial."""
BOTH = f"{DEFAULT}={TUNED}"
"""The setting of a run whose chosen values are those that the entry comes with."""

VALIDATIONS = 50
"""Validations of a whole budget, where `train.validate_every` does not say: the best step is resolved to 2 % of it."""


def is_tuned(setting: str | None) -> bool:
    """True for a run with what its trials chose, also where that is what the entry comes with."""
    return TUNED in (setting or "").split("=")


NOT_IDENTITY = frozenset(
    {
        "study",
        "results_dir",
        "data_root",
        "grid",
        "pack",
        "workers",
        "hours",
        "compile",
        "data.root",
        "data.path",
        "data.function",
        "data.resident",
        "budget.timeout_seconds",
        "budget.ladder",
        "budget.rung",
        "train.checkpoint_seconds",
        "tune.settings",
        "tune.setting",
        "tune.data",
        "tune.seed",
        "tune.knob",
        "tune.required",
        "page",
        "by_data",
        "track",
        "launch",
    }
)
"""Options that decide nothing in a record but where it lies and how long it takes: no part of a run's id."""


@dataclass
class Budget:
    """The budget of a run. `parameters` sizes the entry; training stops at the first limit that it meets.

    Attributes:
        parameters: trainable parameters that `width` is chosen for; null keeps the width of the model's YAML.
        tolerance: largest allowed relative distance from `parameters`.
        steps: optimisation steps (repeatable).
        seconds: training seconds (validation and compilation not counted).
        flops: training FLOPs, matrix products and convolutions, forward and backward.
        timeout_seconds: wall-clock seconds after which a run gives up and its row says `timeout`.
        ladder: shares of these limits, numbers or fractions such as `1/16`, that every trained entry gets in turn.
        rung: share of `steps`, `seconds` and `flops` that this run has, above 0, at most 1; once composed they are
            the run's own, so that a rung is an ordinary run. An entry that is fitted has rung 1.
    """

    parameters: int | None = 50_000
    tolerance: float = 0.02
    steps: int | None = 2_000
    seconds: float | None = None
    flops: float | None = None
    timeout_seconds: float | None = None
    ladder: list[Any] | None = None
    rung: Any = 1.0


@dataclass
class Optimiser:
    """The optimiser: Adam with a warm-up and a cosine decay, AdamW where weights decay.

    Attributes:
        learning_rate: Adam's, at the end of the warm-up.
        warmup: share of the budget over which the rate rises from 0.
        final: share of the rate that is left at the end of its cosine decay; 1 keeps it constant.
        clip_norm: largest norm of the gradient of all parameters.
        weight_decay: share of the learning rate by which every weight shrinks at a step, apart from its gradient.
        precision: that of the configuration, which a step takes from here.
    """

    learning_rate: float = 2e-3
    warmup: float = 0.05
    final: float = 0.0
    clip_norm: float = 10.0
    weight_decay: float = 0.0
    precision: str = "float32"


@dataclass
class Train:
    """The optimisation loop.

    Attributes:
        batch_size: examples a step.
        validate_every: steps between validations; null validates after every 2 % of the budget.
        validation_examples: first so many examples of the validation split that a validation looks at.
        validation_importance_samples: K of the bound that validates an entry with importance weights.
        patience: share of the budget without improvement after which training stops early; null never does: the rate
            falls to the end of the budget, and much is gained late.
        checkpoint_seconds: training seconds between checkpoints, written at the next validation.
        optimiser: how an entry learns from one batch.
    """

    batch_size: int = 256
    validate_every: int | None = None
    validation_examples: int = 2_000
    validation_importance_samples: int = 16
    patience: float | None = None
    checkpoint_seconds: float = 30.0
    optimiser: Optimiser = field(default_factory=Optimiser)


@dataclass
class Eval:
    """The evaluation on the test split.

    Attributes:
        seed: of dequantisation noise, importance samples, projections and classifiers; the same for every run.
        test_examples: first so many examples of the test split; null takes them all.
        estimator: of the likelihood. `iwae` takes importance weights; `refined` those of proposals fitted to each
            example, where the entry has one to fit, else as `auto`; `ais` annealed importance sampling, for entries
            with a decoder density; `auto` importance weights where the entry has them, else its own density.
        dequantisation_draws: draws of the noise on levels that the likelihood is averaged over, the same for every run;
            of continuous and binary data there is one.
        importance_samples: K of IWAE-K; draws of the noise after the first take a tenth.
        refine_steps: Adam steps that fit the proposal of an example.
        refine_draws: draws of the bound that each step climbs.
        refine_covariance: of a fitted Gaussian proposal; `diagonal` keeps its own form.
        ais_chains: annealed chains of each example.
        ais_steps: distributions from the prior to the posterior that each of them passes.
        ais_examples: first so many test examples that are annealed, as it is slow; the row's likelihood is theirs.
        sample_size: samples that the sample metrics compare with as many test examples, at most half as many as there
            are training examples.
        projections: random directions of sliced W2.
        trees: of the forest of the classifier two-sample test.
        noise_scales: standard deviations of the latent noise of reconstruction at equal noise.
        batch_rows: examples that one evaluated chunk holds, importance samples counted in: what bounds the memory.
        outside: a data set of conf/data, with options behind its name such as `data.seed=1`, whose test examples the
            likelihood is asked to tell from the entry's own; null asks nothing.
    """

    seed: int = 20_240_101
    test_examples: int | None = None
    estimator: str = "auto"
    dequantisation_draws: int = 8
    importance_samples: int = 1_000
    refine_steps: int = 50
    refine_draws: int = 8
    refine_covariance: str = "diagonal"
    ais_chains: int = 16
    ais_steps: int = 1_000
    ais_examples: int = 100
    sample_size: int = 2_000
    projections: int = 256
    trees: int = 10
    noise_scales: list[float] = field(default_factory=lambda: [0.0, 0.05, 0.1, 0.2, 0.5, 1.0])
    batch_rows: int = 2_048
    outside: str | None = None


@dataclass
class Tune:
    """Equal tuning of the entries of a study.

    Attributes:
        settings: of each cell of the grid: `default`, as the entry comes, and `tuned`, with what its trials chose.
        setting: of this one cell: `default`, `tuned`, or `trial`, which is trained and validated alone.
        data: data sets that are tuned on, others take the median of what those chose; null tunes on each of the study.
        seed: of the trials, none of a final run; those of fold f of a data set have this one plus f.
        knob: the one option beside the learning rate, and its values; from the model's YAML.
        required: ranks tuned runs alone: entries as they come are shown as untuned, and no winner is named among them.
    """

    settings: list[str] = field(default_factory=lambda: [DEFAULT])
    setting: str = DEFAULT
    data: list[str] | None = None
    seed: int = 1_000
    knob: dict[str, list[Any]] | None = None
    required: bool = False


@dataclass
class Config:
    """One run, wholly resolved.

    Attributes:
        model, data: `_target_`, `name` and the options of the entry's constructor and the data set's function.
        study: folder under `results_dir` that the run belongs to.
        device: `auto`, `cpu` or `cuda`.
        threads: CPU threads; null leaves torch's choice.
        results_dir: where studies live, relative to the folder of the call.
        data_root: folder of downloaded data; null means $BENCH_DATA or the user's cache.
        grid: list of products of lists that a study expands into runs.
        compile: `step` compiles the training step with torch.compile, `graph` makes all of it one CUDA graph, `auto`
            takes what pays for the entry on the device; `off` trains eagerly.
        precision: of convolutions and matrix products in training, `float32` or `bfloat16`. Weights, log-scales,
            log-determinants and all evaluation are of float32.
        pack: `seeds` trains runs that differ in nothing but seed, optimiser, patience and fractional options of the
            model as one batched model; null each by itself.
        workers: cells that run side by side, each with its share of the threads; their rows say that times are shared.
        hours: that a command may take: one whose forecast is above is refused, and no cell begins once they are over;
            null sets no limit.
        page: shows hours before the first run, and makes tables and page after the last.
        by_data: puts the study into a folder named by its data and their content, such as `all_families-mine-1a2b3c4d`.
        track: `_target_` and options of a `bench.track.tracker.Tracker`; empty for none.
        launch: `_target_` and options of a `bench.launch.launcher.Launcher`: where cells run.
    """

    model: dict[str, Any]
    data: dict[str, Any]
    budget: Budget
    train: Train
    eval: Eval
    tune: Tune = field(default_factory=Tune)
    study: str = "scratch"
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    results_dir: str = "results"
    data_root: str | None = None
    grid: list[dict[str, list[Any]]] = field(default_factory=list)
    pack: str | None = None
    compile: str = "off"
    precision: str = "float32"
    workers: int = 1
    hours: float | None = None
    page: bool = False
    by_data: bool = False
    track: dict[str, Any] = field(default_factory=dict)
    launch: dict[str, Any] = field(default_factory=dict)


FEWEST = 10
"""Examples below which a sample metric means nothing."""


def from_plain(content: dict[str, Any]) -> Config:
    """The configuration that `dataclasses.asdict` turned into plain words, as JSON keeps them."""
    train = {**content["train"], "optimiser": Optimiser(**content["train"]["optimiser"])}
    groups = {
        "budget": Budget(**content["budget"]),
        "train": Train(**train),
        "eval": Eval(**content["eval"]),
        "tune": Tune(**content["tune"]),
    }
    return Config(**{**content, **groups})
