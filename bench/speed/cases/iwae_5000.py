"""Seconds and memory of IWAE-5000 on MNIST's 10,000 test pictures."""

import statistics

import torch

from bench.config import Config
from bench.metrics.compute import PeakMemory, count_flops
from bench.metrics.likelihood import estimate
from bench.setup import build
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Effort, interleave
from bench.speed.loops import endless
from bench.speed.pixels import pixels

CASE = "iwae-5000"
TARGET = Target(600)
PICTURES = 10_000
SUBSET = 100
"""Pictures that are timed, drawn at random from the test split: each of them costs the same."""

OURS = [
    *("model=vae", "data=mnist_binary", "budget.parameters=null", "eval.importance_samples=5000"),
    *("model.width=800", "model.latent_size=50", "model.activation=tanh"),
]
"""The model of one stochastic layer of Burda et al. (2016): 784-200-200-50-200-200-784."""


def iwae_5000(device: torch.device, effort: Effort) -> list[Figure]:
    """Two figures: seconds of the whole test split, and the memory that it takes."""
    return seconds_and_memory(endless(OURS), SUBSET, device, effort)


def seconds_and_memory(config: Config, subset: int, device: torch.device, effort: Effort) -> list[Figure]:
    """The likelihood of `subset` test pictures as a run evaluates it, its seconds extrapolated to all.

    The weights are a new entry's: no operation's cost depends on them. Memory is the most that was in use, less what
    was in use before the first call; on a CPU, by the whole process. `eval.batch_rows` bounds it, however many pictures
    and samples there are.
    """
    settings = config.eval
    dataset, source = pixels(config, subset)
    torch.manual_seed(0)
    entry = build.entry_of_width(config, dataset.spec, None).to(device)
    chosen = torch.randperm(len(dataset.test), generator=torch.Generator().manual_seed(0))[:subset]
    x = dataset.fixed(dataset.test[chosen], seed=0).to(device)

    def evaluate() -> None:
        estimate(entry, x, importance_samples=settings.importance_samples, batch_rows=settings.batch_rows)

    peak = PeakMemory(device)
    before = peak.read_bytes()
    seconds = [each * PICTURES / len(x) for each in interleave([evaluate], device, effort)[0]]
    after = peak.read_bytes()
    flops = count_flops(evaluate) * PICTURES / len(x)
    name = f"IWAE-{settings.importance_samples} of {PICTURES} pictures"
    how = f"{source}, eval.batch_rows={settings.batch_rows}"
    spread = f"{min(seconds):.0f} to {max(seconds):.0f} s over {len(seconds)} rounds"
    note = f"{how}; extrapolated from {len(x)} random test pictures, {spread}"
    megabytes = None if before is None or after is None else (after - before) / 1e6
    unknown = "" if megabytes is not None else "; this system tells no process how much it holds"
    return [
        Figure(CASE, name, "s", statistics.median(seconds), target=TARGET, note=note, flops=flops),
        Figure(CASE, f"{name}: memory", "MB", megabytes, note=how + unknown),
    ]
