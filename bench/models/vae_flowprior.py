"""A VAE whose prior is a RealNVP flow (Chen et al. 2017, arXiv:1611.02731; Dinh et al. 2017, arXiv:1605.08803)."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from bench.errors import BenchError
from bench.models.parts.latent import GaussianLatentEntry
from bench.models.parts.networks import check_shape
from bench.models.realnvp import CONDITIONER_SIZES, RealNVP
from bench.spec import DataSpec


class FlowPriorVAE(GaussianLatentEntry):
    """A VAE p(x) = ∫ p(x | z) p(z) dz with p(z) a flow, its density exact, trained with the rest on the ELBO."""

    version = 2  # a rate of its own, chosen by trials

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        flow_layers: int = 4,
    ) -> None:
        """Builds encoder, decoder and prior.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers of encoder, decoder and the prior's conditioners, which
                have two of the size of the encoder's last.
            latent_size: dimension of z, at least 2; null takes that of x, and at most 16.
            shape: proportions of the encoder's hidden layers; the decoder mirrors them.
            activation: of encoder and decoder, `relu` or `tanh`.
            flow_layers: couplings of the prior.

        Raises:
            BenchError: for a size or a number of couplings out of range, or an unknown name.
            NotApplicable: for data with a context.
        """
        check_shape(shape)
        own = [shape[-1]] * (CONDITIONER_SIZES * flow_layers)
        super().__init__(data, width=width, latent_size=latent_size, shape=shape, activation=activation, others=own)
        if self.latent_size < 2:
            raise BenchError(
                f"model.latent_size={self.latent_size} leaves the couplings of the prior nothing to condition on: "
                "give at least 2"
            )
        if flow_layers < 1:
            raise BenchError(f"model.flow_layers={flow_layers} is not a number of couplings: give at least 1")
        self.prior = RealNVP(DataSpec((self.latent_size,)), width=sum(self.other_sizes), layers=flow_layers)

    def log_prior(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """log p(z) in nats, exact."""
        return self.prior.log_prob(z.reshape(-1, self.latent_size)).value.reshape(z.shape[:-1])

    def prior_sample(self, n: int) -> Float[Tensor, "n latent"]:
        """`n` draws of z, pushed through the flow."""
        return self.prior.sample(n)
