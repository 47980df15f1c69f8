"""A Gaussian kernel density on training rows, its bandwidth by leave-one-out: the floor that copies its data."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import BenchError, Diverged
from bench.laws.kernels import GaussianKernels, squared_distances
from bench.models.entry import Context, Entry, LogProb
from bench.models.gaussian import packed, unpacked
from bench.models.parts.latent_density import shrunk_moments, whitened
from bench.spec import DataSpec

PAIRS = 2**23
"""Most pairs of an example and a kernel that lie in memory at once, 64 MiB."""
LEFT_OUT = 2_000
"""Most rows that are left out in turn; with as many the mean of their log-likelihoods is known well enough."""
SMALLEST, LARGEST = 0.01, 10.0
"""Bandwidths tried, in units of Scott's n^(-1 / (d + 4))."""
TRIED, PASSES = 12, 3
"""Bandwidths a grid, and grids, each between the neighbours of the last one's best: they end within 2 %."""


class KDE(Entry):
    """The mean of Gaussians N(xᵢ, h² Σ) around at most `width` training rows, drawn by the run's seed.

    Σ is the covariance of all training rows, shrunk as that of `gaussian`. h maximises the log-likelihood of rows left
    out in turn (Habbema et al. 1974, Compstat; Silverman 1986, Density Estimation, section 3.4.4). One h serves the
    whole space: where tails are heavy, the far rows ask for more than the middle needs.

    There is nothing to train; what counts as parameters are the numbers that are stored, rows among them: 5 MB for
    20,000 rows of 63 columns. A density costs O(rows D) an example.
    """

    family = "reference"
    fitted = True
    log_shares: Tensor

    def __init__(self, data: DataSpec, *, width: int) -> None:
        """Builds N(0, I).

        Args:
            data: what an example is.
            width: most training rows that carry a kernel.

        Raises:
            BenchError: for fewer kernels than 2, of which none can be left out.
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width)
        if width < 2:
            raise BenchError(f"model.width={width} is too few kernels to leave one out: give at least 2")
        kernels = width if data.examples is None else max(1, min(width, data.examples))
        log_shares = torch.full((kernels,), -math.inf)
        log_shares[0] = 0.0
        self.register_buffer("log_shares", log_shares)
        self.centres = nn.Parameter(torch.zeros(kernels, data.dim))
        self.rows = nn.Parameter(packed(torch.eye(data.dim)))

    @property
    def law(self) -> GaussianKernels:
        """The kernels, in float64: narrow ones far from the middle would lose their distances in float32."""
        triangle = unpacked(self.rows, self.data.dim)
        return GaussianKernels(self.centres.double(), self.log_shares.double(), triangle.double())

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-log p(x) in nats."""
        return -self.log_prob(x).value

    def log_prob(self, x: Float[Tensor, "batch *event"], context: Context = None) -> LogProb:
        """The exact log-density in model space, some examples at a time."""
        law = self.law
        parts = torch.split(x.flatten(1).double(), max(1, PAIRS // len(self.centres)))
        return LogProb(torch.cat([law.log_prob(part) for part in parts]).to(x.dtype), "exact", is_bound=False)

    def sample(self, n: int, context: Context = None) -> Float[Tensor, "n *event"]:
        """Training rows by chance, and the kernel's noise."""
        with torch.no_grad():
            return self.law.sample(n).to(self.centres).reshape(n, *self.data.event_shape)

    @torch.no_grad()
    def finish(self, x: Float[Tensor, "batch *event"]) -> None:
        """Places kernels on rows drawn by torch's generator, and chooses their bandwidth.

        Raises:
            Diverged: the examples are not finite or all the same.
        """
        x = x.flatten(1)
        mean, triangle = shrunk_moments(x)
        centres = x[torch.randperm(len(x))[: len(self.centres)].to(x.device)]
        n = len(centres)
        h = bandwidth(whitened(centres, mean, triangle), copies(centres))
        self.centres.zero_()
        self.centres[:n] = centres
        # Places without a row weigh 0: a buffer keeps its shape.
        self.log_shares.fill_(-math.inf)
        self.log_shares[:n] = -math.log(n)
        self.rows.copy_(packed(h * triangle))


def copies(x: Float[Tensor, "n d"]) -> Tensor:
    """`(n,)` a number for each row, the same for rows that are the same."""
    group: Tensor = torch.unique(x, dim=0, return_inverse=True)[1]
    return group


def bandwidth(z: Float[Tensor, "n d"], group: Tensor) -> float:
    """The bandwidth of kernels on whitened rows that is best for rows left out.

    A row is left out with its copies (`group`): a copy that stayed would be all the likelier the narrower its kernel,
    without bound, and ties would push h to 0. Rows that are nearly copies do so still; `SMALLEST` bounds h for them.

    Raises:
        Diverged: all rows are the same.
    """
    scott = len(z) ** (-1 / (z.shape[1] + 4))
    low, high = SMALLEST * scott, LARGEST * scott
    for _ in range(PASSES):
        tried = torch.logspace(math.log10(low), math.log10(high), TRIED, dtype=torch.float64)
        best = int(left_out(z, group, tried).argmax())
        low, high = float(tried[max(best - 1, 0)]), float(tried[min(best + 1, TRIED - 1)])
    return float(tried[best])


def left_out(z: Float[Tensor, "n d"], group: Tensor, tried: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
    """The mean log-likelihood of the first `LEFT_OUT` rows, each under the kernels of all rows but it and its copies.

    Args:
        z: whitened rows, in random order.
        group: as `copies` gives it.
        tried: bandwidths.

    Raises:
        Diverged: all rows are the same.
    """
    n, dim = z.shape
    left = n - torch.bincount(group)[group]
    if not bool((left > 0).any()):
        raise Diverged(f"the bandwidth of {n} kernels cannot be fitted: their rows are all the same")
    total, rows = torch.zeros(len(tried), dtype=torch.float64), torch.arange(min(n, LEFT_OUT), device=z.device)
    for part in torch.split(rows[left[: len(rows)] > 0], max(1, PAIRS // n)):
        squares = squared_distances(z[part], z)
        squares[group[part][:, None] == group] = math.inf
        halves, weights = 0.5 * squares.float(), torch.log(left[part].double())
        for number, h in enumerate(tried.tolist()):
            exponents = -halves / h**2
            most = exponents.amax(1, keepdim=True)
            # e^-80 of the nearest kernel changes no digit; smaller numbers are not normal and take ten times as long.
            others = torch.log((exponents - most).clamp_(min=-80).exp_().sum(1)).double()
            total[number] += (most[:, 0].double() + others - weights).sum().cpu()
    return total / int((left[: len(rows)] > 0).sum()) - dim * torch.log(tried) - 0.5 * dim * math.log(2 * math.pi)
