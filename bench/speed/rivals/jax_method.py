"""A method whose steps a JAX process takes; nothing of JAX is imported here."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from bench.speed.cnf_problem import Size, Weights
from bench.speed.ladder.fixed_grid import rademacher
from bench.speed.method import Work
from bench.speed.rivals.messages import Arrays, receive, send

MODULE = "bench.speed.rivals.jax_process"


class ProcessEnded(Exception):
    """The JAX process is gone; the message is the last that it wrote."""


class JaxMethod:
    """Steps of `dopri5` or `rk4` of `bench.speed.rivals.jax_cnf`.

    Attributes:
        gradient: that of the last `loss`, by parameter.
    """

    def __init__(self, name: str, size: Size) -> None:
        """Starts the process, on as many processors as torch has threads.

        Raises:
            ProcessEnded: it could not start, or JAX has no such device.
        """
        setting = size.setting
        self.name, self.steps, self.width = name, setting.steps, setting.width
        self.device, self.dim = size.device, size.dim
        self.gradient: Weights = {}
        platform = {"cuda": "gpu"}.get(size.device.type, size.device.type)
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=process_environment(platform, torch.get_num_threads()),
            preexec_fn=confined(torch.get_num_threads()) if platform == "cpu" else None,
        )
        try:
            head, _ = self.ask(
                method=name,
                steps=setting.steps,
                tolerance=setting.tolerance,
                learning_rate=setting.optimiser.learning_rate,
                clip_norm=setting.optimiser.clip_norm,
            )
            if head["platform"] != platform:
                raise ProcessEnded(f"JAX found no {platform}, only {head['platform']}")
        except ProcessEnded:
            self.close()
            raise

    def load(self, weights: Weights, seed: int) -> None:
        """Keeps the weights to begin from, and the seed of all later probes."""
        self.ask(arrays={name: value.cpu().numpy() for name, value in weights.items()}, do="load", seed=seed)

    def take(self, batches: Float[Tensor, "n batch dim"]) -> None:
        """Keeps the batches to run through."""
        self.first = batches[0]
        self.ask(arrays={"batches": batches.cpu().numpy()}, do="take")

    def begin(self) -> None:
        """Goes back to the loaded weights, with the optimiser's memory empty."""
        self.ask(do="begin")

    def run(self) -> None:
        """One optimisation step on each batch taken."""
        self.ask(do="run")

    def weights(self) -> Weights:
        """The field's parameters now."""
        return self.tensors(self.ask(do="weights")[1])

    def loss(self, x: Float[Tensor, "batch dim"]) -> float:
        """Mean loss in nats; the probe is drawn here."""
        head, arrays = self.ask(arrays={"x": x.cpu().numpy(), "probe": rademacher(x).cpu().numpy()}, do="loss")
        self.evaluations = int(head["evaluations"])
        self.gradient = self.tensors(arrays)
        return float(head["loss"])

    def compile(self) -> float | None:
        """Seconds of tracing and compiling the step."""
        return float(self.ask(do="compile")[0]["seconds"])

    def work(self) -> Work:
        """Matrix products as `flops` has them, evaluations as JAX counts them; those of a solve back are not known."""
        self.loss(self.first)
        times = 2 * self.steps + 1 if self.name == "rk4" else None
        return Work(flops(self.evaluations, len(self.first), self.dim, self.width, times), self.evaluations)

    def close(self) -> None:
        """Ends the process."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.log.close()

    def tensors(self, arrays: Arrays) -> Weights:
        """The arrays as tensors on the device of the comparison."""
        return {name: torch.from_numpy(value.copy()).to(self.device) for name, value in arrays.items()}

    def ask(self, arrays: Arrays | None = None, **head: Any) -> tuple[dict[str, Any], Arrays]:
        """Sends one message and waits for the answer.

        Raises:
            ProcessEnded: there is none.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            send(self.process.stdin, head, arrays)
            return receive(self.process.stdout)
        except (EOFError, BrokenPipeError) as error:
            self.log.seek(0)
            lines = self.log.read().decode(errors="replace").strip().splitlines()
            raise ProcessEnded(lines[-1] if lines else f"{MODULE} ended without a word") from error


def flops(evaluations: int, batch: int, dim: int, width: int, exact_times: int | None) -> float:
    """Floating-point operations of so many evaluations of the field and its divergence, and of their gradient.

    A product of `(batch, k)` with k x l weights is 2 batch k l, its gradient twice that. The field has three products.
    A probe's product with the Jacobian has three more; the exact trace has one, and one of weights alone at each of
    `exact_times` different times. What is computed again for a gradient is not counted.
    """
    first, second = width - width // 2, width // 2
    field = dim * first + first * second + second * dim
    if exact_times is None:
        return 6.0 * evaluations * batch * 2 * field
    return 6.0 * (evaluations * batch * (field + first * second) + exact_times * first * dim * second)


def process_environment(platform: str, threads: int) -> dict[str, str]:
    """The process's environment: this package importable, one platform, one thread where only one is wanted.

    JAX takes memory as it needs it: it would hold three quarters of a GPU that torch works on too.
    """
    package = str(Path(__file__).parents[3])
    flags = os.environ.get("XLA_FLAGS", "")
    if platform == "cpu" and threads == 1:
        flags += " --xla_cpu_multi_thread_eigen=false"
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", ""))))
    return {
        **os.environ,
        "PYTHONPATH": path,
        "JAX_PLATFORMS": {"gpu": "cuda"}.get(platform, platform),
        "XLA_FLAGS": flags.strip(),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "OMP_NUM_THREADS": str(threads),
    }


def confined(threads: int) -> Any:
    """The first act of a new process: it keeps to so many processors, by which XLA counts its CPU threads."""

    def confine() -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])

    return confine
