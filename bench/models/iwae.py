"""The importance-weighted autoencoder (Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519)."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from bench.errors import unknown
from bench.laws.gaussian import DiagonalGaussian
from bench.models.entry import Context
from bench.models.parts.elbo import check_samples
from bench.models.parts.importance import iwae
from bench.models.parts.latent import Coders, GaussianLatentEntry
from bench.spec import DataSpec

GRADIENTS = ("standard", "dreg")


class IWAE(GaussianLatentEntry):
    """A VAE with a diagonal Gaussian posterior, trained on the k-sample bound in place of the ELBO."""

    version = 2  # a rate of its own, chosen by trials
    compiled_with = "model.gradient=standard"

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        samples: int = 5,
        gradient: Literal["standard", "dreg"] = "standard",
        coders: Coders = "perceptron",
    ) -> None:
        """Builds encoder and decoder.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers of encoder and decoder.
            latent_size: dimension of z; null takes that of x, and at most 16.
            shape: proportions of the encoder's hidden layers; the decoder mirrors them.
            activation: `relu` or `tanh`.
            samples: k of the training bound.
            gradient: estimator of the encoder's gradient, `standard` or `dreg`: the same in expectation, but the second
                with less variance, and a signal that does not fade as k grows.
            coders: `perceptron`, or `conv` for the convolutional ones of `vae_conv`; `shape` then shares out channels.

        Raises:
            BenchError: for a size or a number of samples out of range, or an unknown name.
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width, latent_size=latent_size, shape=shape, activation=activation, coders=coders)
        check_samples(samples)
        if gradient not in GRADIENTS:
            raise unknown("gradient", gradient, GRADIENTS, "model.gradient")
        self.samples, self.gradient = samples, gradient

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """Minus the k-sample bound in nats, -log (Σ w_i / k) (equation 8); its gradient is the chosen estimator."""
        weights = self._doubly_reparameterised(x) if self.gradient == "dreg" else self.log_weights(x, self.samples)
        return -iwae(weights).value

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`works` with the standard gradient; the hook on z of `dreg` breaks the graph."""
        return "works" if self.gradient == "standard" else "no"

    def _doubly_reparameterised(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, "samples batch"]:
        """Log weights through which a bound's gradient is DReG (Tucker et al. 2018, arXiv:1810.04152).

        With v_i = w_i / Σ w_j, the decoder gets Σ v_i ∂ log w_i as ever, and the encoder Σ v_i² ∂ log w_i/∂z_i through
        z_i alone: q's parameters are held fixed in its density, and the v_i that comes down to z_i is squared.
        """
        law: DiagonalGaussian = self.encoder(x.flatten(1))
        z, _ = law.draw(self.samples)
        log_weights = self.decoder.log_prob(x.flatten(1), z) + self.log_prior(z) - law.detached().log_prob(z)
        if z.requires_grad:
            shares = torch.softmax(log_weights.detach(), 0).unsqueeze(-1)
            z.register_hook(lambda gradient: gradient * shares)  # type: ignore[no-untyped-call]
        return log_weights
