"""One Gaussian with a full covariance, fitted by its shrunk moments: the floor under every likelihood."""

import torch
from jaxtyping import Float
from nflows.transforms import Transform
from torch import Tensor, nn

from bench.models.parts.flow import Flow
from bench.models.parts.latent_density import shrunk_moments
from bench.spec import DataSpec


class Whitening(Transform):  # type: ignore[misc]
    """The linear map z = L⁻¹ (x - m), L lower triangular with a positive diagonal; the identity until it is fitted.

    Attributes:
        mean: m, `(dim,)`.
        rows: the rows of L as far as the diagonal, `(dim (dim + 1) / 2,)`.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(dim))
        self.rows = nn.Parameter(packed(torch.eye(dim)))

    def forward(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Output and log-determinant, `(batch, dim)` and `(batch,)`."""
        triangle = unpacked(self.rows, len(self.mean))
        outputs = torch.linalg.solve_triangular(triangle, (inputs - self.mean).T, upper=False).T
        return outputs, -torch.log(triangle.diagonal()).sum().expand(len(inputs))

    def inverse(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Inverse and its log-determinant, `(batch, dim)` and `(batch,)`."""
        triangle = unpacked(self.rows, len(self.mean))
        outputs = torch.addmm(self.mean, inputs, triangle.T)
        return outputs, torch.log(triangle.diagonal()).sum().expand(len(inputs))


def packed(triangle: Float[Tensor, "*k dim dim"]) -> Float[Tensor, "*k size"]:
    """The entries of lower triangles, row by row."""
    row, column = torch.tril_indices(*triangle.shape[-2:], device=triangle.device)
    return triangle[..., row, column]


def unpacked(rows: Float[Tensor, "*k size"], dim: int) -> Float[Tensor, "*k dim dim"]:
    """Lower triangles from their entries, row by row."""
    row, column = torch.tril_indices(dim, dim, device=rows.device)
    triangle = rows.new_zeros(*rows.shape[:-1], dim, dim)
    triangle[..., row, column] = rows
    return triangle


class Gaussian(Flow):
    """A Gaussian N(m, L Lᵀ) with the moments of all training examples, each with its noise drawn once.

    It is a flow of one linear map. There is nothing to train and nothing to size: `width` has no meaning, and what
    counts as parameters are the numbers that are fitted. Correlations are shrunk as far as is best for so few examples
    (Ledoit & Wolf 2004): it holds with fewer examples than coordinates. A millionth of the mean variance is added.
    """

    version = 2  # shrunk by Ledoit & Wolf
    family = "reference"
    fitted = True

    def __init__(self, data: DataSpec, *, width: int) -> None:
        """Builds N(0, I).

        Args:
            data: what an example is.
            width: ignored: one Gaussian has no size to choose.

        Raises:
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width)
        self.transform = Whitening(data.dim)

    @torch.no_grad()
    def finish(self, x: Float[Tensor, "batch *event"]) -> None:
        """Takes the shrunk moments of x.

        Raises:
            Diverged: the examples are not finite or all the same.
        """
        mean, triangle = shrunk_moments(x.flatten(1))
        self.transform.mean.copy_(mean)
        self.transform.rows.copy_(packed(triangle))
