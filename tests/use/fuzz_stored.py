"""Mutations of what a stored run is loaded from, and of a checkpoint: python -m tests.use.fuzz_stored SECONDS SEED.

A run is loaded and samples, or is refused in one line; a checkpoint is read, or is none. Whatever else happens is a
failure, and the file that brought it about is printed.
"""

import json
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as tensors_of
from safetensors.torch import save

import bench
from bench.errors import BenchError
from bench.training.checkpoint import checksum, load_state, save_state
from tests.helpers import ROOT
from tests.report.fuzz_readers import TEXTS, in_bytes, in_json, pick

RUN = ROOT / "results" / "quick" / "best" / "8gaussians"
FILES = ("config.yaml", "record.json", "space.json", "space.safetensors", "weights.safetensors", "likelihoods.npz")
CHECKPOINT = "checkpoint.safetensors"
SECONDS = 60.0
"""Processor time after which a load counts as hanging."""


def template(folder: Path) -> None:
    """The files of a committed run, and a checkpoint like those of a training."""
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copy(RUN / name, folder)
    weights = tensors_of((RUN / "weights.safetensors").read_bytes())
    state = {"entry": weights, "step": 7, "best": (0.5, None), "random": [torch.arange(5), "text", {"1": True, 2: 3.0}]}
    save_state(folder / CHECKPOINT, state)


def in_tensors(path: Path, rng: np.random.Generator) -> None:
    """A tensor replaced, renamed or left out, or the words beside the tensors changed; their checksum is made right."""
    content = path.read_bytes()
    try:
        tensors, header = tensors_of(content), json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except Exception:
        return
    metadata: dict[str, str] = header.get("__metadata__") or {}
    way = rng.random()
    if tensors and way < 0.6:
        name = pick(sorted(tensors), rng)
        old = tensors[name].clone()
        if old.dtype not in (torch.float32, torch.float64, torch.int64):
            return
        tensors[name if rng.random() < 0.8 else pick(["x", "", "../x", "weight", "0"], rng)] = pick(
            [
                torch.zeros(0), torch.zeros(()), torch.full_like(old, 1) * float("nan"), old.double() * 1e300,
                old.flatten()[:1], old[None], old.bool(), old.to(torch.complex64), old.to(torch.float8_e4m3fn),
                torch.zeros(3, 0, 2), old.to(torch.int64), torch.full((1,), 2**62),
            ],
            rng,
        ).clone(memory_format=torch.contiguous_format)  # fmt: skip
        if rng.random() < 0.2:
            del tensors[name]
    elif metadata:
        key = pick(sorted(metadata), rng)
        metadata[key] = in_bytes(metadata[key].encode(), rng).decode("utf-8", "replace")
        if rng.random() < 0.2:
            metadata[key] = pick(TEXTS, rng).encode("utf-8", "replace").decode()
    if "checksum" in metadata and rng.random() < 0.9:
        metadata["checksum"] = checksum(metadata.get("skeleton", ""), tensors)
    path.write_bytes(save(tensors, metadata=metadata or None))


def mutate(path: Path, rng: np.random.Generator) -> None:
    """Changes a file in one way or several."""
    ways: dict[str, Any] = {".json": in_json, ".yaml": in_json, ".safetensors": in_tensors}
    if path.suffix not in ways or rng.random() < 0.3:
        path.write_bytes(in_bytes(path.read_bytes(), rng))
        return
    for _ in range(int(rng.integers(1, 4))):
        ways[path.suffix](path, rng)


def hold(folder: Path) -> None:
    """Loads the run and reads the checkpoint of a folder.

    Raises:
        AssertionError, or whatever they fail with: the folder does not hold.
    """
    began = time.process_time()
    state = load_state(folder / CHECKPOINT)
    assert state is None or isinstance(state, dict)
    said = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert bench.load(folder).sample(3, seed=0) is not None
    except BenchError as error:
        said = str(error)
    assert said.isprintable(), repr(said)
    assert len(said) < 1_000, said
    assert time.process_time() - began < SECONDS


def case(made: Path, place: Path, seed: int) -> None:
    """A copy of `made` under `place`, one or two of its files mutated, held to its rules."""
    rng = np.random.default_rng(seed)
    folder = shutil.copytree(made, place / "run")
    for name in rng.choice([*FILES, CHECKPOINT, CHECKPOINT], int(rng.integers(1, 3)), replace=False):
        mutate(folder / str(name), rng)
    hold(folder)
    assert [path.name for path in place.iterdir()] == ["run"]


def main(seconds: float, seed: int) -> int:
    """Runs cases until the time is over; the number of kinds that failed."""
    failures: dict[str, int] = {}
    began, count = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "made"
        template(made)
        while time.monotonic() - began < seconds:
            place = Path(scratch) / "case"
            try:
                case(made, place, seed + count)
            except Exception:
                lines = traceback.format_exc().splitlines()
                key = "\n".join(lines[-4:])
                if key not in failures:
                    print(f"seed {seed + count}:", *map(ascii, lines[-14:]), sep="\n", flush=True)
                failures[key] = failures.get(key, 0) + 1
            shutil.rmtree(place, ignore_errors=True)
            count += 1
    print(f"{count} cases, {sum(failures.values())} failures of {len(failures)} kinds")
    return len(failures)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2])))
