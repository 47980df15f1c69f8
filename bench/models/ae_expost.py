"""An autoencoder whose density of codes is fitted afterwards (Ghosh et al. 2020, arXiv:1903.12436)."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from bench.config import Optimiser
from bench.errors import BenchError, unknown
from bench.models.ae import AE
from bench.models.optimise import GradientStep, Trainer
from bench.models.parts.latent_density import FlowDensity, KernelDensity, LatentDensity, MixtureDensity
from bench.models.realnvp import RealNVP
from bench.spec import DataSpec

FLOW_SHARE = 4
"""A fourth of the hidden units is the flow's."""

USUAL_COMPONENTS = 10


class Sizes(NamedTuple):
    """Sizes of a density of codes.

    Attributes:
        latent: coordinates of a code.
        components: Gaussians of the mixture.
        flow_width, flow_layers: hidden units and couplings of the flow.
    """

    latent: int
    components: int
    flow_width: int
    flow_layers: int


DENSITIES: dict[str, Callable[[Sizes], LatentDensity]] = {
    "gaussian": lambda sizes: MixtureDensity(sizes.latent, 1),
    "mixture": lambda sizes: MixtureDensity(sizes.latent, sizes.components),
    "kde": lambda sizes: KernelDensity(sizes.latent),
    "flow": lambda sizes: FlowDensity(sizes.latent, sizes.flow_width, sizes.flow_layers),
}


class AEExPost(AE):
    """The deterministic autoencoder with a prior that is fitted to its codes and no part of its training.

    `finish` fits it; a flow, which learns by steps and whose parameters count in the budget, learns in each step from
    the codes that the autoencoder has by then, and no gradient of it reaches the autoencoder.
    """

    density: LatentDensity

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        noise_scale: float | None = None,
        density: Literal["gaussian", "mixture", "kde", "flow"] = "mixture",
        components: int | None = None,
        flow_layers: int = 4,
    ) -> None:
        """Builds encoder, decoder and the density of codes.

        Args:
            data: what an example is.
            width: hidden units in all, a fourth of them the flow's where there is one.
            latent_size: dimension of z; null takes that of x, and at most 16.
            shape: proportions of the encoder's hidden layers; the decoder mirrors them.
            activation: `relu` or `tanh`.
            noise_scale: see `AE`.
            density: `gaussian`, with a full covariance; `mixture` of such; `kde`, a kernel on each of up to 2,000
                codes; `flow`, a RealNVP.
            components: Gaussians of the mixture, null takes 10; null for any other density.
            flow_layers: couplings of the flow.

        Raises:
            BenchError: for a size, a number or a scale out of range, components of no mixture, or an unknown name.
            NotApplicable: for data with a context.
        """
        if density not in DENSITIES:
            raise unknown("density", density, DENSITIES, "model.density")
        if components is not None and density != "mixture":
            raise BenchError(
                f"model.components={components} has no meaning with model.density={density}: leave it null, or take "
                "model.density=mixture"
            )
        flow_width = max(1, width // FLOW_SHARE) if density == "flow" else 0
        super().__init__(
            data,
            width=width - flow_width,
            latent_size=latent_size,
            shape=shape,
            activation=activation,
            noise_scale=noise_scale,
        )
        gaussians = USUAL_COMPONENTS if components is None else components
        self.density = DENSITIES[density](Sizes(self.latent_size, gaussians, flow_width, flow_layers))

    def trainer(self, settings: Optimiser) -> Trainer:
        """The usual gradient step, with one of the flow after it where there is a flow."""
        if isinstance(self.density, FlowDensity):
            return AutoencoderFlowStep(self, self.density.flow, settings)
        return GradientStep(self, settings)

    def check_training(self, batch_size: int, finish_examples: int) -> None:
        """Refuses a mixture of more components than there will be codes to fit.

        Raises:
            BenchError: there are fewer.
        """
        if isinstance(self.density, MixtureDensity):
            self.density.check_codes(finish_examples)

    @torch.no_grad()
    def finish(self, x: Float[Tensor, "batch *event"]) -> None:
        """Fits the noise scale and the density of codes.

        Raises:
            BenchError: there are fewer examples than components.
            Diverged: a residual or a code is NaN or infinite, or all codes are the same.
        """
        super().finish(x)
        self.density.fit(self.encode(x))

    def log_prior(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """log p(z) of the fitted density, in nats."""
        return self.density.log_prob(z.flatten(0, -2)).reshape(z.shape[:-1])

    def prior_sample(self, n: int) -> Float[Tensor, "n latent"]:
        """`n` draws of z from the fitted density."""
        return self.density.sample(n)


class AutoencoderFlowStep:
    """A gradient step of the autoencoder, then one of the flow, by its own Adam, on the codes of the same batch."""

    def __init__(self, entry: AEExPost, flow: RealNVP, settings: Optimiser) -> None:
        self.entry = entry
        self.autoencoder = GradientStep(entry, settings)
        self.flow = GradientStep(flow, settings)

    def step(self, x: Float[Tensor, "batch *event"], progress: float) -> Float[Tensor, ""]:
        """Two forwards, backwards and updates; the autoencoder's mean loss."""
        loss = self.autoencoder.step(x, progress)
        with torch.no_grad():
            z = self.entry.encode(x)
        self.flow.step(z, progress)
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The moments of both."""
        return {"autoencoder": self.autoencoder.state_dict(), "flow": self.flow.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from another pair's moments."""
        self.autoencoder.load_state_dict(state["autoencoder"])
        self.flow.load_state_dict(state["flow"])
