"""`bench.load`: a stored run with its weights, held against its own stored likelihood before it is given out."""

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.stored_space import TENSORS, StoredSpace, read_space
from bench.errors import BenchError, NotApplicable, one_line
from bench.machine.device import chosen_device
from bench.metrics.reference_rows import ROWS, farthest, reference_of, reference_rows
from bench.models.entry import Entry, HasLogWeights
from bench.record.provenance import git_commit, version_of
from bench.record.reading import (
    ARCHIVE_BYTES,
    Unreadable,
    arrays_of,
    opened,
)
from bench.record.store import Record
from bench.setup import build
from bench.training.stored_weights import without_grid
from bench.use.loaded import LoadedRun
from bench.use.own_code import make_importable
from bench.use.places import WEIGHTS, run_folder
from bench.use.rebuilt import check_functions, rebuilt
from bench.use.stored_words import config_of, record_of
from bench.use.units import the_space, to_columns

LIKELIHOODS = "likelihoods.npz"
FLOAT32 = 1e-5
"""By how much the mean of values that were kept in float32 may differ."""


def warn(line: str) -> None:
    """The line as a Python warning."""
    warnings.warn(line, stacklevel=6)  # of the call of `load`


def load(
    run: str | Path,
    results_dir: str | Path = "results",
    *,
    trust_sources: bool = False,
    device: str = "cpu",
    say: Callable[[str], None] = warn,
) -> LoadedRun:
    """A stored run, ready to sample, score and encode in the user's units.

    Args:
        run: its folder, a .zip of it, its id or the beginning of one, or `STUDY/best/DATA`.
        results_dir: folder of studies, where ids and studies are looked for.
        trust_sources: whether the text of a user's own entry, stored with the run, may be run.
        device: `cpu`, `cuda` or `auto`.
        say: takes a line where the code or a library is of another version than the one that made the run.

    Raises:
        BenchError: there is no such run, it is damaged or has no weights, or this code gives it other likelihoods.
    """
    with run_folder(str(run), Path(results_dir)) as folder:
        return load_folder(folder, str(run), trust_sources, device, say)


def load_folder(folder: Path, name: str, trust_sources: bool, device: str, say: Callable[[str], None]) -> LoadedRun:
    """The run of a folder, called by a name; see `load`.

    Raises:
        BenchError: as `load`.
    """
    try:
        return loaded(folder, name, trust_sources, chosen_device(device), say)
    except Unreadable as error:
        raise BenchError(f"{name}: {error}") from error
    except NotApplicable as reason:
        raise BenchError(f"{name}: {reason}") from reason


def loaded(folder: Path, name: str, trust_sources: bool, device: torch.device, say: Callable[[str], None]) -> LoadedRun:
    """The run of a folder.

    Raises:
        BenchError: its model cannot be built, or gives other likelihoods than it did.
        Unreadable: a file is damaged.
        NotApplicable: an extra is missing.
    """
    record = record_of(folder)
    config = config_of(folder)
    make_importable(config.model["_target_"], folder, trust_sources)
    stored, dataset = read_space(folder), None
    cls = build.entry_class(config)
    options = build.model_options(config, cls)
    if stored is None or stored.space is None:
        check_functions(config, folder)
        dataset = rebuilt(config, record, cls, name, say)
        width = record.get("width") if stored is None else stored.width
        rows = {} if stored is None else stored.reference
        names = dataset.class_names[: dataset.spec.classes]
        stored = StoredSpace(
            dataset.name, dataset.spec, dataset.space, dataset.image_shape, int(width or 1), rows, class_names=names
        )
    check_space(stored)
    entry = build.built(cls, {**options, "width": stored.width}, stored.spec, config.model["name"])
    take_weights(entry, folder)
    entry = entry.to(device).eval().requires_grad_(False)
    run = LoadedRun(
        name=name,
        record=record,
        config=config,
        entry=entry,
        stored=stored,
        device=device,
        test_log_prob=test_log_prob(folder, record),
    )
    hold_against(run, dataset, say)
    if dataset is not None and not stored.reference:
        reference = reference_rows(entry, dataset.to(device), config.eval)
        run = replace(run, stored=replace(stored, reference={name: value.cpu() for name, value in reference.items()}))
    return run


def check_space(stored: StoredSpace) -> None:
    """Refuses a space of events of another shape, as of another run's file.

    Raises:
        Unreadable: it does not lead one event to the user's units.
    """
    try:
        x = torch.zeros(1, *stored.spec.event_shape)
        log_det = the_space(stored).log_det(x)
        fits = log_det.shape == (1,) and log_det.is_floating_point() and len(to_columns(stored, x)) >= 1
    except Exception as error:  # whatever a space raises on tensors of another run's shapes
        raise Unreadable(f"{TENSORS}: not of events of shape {stored.spec.event_shape} ({one_line(error)})") from error
    if not fits:
        raise Unreadable(f"{TENSORS}: not of events of shape {stored.spec.event_shape}")


def take_weights(entry: Entry, folder: Path) -> None:
    """Loads the stored weights.

    Raises:
        BenchError: they are damaged, or not of this entry's shapes.
    """
    try:
        with opened(folder / WEIGHTS, 2 * ARCHIVE_BYTES) as file:
            weights = without_grid(tensors_of(file.read()))
    except SafetensorError as error:
        raise Unreadable(f"{WEIGHTS}: not whole ({error})") from error
    own = entry.state_dict()
    strange = sorted(own.keys() ^ weights.keys())
    if strange:
        side = "lacks" if strange[0] in own else "holds"
        raise Unreadable(f"{WEIGHTS}: {side} {strange[0]}; the weights are of another entry or version")
    for name, tensor in own.items():
        if tensor.shape != weights[name].shape:
            there, here = tuple(weights[name].shape), tuple(tensor.shape)
            raise Unreadable(f"{WEIGHTS}: {name} has the shape {there}, the entry's has {here}: weights of another run")
        if tensor.dtype != weights[name].dtype:
            raise Unreadable(f"{WEIGHTS}: {name} is {weights[name].dtype}, the entry's is {tensor.dtype}: restore it")
    entry.load_state_dict(weights)


def test_log_prob(folder: Path, record: Record) -> Tensor | None:
    """Stored log-likelihoods of the test examples, float64 in the report space; None where there are none.

    Raises:
        Unreadable: they are damaged, or not those that the row's NLL is the mean of.
    """
    try:
        arrays = arrays_of(folder / LIKELIHOODS)
    except FileNotFoundError:
        return None
    if "log_prob" not in arrays or arrays["log_prob"].ndim != 1 or arrays["log_prob"].dtype.kind != "f":
        raise Unreadable(f"{LIKELIHOODS}: no log_prob of the test examples in it")
    found = torch.from_numpy(arrays["log_prob"]).double()
    nll, examples = record.get("nll_nats"), record.get("nll_examples")
    if nll is None or not len(found) or len(found) > (examples or len(found)):
        raise Unreadable(f"{LIKELIHOODS}: {len(found)} values, where the row has the NLL of {examples} test examples")
    if len(found) == examples and not math.isclose(-float(found.mean()), nll, rel_tol=FLOAT32, abs_tol=FLOAT32):
        raise Unreadable(f"{LIKELIHOODS}: its mean is {-float(found.mean()):.6g}, the row's NLL {nll:.6g}; restore it")
    return found


def hold_against(run: LoadedRun, dataset: Dataset | None, say: Callable[[str], None]) -> None:
    """Measures a few test examples again; a line says so where code or libraries are others than the run's.

    Args:
        run: loaded.
        dataset: made again, for a run that stored no such examples.
        say: takes the line.

    Raises:
        BenchError: this code gives other likelihoods than the run's.
    """
    both = from_stored_rows(run) if dataset is None or run.stored.reference else from_test_rows(run, dataset)
    held = "no likelihood is stored to hold it against"
    if both is not None:
        now, before = both
        row, gap, share = farthest(now, before)
        if not share <= 1:
            raise BenchError(
                f"{run.name}: this code gives test row {row} a log-likelihood of {float(now['log_prob'][row]):.4f} "
                f"nats, the run's own is {float(before['log_prob'][row]):.4f}; {advice(run)}"
            )
        held = f"its stored likelihood is met to {gap:.1g} nats"
    changed = changes(run)
    if changed:
        say(f"{run.name} was made by {changed}; {held}")


Rows = dict[str, Tensor]
ROWS_OF = {"x", "log_prob", "error"}
REAL = {torch.float32, torch.float64}


def from_stored_rows(run: LoadedRun) -> tuple[Rows, Rows] | None:
    """The likelihood of the stored rows now and then; None where there are none.

    Raises:
        BenchError: it is not finite now.
    """
    before = run.stored.reference
    if not before:
        return None
    kinds = {name: rows.dtype for name, rows in before.items()}
    named = kinds.keys() == ROWS_OF and kinds["x"] == torch.float32 and set(kinds.values()) <= REAL
    shapes = {name: tuple(rows.shape) for name, rows in before.items()}
    rows = len(before["x"]) if named and before["x"].ndim else 0
    event = tuple(run.stored.spec.event_shape)
    if not rows or shapes != {"x": (rows, *event), "log_prob": (rows,), "error": (rows,)}:
        raise Unreadable("space.safetensors: its rows are not as the bench writes them")
    now = reference_of(run.entry, before["x"].to(run.device), run.config.eval)
    if not now:
        raise BenchError(f"{run.name}: this code gives no finite likelihood of its stored rows; {advice(run)}")
    return now, before


def from_test_rows(run: LoadedRun, dataset: Dataset) -> tuple[Rows, Rows] | None:
    """The likelihood of the first test rows now and as stored; None where it is random, or none is stored."""
    settings = run.config.eval
    if run.test_log_prob is None or isinstance(run.entry, HasLogWeights) or settings.estimator == "ais":
        return None
    test = dataset.to(run.device).test[: settings.test_examples]
    with torch.no_grad():
        found = run.over_draws_of(test, run.test_stream, rows=ROWS)
    if found is None:
        return None
    before = run.test_log_prob[:ROWS]
    return {"log_prob": found.mean.log_prob, "error": torch.zeros_like(before)}, {
        "log_prob": before,
        "error": torch.zeros_like(before),
    }


def advice(run: LoadedRun) -> str:
    """What to do about another likelihood: take the run's code or, where it is this one, the run's own files."""
    if not changes(run) and installed(str(run.record.get("versions"))):
        return "commit and libraries are the run's own: its weights or its space are another's; restore its folder"
    return f"take the code that made it: commit {run.record.get('git_commit')}, {run.record.get('versions')}"


def installed(told: str) -> bool:
    """True where every library is of the version that a row tells, as in `python=3.11.7 torch=2.13.0+cpu`."""
    try:
        return told == " ".join(
            f"{name}={version_of(name)}" for name in (one.partition("=")[0] for one in told.split())
        )
    except PackageNotFoundError:
        return False


def changes(run: LoadedRun) -> str:
    """What is another version than the run's: the entry, the code or torch, in words; empty where nothing is."""
    record, lines = run.record, []
    if record.get("entry_version") not in (None, run.entry.version):
        lines.append(f"version {record['entry_version']} of the entry, here {run.entry.version}")
    pairs = {
        "commit": (record.get("git_commit"), git_commit()),
        "torch": (record.get("torch_version"), torch.__version__),
    }
    lines += [f"{name} {then}, here {now}" for name, (then, now) in pairs.items() if then != now]
    return ", ".join(lines)
