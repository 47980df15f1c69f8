"""The field and its likelihood in JAX. Imported by `bench.speed.rivals.jax_process` alone.

`dopri5` is what a user of diffrax writes: gates applied to every example, one Rademacher probe by `jax.vjp`, diffrax's
default adjoint (recursive checkpointing). `rk4` is this project's fixed grid and closed-form divergence, unrolled for
XLA as a whole.
"""

from collections.abc import Callable

import diffrax
import jax
import jax.numpy as jnp
from jax import Array

Parameters = dict[str, Array]
BatchLoss = Callable[[Parameters, Array, Array], tuple[Array, Array]]
"""(parameters, x, probe) to the mean loss in nats and the number of evaluations of the field."""


def nll(z: Array, log_det: Array) -> Array:
    """Mean of -log N(z; 0, I) - log det over the batch."""
    return jnp.mean(0.5 * jnp.sum(z * z, 1) + 0.5 * z.shape[1] * jnp.log(2 * jnp.pi) - log_det)


def split(vector: Array, weights: list[Array]) -> list[Array]:
    """One vector of all layers' units, cut layer by layer."""
    sizes = [len(weight) for weight in weights]
    parts: list[Array] = jnp.split(vector, [sizes[0], sizes[0] + sizes[1]])
    return parts


def layers(parameters: Parameters) -> list[tuple[Array, ...]]:
    """Weight, bias, gate slope, gate offset and shift slope of each layer."""
    weights = [parameters[f"weights.{layer}"] for layer in range(3)]
    units = (split(parameters[name], weights) for name in ("bias", "gate_slope", "gate_offset", "shift_slope"))
    return list(zip(weights, *units, strict=True))


def field(parameters: Parameters, t: Array, x: Array) -> Array:
    """f(t, x), gates applied to every example."""
    h = x
    for number, (weight, bias, gate_slope, gate_offset, shift_slope) in enumerate(layers(parameters)):
        h = (jnp.tanh(h) if number else h) @ weight.T + bias
        h = h * jax.nn.sigmoid(gate_slope * t + gate_offset) + shift_slope * t
    return h


def dopri5(tolerance: float) -> BatchLoss:
    """diffrax's dopri5 on the whole batch, one probe through the whole solve."""

    def objective(parameters: Parameters, x: Array, probe: Array) -> tuple[Array, Array]:
        def rate(t: Array, state: tuple[Array, Array], _: None) -> tuple[Array, Array]:
            value, pull = jax.vjp(lambda x: field(parameters, t, x), state[0])
            (vector,) = pull(probe)
            return value, jnp.sum(vector * probe, 1)

        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(rate),
            diffrax.Dopri5(),
            t0=0.0,
            t1=1.0,
            dt0=None,
            y0=(x, jnp.zeros(len(x))),
            stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
        )
        z, log_det = (part[-1] for part in solution.ys)
        # Six new stages a step, one before the first, one more to choose its length.
        return nll(z, log_det), 6 * solution.stats["num_steps"] + 2

    return objective


def field_and_divergence(parameters: Parameters, t: float, x: Array) -> tuple[Array, Array]:
    """f(t, x) and its exact divergence, gates folded into the weights as `bench.ode.perceptron` has it."""
    folded = []
    for weight, bias, gate_slope, gate_offset, shift_slope in layers(parameters):
        gate = jax.nn.sigmoid(gate_slope * t + gate_offset)
        folded.append((gate[:, None] * weight, gate * bias + shift_slope * t))
    (first, bias1), (second, bias2), (third, bias3) = folded
    h1 = jnp.tanh(x @ first.T + bias1)
    h2 = jnp.tanh(h1 @ second.T + bias2)
    pairs = second * (first @ third).T
    return h2 @ third.T + bias3, jnp.sum(((1 - h2 * h2) @ pairs) * (1 - h1 * h1), 1)


def rk4(steps: int) -> BatchLoss:
    """RK4 on a uniform grid with the exact divergence; the probe is not looked at."""
    h = 1 / steps

    def objective(parameters: Parameters, x: Array, probe: Array) -> tuple[Array, Array]:
        log_det = jnp.zeros(len(x))
        for step in range(steps):
            t = step * h
            k1, d1 = field_and_divergence(parameters, t, x)
            k2, d2 = field_and_divergence(parameters, t + h / 2, x + h / 2 * k1)
            k3, d3 = field_and_divergence(parameters, t + h / 2, x + h / 2 * k2)
            k4, d4 = field_and_divergence(parameters, t + h, x + h * k3)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            log_det = log_det + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
        return nll(x, log_det), jnp.asarray(4 * steps)

    return objective
