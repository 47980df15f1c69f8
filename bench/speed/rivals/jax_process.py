"""Training steps in JAX, in a process of their own: `python -m bench.speed.rivals.jax_process`.

Reads messages of `bench.speed.rivals.messages` from its input and answers each on its output, until the input ends. JAX
takes as many threads as the process may use processors: whoever starts it decides.
"""

import os
import sys
import time
from typing import IO, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from bench.speed.rivals import jax_cnf
from bench.speed.rivals.messages import Arrays, receive, send

OBJECTIVES = {
    "dopri5": lambda options: jax_cnf.dopri5(options["tolerance"]),
    "rk4": lambda options: jax_cnf.rk4(options["steps"]),
}


class JaxTrainer:
    """One method's state: each public function but `answer` is a command, its arrays and options those of a message."""

    def __init__(self, options: dict[str, Any]) -> None:
        objective = OBJECTIVES[options["method"]](options)
        adam = optax.chain(
            optax.clip_by_global_norm(options["clip_norm"]), optax.adam(options["learning_rate"], eps=1e-8)
        )

        def step(parameters: Any, memory: Any, key: Any, x: Any) -> Any:
            key, draw = jax.random.split(key)
            probe = jax.random.rademacher(draw, x.shape, x.dtype)
            gradient, _ = jax.grad(objective, has_aux=True)(parameters, x, probe)
            updates, memory = adam.update(gradient, memory)
            return optax.apply_updates(parameters, updates), memory, key

        self.step, self.adam = jax.jit(step), adam
        self.value_and_gradient = jax.jit(jax.value_and_grad(objective, has_aux=True))

    def load(self, arrays: Arrays, seed: int) -> tuple[dict[str, Any], Arrays]:
        """Keeps the weights to begin from, and the seed of all later probes."""
        self.start = {name: jnp.asarray(value) for name, value in arrays.items()}
        self.key = jax.random.key(seed)
        return {}, {}

    def take(self, arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        """Keeps the batches to run through."""
        self.batches = [jnp.asarray(x) for x in arrays["batches"]]
        return {}, {}

    def begin(self, arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        """Goes back to the loaded weights, Adam's memory empty."""
        self.parameters, self.memory = self.start, self.adam.init(self.start)
        return {}, {}

    def compile(self, arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        """Compiles the step for the batches taken; traces, lowers and compiles, and says how long that was."""
        began = time.perf_counter()
        lowered = self.step.lower(self.parameters, self.memory, self.key, self.batches[0])
        self.step = lowered.compile()
        return {"seconds": time.perf_counter() - began}, {}

    def run(self, arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        """One step on each batch taken."""
        for x in self.batches:
            self.parameters, self.memory, self.key = self.step(self.parameters, self.memory, self.key, x)
        jax.block_until_ready(self.parameters)
        return {}, {}

    def weights(self, arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        """The parameters now."""
        return {}, {name: np.asarray(value) for name, value in self.parameters.items()}

    def loss(self, arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        """Mean loss of x with this probe, evaluations of the field, and the gradient."""
        (value, evaluations), gradient = self.value_and_gradient(self.parameters, arrays["x"], arrays["probe"])
        head = {"loss": float(value), "evaluations": int(evaluations)}
        return head, {name: np.asarray(part) for name, part in gradient.items()}

    def answer(self, head: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        """The reply to the command named in `head`."""
        options = dict(head)
        reply: tuple[dict[str, Any], Arrays] = getattr(self, options.pop("do"))(arrays, **options)
        return reply


def serve(commands: IO[bytes], answers: IO[bytes]) -> None:
    """Answers messages until there are no more; the first one holds the method and its options."""
    head, _ = receive(commands)
    jax.config.update("jax_default_matmul_precision", "highest")  # a GPU would round to TF32
    trainer = JaxTrainer(head)
    send(answers, {"platform": jax.devices()[0].platform, "version": jax.__version__})
    while True:
        try:
            head, arrays = receive(commands)
        except EOFError:
            return
        send(answers, *trainer.answer(head, arrays))


if __name__ == "__main__":
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no message
    serve(sys.stdin.buffer, output)
