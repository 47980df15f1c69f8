"""Compiling the step of a pack, all its runs at once, by torch.compile or as one CUDA graph."""

import time
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from bench.machine.clock import synchronise
from bench.pack.step import PackedStep
from bench.training.compile_step import check_gradient, compiler_refusals, prepare_compiler, warm_up


def compile_update(step: PackedStep, mode: str, batch: tuple[Tensor, ...]) -> float:
    """Fill the step's slot with its compiled update; its state stays as it is.

    Args:
        step: its slot `update_by` is filled.
        mode: `step` or `graph`.
        batch: stacked examples, and context where there is one, of the size and place of those to come.

    Returns:
        Seconds.

    Raises:
        BenchError: no compiler works here, the update cannot be compiled whole, or its gradient is not the eager one's.
    """
    began = time.perf_counter()
    runs = len(step.states)
    drawn = [torch.zeros(runs, *draw.size, dtype=draw.dtype, device=draw.device) for draw in step.draws]
    rates = torch.ones_like(step.largest)
    scales = (rates, step.largest.new_ones(()), *([] if step.decay is None else [rates]))
    arguments = (step.parameters, step.first, step.second, step.buffers, batch, drawn, scales)
    step.update_by = by_inductor(step, arguments) if mode == "step" else ReplayedPack(step, arguments)
    synchronise(step.parameters.device)
    return time.perf_counter() - began


def by_inductor(step: PackedStep, arguments: tuple[Any, ...]) -> Any:
    """The update compiled by torch.compile for arguments of these shapes.

    Raises:
        BenchError: it cannot be compiled, or its gradient is not the eager one's.
    """
    prepare_compiler()
    compiled = torch.compile(step.update, fullgraph=True, dynamic=False)
    name = f"packed {type(step.trainers[0].entry).__name__}"
    with compiler_refusals(name):
        updated = compiled(*arguments)
    # A step's gradient is what it adds to the first moments: the weights themselves would turn rounding into a step.
    decayed = step.trainers[0].adam.defaults["betas"][0] * step.first
    sizes = [shape.numel() for shape in step.shapes]
    for run, other in zip(updated[1] - decayed, step.update(*arguments)[1] - decayed, strict=True):
        check_gradient(run.split(sizes), other.split(sizes), name)
    return compiled


class ReplayedPack:
    """The update as one CUDA graph, which reads its arguments at the addresses of its capture."""

    def __init__(self, step: PackedStep, arguments: tuple[Any, ...]) -> None:
        """Captures it; the update is a pure function, so that the steps before a capture leave nothing behind."""
        self.arguments = tree_map(torch.clone, arguments)
        warm_up(lambda: step.update(*self.arguments))
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.results = step.update(*self.arguments)

    def __call__(self, *arguments: Any) -> Any:
        """The results of `PackedStep.update`, by a replay."""
        tree_map(lambda place, value: place.copy_(value), self.arguments, arguments)
        self.graph.replay()
        return tree_map(torch.clone, self.results)
