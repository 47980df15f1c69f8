"""The schema of every configuration group. Plain dataclasses: importing this is cheap and needs no torch."""

from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from typing import Any

from bench.errors import BenchError, unknown

DEVICES = ("auto", "cpu", "cuda")
ESTIMATORS = ("auto", "iwae", "refined", "ais")
COVARIANCES = ("diagonal", "full")

DEFAULT, TUNED, TRIAL = "default", "tuned", "trial"
"""Settings of an entry: as it comes, as its trials chose, and within a trial."""
BOTH = f"{DEFAULT}={TUNED}"
"""The setting of a run whose chosen values are those that the entry comes with."""
DECLARED = ("learning_rate", "knob")
"""What `tuning` in a model's YAML may say."""

PACKS = ("seeds",)
COMPILES = ("off", "auto", "step", "graph")

NOT_IDENTITY = frozenset(
    {
        "study",
        "results_dir",
        "data_root",
        "grid",
        "pack",
        "workers",
        "compile",
        "data.root",
        "budget.timeout_seconds",
        "budget.ladder",
        "budget.rung",
        "train.checkpoint_seconds",
        "tune.settings",
        "tune.setting",
        "tune.data",
        "tune.seed",
        "tune.knob",
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
    """

    learning_rate: float = 2e-3
    warmup: float = 0.05
    final: float = 0.0
    clip_norm: float = 10.0
    weight_decay: float = 0.0


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
    """

    settings: list[str] = field(default_factory=lambda: [DEFAULT])
    setting: str = DEFAULT
    data: list[str] | None = None
    seed: int = 1_000
    knob: dict[str, list[Any]] | None = None


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
        pack: `seeds` trains runs that differ in nothing but seed, optimiser, patience and fractional options of the
            model as one batched model; null each by itself.
        workers: cells that run side by side, each with its share of the threads; their rows say that times are shared.
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
    workers: int = 1


FEWEST = 10
"""Examples below which a sample metric means nothing."""

MAY_BE_ZERO = {"seed", "warmup", "final", "noise_scales", "weight_decay"}


GROUPS = ("budget", "train", "train.optimiser", "eval", "tune", "")
"""The groups of the schema, the empty name for the options that belong to none."""


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


def check(config: Config) -> None:
    """Refuses values that no run could have.

    Raises:
        BenchError: a negative or zero size, a budget without a limit, an unknown device, or any other of the checks.
    """
    for group in GROUPS:
        check_group(config, group)
    check_words(config)
    check_budget(config)
    check_shares(config.train)
    check_sizes(config.eval)
    check_tune(config.tune)
    check_names(config)


def check_group(config: Config, group: str) -> None:
    """Refuses options that a group does not have, and numbers below what they may be.

    Raises:
        BenchError: it names the option.
    """
    node = config
    for name in filter(None, group.split(".")):
        node = getattr(node, name)
    known = [item.name for item in fields(node)]
    surplus = vars(node).keys() - set(known)
    if surplus:
        raise unknown("option", min(surplus), known, group or "the configuration")
    for name in known:
        check_sign(f"{group}.{name}".lstrip("."), getattr(node, name))


def check_words(config: Config) -> None:
    """Refuses a word that an option does not know.

    Raises:
        BenchError: it names the nearest that it does.
    """
    if config.compile not in COMPILES:
        raise unknown("mode", config.compile, COMPILES, "compile")
    if config.pack is not None and config.pack not in PACKS:
        raise unknown("pack", config.pack, PACKS)
    if config.eval.estimator not in ESTIMATORS:
        raise unknown("estimator", config.eval.estimator, ESTIMATORS, "eval.estimator")
    if config.eval.refine_covariance not in COVARIANCES:
        raise unknown("covariance", config.eval.refine_covariance, COVARIANCES, "eval.refine_covariance")
    if config.device not in DEVICES:
        raise unknown("device", config.device, DEVICES)


def check_budget(config: Config) -> None:
    """Refuses training without an end, and a clock that packed runs would share.

    Raises:
        BenchError: it says what to set.
    """
    budget = config.budget
    if budget.steps is None and budget.seconds is None and budget.flops is None:
        raise BenchError("budget: training would never end; set budget.steps, budget.seconds or budget.flops")
    if config.pack is not None and budget.seconds is not None:
        raise BenchError(
            "pack=seeds: packed runs share a clock; in place of budget.seconds set budget.steps or budget.flops"
        )


def at_rung(budget: Budget) -> Budget:
    """The budget of the rung that it names: its limits are those of the top times the share, steps rounded.

    Raises:
        BenchError: a share that is none, or a ladder with equal rungs.
    """
    rung = share("budget.rung", budget.rung)
    ladder = None if budget.ladder is None else [share("budget.ladder", one) for one in budget.ladder]
    if ladder is not None and (not ladder or len(set(ladder)) < len(ladder)):
        raise BenchError(f"budget.ladder={budget.ladder}: give rungs that differ, such as [1/16,1/4,1], or null")
    return replace(
        budget,
        steps=None if budget.steps is None else max(1, round(budget.steps * rung)),
        seconds=None if budget.seconds is None else budget.seconds * rung,
        flops=None if budget.flops is None else budget.flops * rung,
        ladder=ladder,
        rung=rung,
    )


def share(option: str, value: Any) -> float:
    """A share of the budget: a number, or text such as `1/16`.

    Raises:
        BenchError: it is no number above 0 and at most 1.
    """
    try:
        number = float(Fraction(value)) if isinstance(value, str) else float(value)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise BenchError(f"{option}: '{value}' is no share of the budget; write 0.25 or 1/4") from error
    if not 0 < number <= 1:
        raise BenchError(f"{option}: {value} is no share of the budget; give numbers above 0 and at most 1")
    return number


def check_shares(train: Train) -> None:
    """Refuses shares of the budget and of the learning rate that are none.

    Raises:
        BenchError: it names the option.
    """
    optimiser = train.optimiser
    if train.patience is not None and not train.patience <= 1:
        raise BenchError(f"train.patience={train.patience:g}: must be a share of the budget, at most 1, or null")
    if not optimiser.warmup < 1:
        raise BenchError("train.optimiser.warmup must be a share of the budget below 1")
    if not optimiser.final <= 1:
        raise BenchError("train.optimiser.final must be a share of the learning rate, 0 to 1")


def check_sizes(settings: Eval) -> None:
    """Refuses fewer examples than sample metrics can compare.

    Raises:
        BenchError: it names the option.
    """
    for name in ("test_examples", "sample_size"):
        size = getattr(settings, name)
        if size is not None and size < FEWEST:
            raise BenchError(f"eval.{name}={size}: too few to compare samples with; give at least {FEWEST}")


def check_tune(tune: Tune) -> None:
    """Refuses settings that there are not, and a knob without values.

    Raises:
        BenchError: it names the option.
    """
    if not tune.settings:
        raise BenchError(f"tune.settings: an empty list runs nothing; give {DEFAULT}, {TUNED} or both")
    for setting in tune.settings:
        if setting not in (DEFAULT, TUNED):
            raise unknown("setting", setting, (DEFAULT, TUNED), "tune.settings")
    if tune.setting not in (DEFAULT, TUNED, TRIAL, BOTH):
        raise unknown("setting", tune.setting, (DEFAULT, TUNED, TRIAL), "tune.setting")
    if len(tune.knob or {}) > 1:
        raise BenchError(f"tuning.knob: {', '.join(tune.knob or {})}: an entry has one knob; take one of them")


def take_declared(config: Config) -> None:
    """Takes what the model's YAML declares of tuning out of the entry's own options: its knob.

    Raises:
        BenchError: it declares something else.
    """
    declared = config.model.pop("tuning", None) or {}
    where = f"conf/model/{config.model.get('name')}.yaml: tuning"
    for name in declared:
        if name not in DECLARED:
            raise unknown("option", str(name), DECLARED, where)
    knob = declared.get("knob", config.tune.knob)
    lists = isinstance(knob, dict) and all(isinstance(values, list) for values in knob.values())
    if knob is not None and not lists:
        raise BenchError(f"{where}.knob: give one option and a list of values, such as {{input_gain: [1.0, 2.0, 4.0]}}")
    config.tune.knob = knob


def place_trial(config: Config) -> None:
    """Puts the results of a trial into the folder of its study, in `tuning`; those of any other run stay."""
    if config.tune.setting == TRIAL:
        config.results_dir, config.study = f"{config.results_dir}/{config.study}", TUNING


TUNING = "tuning"
"""In a study's folder: the folder of its trials."""


def check_names(config: Config) -> None:
    """Refuses a model or data set that names no class or function, and names that cannot be a folder's.

    Raises:
        BenchError: it names the YAML.
    """
    for group_name in ("model", "data"):
        group = getattr(config, group_name)
        if "_target_" not in group:
            raise BenchError(f"conf/{group_name}: the YAML has no _target_; name the class or function it stands for")
        if "name" not in group:
            raise BenchError(f"conf/{group_name}: the YAML of {group['_target_']} has no name; give it the file's own")
        check_folder_name(f"{group_name}.name", str(group["name"]))
    check_folder_name("study", config.study)


def check_folder_name(option: str, name: str) -> None:
    """Refuses what cannot be (part of) the name of a folder."""
    if "/" in name or name in {"", ".", ".."}:
        raise BenchError(f"{option}: '{name}' is not a folder name; use letters, digits, - and _")


def check_sign(name: str, value: Any) -> None:
    """Refuses a number that is negative, or zero where zero means nothing."""
    numbers = value if isinstance(value, list) else [value]
    zero = name.rpartition(".")[2] in MAY_BE_ZERO
    for number in numbers:
        if (
            isinstance(number, (int, float))
            and not isinstance(number, bool)
            and not (number >= 0 if zero else number > 0)
        ):
            raise BenchError(f"{name}={number}: must be {'zero or more' if zero else 'more than zero'}")
