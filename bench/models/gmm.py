"""A mixture of Gaussians with full covariances, by scikit-learn: the floor above that of one Gaussian."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import BenchError
from bench.laws.mixture import GaussianMixture
from bench.models.entry import Context, Entry, LogProb
from bench.models.gaussian import packed, unpacked
from bench.models.parts.latent_density import expectation_maximisation, shrunk_moments, whitened
from bench.spec import DataSpec


class GMM(Entry):
    """A mixture Σₖ wₖ N(mₖ, Σₖ), fitted to all training examples, each with its noise drawn once.

    There is nothing to train; what counts as parameters are the numbers that are fitted. An iteration costs O(N K D²)
    for N examples, K components and D coordinates: seconds for digits, half an hour for MNIST.
    """

    version = 2  # whitened by shrunk moments, so that it holds with fewer examples than coordinates
    family = "reference"
    fitted = True

    def __init__(self, data: DataSpec, *, width: int) -> None:
        """Builds the mixture, every component N(0, I).

        Args:
            data: what an example is.
            width: number of components.

        Raises:
            BenchError: for fewer components than 1.
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width)
        if width < 1:
            raise BenchError(f"model.width={width} is not a number of Gaussians: give at least 1")
        self.logits = nn.Parameter(torch.zeros(width))
        self.means = nn.Parameter(torch.zeros(width, data.dim))
        self.rows = nn.Parameter(packed(torch.eye(data.dim).repeat(width, 1, 1)))

    @property
    def law(self) -> GaussianMixture:
        """The mixture."""
        return GaussianMixture(torch.softmax(self.logits, 0), self.means, unpacked(self.rows, self.data.dim))

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-log p(x) in nats."""
        return -self.law.log_prob(x.flatten(1))

    def log_prob(self, x: Float[Tensor, "batch *event"], context: Context = None) -> LogProb:
        """The exact log-density in model space."""
        return LogProb(self.law.log_prob(x.flatten(1)), "exact", is_bound=False)

    def sample(self, n: int, context: Context = None) -> Float[Tensor, "n *event"]:
        """Components by their weights, then draws from them."""
        with torch.no_grad():
            return self.law.sample(n).reshape(n, *self.data.event_shape)

    def cluster(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, "batch components"]:
        """Probabilities of the components, given x."""
        return torch.softmax(self.law.by_component(x.flatten(1)), 0).T

    def check_training(self, batch_size: int, finish_examples: int) -> None:
        """Refuses more components than there are examples.

        Raises:
            BenchError: there are more.
        """
        if finish_examples < len(self.logits):
            raise BenchError(
                f"model.width={len(self.logits)}: there are {finish_examples} examples for so many Gaussians; give "
                "at most as many"
            )

    @torch.no_grad()
    def finish(self, x: Float[Tensor, "batch *event"]) -> None:
        """Expectation maximisation from k-means on whitened examples, seeded by torch's generator, then `shrunk`.

        Raises:
            Diverged: the examples are not finite or all the same.
        """
        mean, triangle = shrunk_moments(x.flatten(1))
        weights, means, covariances = expectation_maximisation(whitened(x.flatten(1), mean, triangle), len(self.logits))
        covariances = shrunk(covariances, weights * len(x))
        self.logits.copy_(torch.log(weights))
        # Back from whitened space: m + L μ, and L times the triangle of the component's covariance.
        self.means.copy_(mean + means @ triangle.T)
        self.rows.copy_(packed(triangle @ torch.linalg.cholesky(covariances)))


def shrunk(covariances: Float[Tensor, "k d d"], examples: Float[Tensor, " k"]) -> Float[Tensor, "k d d"]:
    """Covariances in whitened space, drawn towards I / k^(2/d) as by d + 2 examples more.

    That is the prior of Fraley & Raftery (2007, J. Classification 24, section 3): the covariance of all data, divided
    over k components. One with few examples for its coordinates would overfit without bound otherwise: on digits the
    test NLL of ten components is 118 nats without it and 99 with it; on plane toys it changes nothing.
    """
    k, d, _ = covariances.shape
    n = examples[:, None, None]
    prior = k ** (-2 / d) * torch.eye(d).to(covariances)
    posterior: Tensor = (n * covariances + (d + 2) * prior) / (n + d + 2)
    return posterior
