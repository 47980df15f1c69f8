"""The solve of a narrow field, all its steps, as one Triton kernel, and its gradient as another.

A stock solver launches some thousand kernels in a step of training. Here one program takes a tile of examples through
every stage of every step; state, slopes and log-determinant stay in registers. Weights are folded, hence others at each
stage: they come from the cache after the first program, and the products read them from shared memory. The formulas
are at the head of `bench.ode.fused`, the order of things is that of `tests.ode.reference_passes`. On the way back
each program adds to a slab of its own in global memory and the slabs are summed in their order: unlike with atomic
additions, the same batch gives the same bits.

Import this only where Triton is installed. With `TRITON_INTERPRET=1`, set before, the kernels run on the CPU.
"""

import math
from typing import Any, no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from bench.ode.kernel_passes import PROGRAMS, TILE, Ends, Passes
from bench.ode.kernel_tables import PlanTables, plan_tables
from bench.ode.perceptron import ACTIVATIONS, Activation, Folded
from bench.ode.plan import SolvePlan
from bench.ode.triton_blocks import activated, add_product, add_sum, product, vector

WARPS = 8
SLAB_NUMBERS = 2**26
"""Numbers of all slabs together, 256 MiB: a plan of many times gets fewer programs."""


@triton.jit
@no_type_check
def solve_forward(
    x_pointer,
    end_pointer,
    log_det_pointer,
    states_pointer,
    at_pointer,
    rows_pointer,
    weights_pointer,
    first,
    second,
    third,
    bias1,
    bias2,
    bias3,
    pairs,
    batch,
    steps,
    stages,
    dim,
    width1,
    width2,
    TILE: tl.constexpr,
    SLOPES: tl.constexpr,
    DIM: tl.constexpr,
    WIDTH1: tl.constexpr,
    WIDTH2: tl.constexpr,
    ACTIVATION: tl.constexpr,
    KEEP: tl.constexpr,
):
    """One tile from its start to its end. `rows_pointer` has SLOPES coefficients an evaluation."""
    example = tl.program_id(0) * TILE + tl.arange(0, TILE)
    column = tl.arange(0, DIM)
    inside = (example < batch)[:, None] & (column < dim)[None, :]
    spots = example[:, None] * dim + column[None, :]
    state_size = tl.cast(batch, tl.int64) * dim
    # All slopes are one tensor: registers cannot be indexed by a stage, a number known when the kernel runs. Sums with
    # a row of coefficients read it and a mask writes it.
    index = tl.arange(0, SLOPES)
    x = tl.load(x_pointer + spots, mask=inside, other=0.0)
    log_det = tl.zeros((TILE,), tl.float32)
    for step in range(steps):
        end = x
        slopes = tl.zeros((SLOPES, TILE, DIM), tl.float32)
        for stage in range(stages):
            evaluation = step * stages + stage
            n = tl.load(at_pointer + evaluation)
            weight = tl.load(weights_pointer + evaluation)
            # Coefficients are in units of time, h already in them, and 0 for this stage and all behind it.
            row = tl.load(rows_pointer + evaluation * SLOPES + index)
            y = x + tl.sum(row[:, None, None] * slopes, 0)
            if KEEP:
                tl.store(states_pointer + evaluation * state_size + spots, y, mask=inside)

            v1 = first + n * width1 * dim
            v2 = second + n * width2 * width1
            v3 = third + n * dim * width2
            m = pairs + n * width2 * width1
            # Examples are rows here: y V1ᵀ, the transpose by strides of 1 and dim.
            a1 = product(y, v1, dim, width1, 1, dim, WIDTH1) + vector(bias1 + n * width1, width1, WIDTH1)
            h1, d1, _ = activated(a1, ACTIVATION)
            a2 = product(h1, v2, width1, width2, 1, width1, WIDTH2) + vector(bias2 + n * width2, width2, WIDTH2)
            h2, d2, _ = activated(a2, ACTIVATION)
            value = product(h2, v3, width2, dim, 1, width2, DIM) + vector(bias3 + n * dim, dim, DIM)
            # A padded unit has s'(0) > 0. The zeros that M is padded with keep it out of q, those of V2 and V3 out of
            # the value.
            q = product(d2, m, width2, width1, width1, 1, WIDTH1)

            end += weight * value
            log_det += weight * tl.sum(q * d1, 1)
            slopes = tl.where((index == stage)[:, None, None], value[None, :, :], slopes)
        x = end
    tl.store(end_pointer + spots, x, mask=inside)
    tl.store(log_det_pointer + example, log_det, mask=example < batch)


@triton.jit
@no_type_check
def solve_backward(
    x_bar_pointer,
    log_det_bar_pointer,
    start_bar_pointer,
    slabs_pointer,
    states_pointer,
    at_pointer,
    rows_pointer,
    weights_pointer,
    first,
    second,
    third,
    bias1,
    bias2,
    bias3,
    pairs,
    slab_size,
    batch,
    steps,
    stages,
    dim,
    width1,
    width2,
    TILE: tl.constexpr,
    SLOPES: tl.constexpr,
    DIM: tl.constexpr,
    WIDTH1: tl.constexpr,
    WIDTH2: tl.constexpr,
    ACTIVATION: tl.constexpr,
):
    """Every tile that falls to this program, from its end to its start. A slab holds Folded, padded, for each time."""
    program = tl.program_id(0)
    column = tl.arange(0, DIM)
    state_size = tl.cast(batch, tl.int64) * dim
    index = tl.arange(0, SLOPES)
    part_size: tl.constexpr = 2 * WIDTH2 * WIDTH1 + (WIDTH1 + WIDTH2) * (DIM + 1) + DIM
    for tile in range(program, tl.cdiv(batch, TILE), tl.num_programs(0)):
        example = tile * TILE + tl.arange(0, TILE)
        inside = (example < batch)[:, None] & (column < dim)[None, :]
        spots = example[:, None] * dim + column[None, :]
        x_bar = tl.load(x_bar_pointer + spots, mask=inside, other=0.0)
        # Rows beyond the batch get gradients of 0, and so add nothing to the slab.
        log_det_bar = tl.load(log_det_bar_pointer + example, mask=example < batch, other=0.0)[:, None]
        for step_back in range(steps):
            # x_bar stays that of the step's end, which every stage's slope needs; start_bar gathers that of its start.
            start_bar = x_bar
            slope_bars = tl.zeros((SLOPES, TILE, DIM), tl.float32)
            for stage_back in range(stages):
                stage = stages - 1 - stage_back
                evaluation = (steps - 1 - step_back) * stages + stage
                n = tl.load(at_pointer + evaluation)
                weight = tl.load(weights_pointer + evaluation)
                row = tl.load(rows_pointer + evaluation * SLOPES + index)
                y = tl.load(states_pointer + evaluation * state_size + spots, mask=inside, other=0.0)

                v1 = first + n * width1 * dim
                v2 = second + n * width2 * width1
                v3 = third + n * dim * width2
                m = pairs + n * width2 * width1
                a1 = product(y, v1, dim, width1, 1, dim, WIDTH1) + vector(bias1 + n * width1, width1, WIDTH1)
                h1, d1, bend1 = activated(a1, ACTIVATION)
                a2 = product(h1, v2, width1, width2, 1, width1, WIDTH2) + vector(bias2 + n * width2, width2, WIDTH2)
                h2, d2, bend2 = activated(a2, ACTIVATION)

                rate_bar = weight * log_det_bar
                d1_bar = rate_bar * d1
                value_bar = weight * x_bar + tl.sum(tl.where((index == stage)[:, None, None], slope_bars, 0.0), 0)
                a2_bar = bend2 * product(d1_bar, m, width1, width2, 1, width1, WIDTH2)
                a2_bar = d2 * (a2_bar + product(value_bar, v3, dim, width2, width2, 1, WIDTH2))
                a1_bar = bend1 * rate_bar * product(d2, m, width2, width1, width1, 1, WIDTH1)
                a1_bar = d1 * (a1_bar + product(a2_bar, v2, width2, width1, width1, 1, WIDTH1))
                y_bar = product(a1_bar, v1, width1, dim, dim, 1, DIM)
                start_bar += y_bar
                slope_bars += row[:, None, None] * y_bar[None, :, :]

                slab = slabs_pointer + tl.cast(program, tl.int64) * slab_size + n * part_size
                add_product(slab, a1_bar, y)
                slab += WIDTH1 * DIM
                add_product(slab, a2_bar, h1)
                slab += WIDTH2 * WIDTH1
                add_product(slab, value_bar, h2)
                slab += DIM * WIDTH2
                add_sum(slab, a1_bar)
                slab += WIDTH1
                add_sum(slab, a2_bar)
                slab += WIDTH2
                add_sum(slab, value_bar)
                slab += DIM
                add_product(slab, d2, d1_bar)
                tl.debug_barrier()  # another thread may read next what this one has written
            x_bar = start_bar
        tl.store(start_bar_pointer + spots, x_bar, mask=inside)


def _forward(x: Tensor, plan: SolvePlan, activation: Activation, folded: Folded, keep: bool) -> Ends:
    batch, dim = x.shape
    tables = plan_tables(plan, x.device)
    end, log_det = torch.empty_like(x), x.new_empty(batch)
    states = x.new_empty(len(tables.at) if keep else 0, batch, dim)
    with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]
        solve_forward[(triton.cdiv(batch, TILE),)](
            *(x, end, log_det, states, *tables, *folded),
            *(batch, *_sizes(plan, folded)),
            **_constants(tables, folded, activation),
            KEEP=keep,
        )
    return Ends(end, log_det, states)


def _backward(
    x_bar: Tensor, log_det_bar: Tensor, states: Tensor, plan: SolvePlan, activation: Activation, folded: Folded
) -> tuple[Tensor, Folded]:
    batch = len(x_bar)
    tables = plan_tables(plan, x_bar.device)
    shapes = [tuple(map(_padded, part.shape[1:])) for part in folded]
    sizes = [math.prod(shape) for shape in shapes]
    times = len(folded.first)
    slab_size = times * sum(sizes)
    programs = min(triton.cdiv(batch, TILE), PROGRAMS, max(1, SLAB_NUMBERS // slab_size))
    slabs = x_bar.new_zeros(programs, times, sum(sizes))
    start_bar = torch.empty_like(x_bar)
    with torch.cuda.device_of(x_bar):  # type: ignore[no-untyped-call]
        solve_backward[(programs,)](
            *(x_bar, log_det_bar, start_bar, slabs, states, *tables, *folded),
            *(slab_size, batch, *_sizes(plan, folded)),
            **_constants(tables, folded, activation),
        )
    # Cut to its size, a gradient loses its padding, which is not 0 for the pairs of padded units.
    blocks = torch.split(slabs.sum(0), sizes, 1)  # type: ignore[no-untyped-call]
    gradients = [
        block.reshape(-1, *shape)[tuple(slice(size) for size in part.shape)]
        for block, shape, part in zip(blocks, shapes, folded, strict=True)
    ]
    return start_bar, Folded(*gradients)


KERNELS = Passes(_forward, _backward)
"""The passes as one launch each, for contiguous float32 tensors on a CUDA device."""


def _sizes(plan: SolvePlan, folded: Folded) -> tuple[int, int, int, int, int]:
    _, width1, dim = folded.first.shape
    return len(plan.lengths), len(plan.pattern.stages), dim, width1, folded.second.shape[1]


def _constants(tables: PlanTables, folded: Folded, activation: Activation) -> dict[str, Any]:
    _, width1, dim = map(_padded, folded.first.shape)
    return {
        "TILE": TILE,
        "SLOPES": tables.rows.shape[-1],
        "DIM": dim,
        "WIDTH1": width1,
        "WIDTH2": _padded(folded.second.shape[1]),
        "ACTIVATION": next(name for name, known in ACTIVATIONS.items() if known is activation),
        "num_warps": WARPS,
        "num_stages": 1,
    }


def _padded(size: int) -> int:
    """The power of two that a matrix of this size is padded to; `tl.dot` takes none below 16."""
    return max(16, 1 << (size - 1).bit_length())
