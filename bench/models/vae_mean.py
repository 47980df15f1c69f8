"""A VAE that trains through its posterior's mean: E[z] is decoded in place of averaging over z."""

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from bench.models.entry import Context
from bench.models.vae import VAE
from bench.spec import DataSpec


class VAEMean(VAE):
    """The VAE with log p(x | E[z]) in the place of E[log p(x | z)], the KL divergence kept.

    The objective is no bound on the likelihood, because E[f(z)] ≠ f(E[z]) wherever f is not linear. Nothing but the KL
    divergence holds the posterior's scale, which goes to that of the prior, while the decoder never meets a z away from
    a mean. The likelihood is measured as any VAE's, by importance weights over draws from the posterior, or by annealed
    importance sampling, which needs no posterior. Weights are chosen by the objective: the likelihood is best after the
    first steps, long before what the objective does to the latent shows.
    """

    validated_by = "loss"

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        posterior: Literal["diagonal", "full"] = "diagonal",
        beta: float = 1.0,
        free_bits: float = 0.0,
        kl_warmup: float = 0.0,
    ) -> None:
        """Builds encoder and decoder; see `VAE` for the options.

        Raises:
            BenchError: for a size or a share out of range, or an unknown name.
            NotApplicable: for data with a context.
        """
        super().__init__(
            data,
            width=width,
            latent_size=latent_size,
            shape=shape,
            activation=activation,
            posterior=posterior,
            beta=beta,
            free_bits=free_bits,
            kl_warmup=kl_warmup,
        )

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """KL(q(z | x) || N(0, I)) - log p(x | E[z]) in nats, as weighted; nothing is drawn."""
        posterior = self.posterior(x)
        fit = self.log_likelihood(x, posterior.mean)
        return self.kl_weight * self.kl(posterior) - fit
