"""The rows of the ladder, from FFJORD as published upwards, and other libraries' beside it."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.machine.onednn_products import linear
from bench.models.cnf import CNF
from bench.models.cnf_fast import CNFFast
from bench.models.flow_matching import FlowMatching
from bench.ode.kernel_solve import kernel_refusal
from bench.spec import DataSpec
from bench.speed.cnf_problem import Size
from bench.speed.ladder.fixed_grid import FixedGrid, rademacher
from bench.speed.method import FieldLoss, InProcess, Method
from bench.speed.rivals.ffjord import Published
from bench.speed.rivals.jax_method import JaxMethod

Probe = Callable[[Tensor], Tensor]

EXTRA = "pip install -e '.[speed]'"
OURS = "bench"
"""The library of this project's own rows."""


@dataclass(frozen=True)
class Row:
    """One way to take a training step.

    Attributes:
        key: short, for files and options.
        name: as the table has it.
        library: whose solver it is.
        start: makes the method; its weights are loaded later.
        probe: draws the probe of the divergence as the method does; None for an exact trace.
        likelihood: whether the loss is one.
        needs: modules that must be installed.
        on: types of device that it runs on.
    """

    key: str
    name: str
    library: str
    start: Callable[[Size], Method]
    probe: Probe | None = None
    likelihood: bool = True
    needs: tuple[str, ...] = ()
    on: tuple[str, ...] = ("cpu", "cuda")

    def missing(self, device: torch.device) -> str | None:
        """The reason why the row cannot be timed here; None where nothing is missing. Imports nothing."""
        if device.type not in self.on:
            return f"skipped: it needs --device {' or '.join(self.on)}"
        absent = [module for module in self.needs if importlib.util.find_spec(module) is None]
        if not absent:
            return None
        return f"skipped: {' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not installed; {EXTRA}"


def field_loss(make: Callable[[Size], FieldLoss]) -> Callable[[Size], Method]:
    """The start of a row whose loss is a solver's own."""
    return lambda size: InProcess(make(size).to(size.device), size.setting.optimiser)


def torchdiffeq(solver: str, adjoint: bool) -> Callable[[Size], Method]:
    """`cnf` with its exact trace at the setting's tolerance, or on the setting's grid."""

    def start(size: Size) -> Method:
        setting = size.setting
        entry = CNF(
            flat(size),
            width=setting.width,
            divergence="exact",
            solver=solver,
            rtol=setting.tolerance,
            atol=setting.tolerance,
            step_size=1 / setting.steps if solver == "rk4" else None,
            adjoint=adjoint,
        )
        return InProcess(entry.to(size.device), setting.optimiser)

    return start


def cnf_fast(
    mode: str, kernel: Literal["auto", "pytorch"] = "pytorch", tableau: str = "rk4"
) -> Callable[[Size], Method]:
    """The entry on the setting's grid, its step compiled as `mode` says; with `auto` by its Triton kernels.

    The row is not timed, and says why, where these cannot solve for the setting.
    """

    def start(size: Size) -> Method:
        setting = size.setting
        entry = CNFFast(flat(size), width=setting.width, tableau=tableau, steps=setting.steps, kernel=kernel)
        entry = entry.to(size.device)
        reason = kernel_refusal(entry.field, torch.empty(1, size.dim, device=size.device))
        if kernel == "auto" and reason is not None:
            raise BenchError(f"no Triton kernel: {reason}")
        return InProcess(entry, setting.optimiser, mode)

    return start


def on_chosen_grid(size: Size) -> Method:
    """The entry on a grid that dopri5's error chooses at the setting's tolerance, before anything is timed."""
    tolerance = size.setting.tolerance
    entry = CNFFast(flat(size), width=size.setting.width, rtol=tolerance, atol=tolerance, kernel="pytorch")
    return InProcess(entry.to(size.device), size.setting.optimiser)


def by_default(mode: str) -> Callable[[Size], Method]:
    """The entry as it is without options: the same at its own, wider tolerance; its step compiled as `mode` says."""

    def start(size: Size) -> Method:
        entry = CNFFast(flat(size), width=size.setting.width, kernel="pytorch")
        return InProcess(entry.to(size.device), size.setting.optimiser, mode)

    return start


def flow_matching(mode: str) -> Callable[[Size], Method]:
    """The entry, its step compiled as `mode` says; it needs no solver."""

    def start(size: Size) -> Method:
        entry = FlowMatching(flat(size), width=size.setting.width)
        return InProcess(entry.to(size.device), size.setting.optimiser, mode)

    return start


def zuko(size: Size) -> Method:
    """zuko's continuous flow."""
    from bench.speed.rivals.zuko_cnf import ZukoCNF

    return field_loss(lambda size: ZukoCNF(size.new_field(), size.setting.tolerance))(size)


def torchode(size: Size) -> Method:
    """torchode's solver."""
    from bench.speed.rivals.torchode_cnf import TorchodeCNF

    return field_loss(lambda size: TorchodeCNF(size.new_field(), size.setting.tolerance))(size)


def flat(size: Size) -> DataSpec:
    """Events of one axis, as the batches have them."""
    return DataSpec((size.dim,))


STOCK = Row(
    "ffjord",
    "torchdiffeq dopri5, adjoint, one probe (FFJORD)",
    "torchdiffeq",
    field_loss(lambda size: Published(size.new_field(), size.setting.tolerance)),
    probe=torch.randn_like,
)
"""FFJORD as published, which every other row is compared with."""

BY_HAND = Row("by-hand", "cnf_fast: gradient by hand", OURS, cnf_fast("off"))

ROWS = (
    STOCK,
    Row(
        "ffjord-onednn",
        "the same, its products by oneDNN",
        "torchdiffeq",
        field_loss(lambda size: Published(size.new_field(), size.setting.tolerance, linear)),
        probe=torch.randn_like,
        on=("cpu",),
    ),
    Row("seminorm", "torchdiffeq dopri5, seminorm adjoint, exact trace", "torchdiffeq", torchdiffeq("dopri5", True)),
    Row("backprop", "torchdiffeq dopri5, no adjoint, exact trace", "torchdiffeq", torchdiffeq("dopri5", False)),
    Row("rk4", "torchdiffeq rk4 (3/8 rule) on the grid, exact trace", "torchdiffeq", torchdiffeq("rk4", False)),
    Row(
        "grid-probe",
        "fixed grid, one probe",
        OURS,
        field_loss(lambda size: FixedGrid(size.new_field(), size.setting.steps, probe=True)),
        probe=rademacher,
    ),
    Row(
        "grid-exact",
        "fixed grid, exact trace",
        OURS,
        field_loss(lambda size: FixedGrid(size.new_field(), size.setting.steps, probe=False)),
    ),
    BY_HAND,
    Row("chosen-grid", "cnf_fast: the same, its grid chosen by dopri5", OURS, on_chosen_grid),
    Row("default", "cnf_fast without options: chosen at 1e-3", OURS, by_default("off")),
    Row("default-compiled", "cnf_fast without options, compile=step", OURS, by_default("step")),
    Row("default-graph", "cnf_fast without options, compile=graph", OURS, by_default("graph"), on=("cuda",)),
    Row("compiled", "cnf_fast, compile=step", OURS, cnf_fast("step")),
    Row("compiled-38", "cnf_fast, compile=step, 3/8 rule", OURS, cnf_fast("step", tableau="rk38")),
    Row("graph", "cnf_fast, compile=graph", OURS, cnf_fast("graph"), on=("cuda",)),
    Row("triton", "cnf_fast, a Triton kernel each way", OURS, cnf_fast("off", "auto"), on=("cuda",)),
    Row("triton-graph", "the same, compile=graph", OURS, cnf_fast("graph", "auto"), on=("cuda",)),
    Row("flow-matching", "flow_matching: no solver", OURS, flow_matching("off"), likelihood=False),
    Row("matching-compiled", "flow_matching, compile=step", OURS, flow_matching("step"), likelihood=False),
    Row(
        "matching-graph",
        "flow_matching, compile=graph",
        OURS,
        flow_matching("graph"),
        likelihood=False,
        on=("cuda",),
    ),
    Row("zuko", "zuko CNF, one probe", "zuko", zuko, probe=torch.randn_like, needs=("zuko",)),
    Row("torchode", "torchode dopri5, one probe", "torchode", torchode, probe=torch.randn_like, needs=("torchode",)),
    Row(
        "diffrax",
        "diffrax dopri5, jit, one probe",
        "JAX",
        lambda size: JaxMethod("dopri5", size),
        probe=rademacher,
        needs=("jax", "diffrax", "optax"),
    ),
    Row(
        "jax-rk4",
        "JAX rk4 on the grid, jit, exact trace",
        "JAX",
        lambda size: JaxMethod("rk4", size),
        needs=("jax", "diffrax", "optax"),
    ),
)
