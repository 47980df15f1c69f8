"""RealNVP: affine couplings (Dinh, Sohl-Dickstein & Bengio 2017, arXiv:1605.08803), built on nflows' transforms."""

from typing import Literal

import numpy as np
import torch
from nflows.transforms import AffineCouplingTransform, CompositeTransform, LULinear, RandomPermutation, Transform
from torch import Tensor, nn

from bench.errors import BenchError, NotApplicable, unknown
from bench.models.parts.flow import Flow
from bench.models.parts.networks import ResidualNet, soft_clamp, spread
from bench.spec import DataSpec

LOG_SCALE_BOUND = 2.5
"""Largest |log-scale| of one coupling."""

LU_LARGEST_DIM = 24
"""Up to this dimension `auto` mixes by LU layers: 8 of them then have less than 5,000 parameters."""

INITIAL_GAIN = 0.01
"""Factor on a conditioner's last layer: the flow starts near the identity, yet every weight gets a gradient."""

CONDITIONER_SIZES = 2


class AffineCoupling(AffineCouplingTransform):  # type: ignore[misc]
    """The affine coupling y = (x2 exp(s(x1)) + t(x1), x1): nflows' with a free scale and the halves swapped.

    nflows bounds the scale by 1.001, so that its couplings can only contract; here s is softly clamped to ±2.5. With
    the halves swapped the next coupling transforms the other one, and no index is gathered; |det| of the swap is 1.
    """

    def __init__(self, kept: int, dim: int, hidden: list[int]) -> None:
        """Conditions the last `dim - kept` coordinates on the first `kept`."""
        mask = [0] * kept + [1] * (dim - kept)
        super().__init__(mask, lambda inputs, outputs: ResidualNet(inputs, hidden, outputs, INITIAL_GAIN))
        self.kept = kept

    def forward(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Output and log-determinant, `(batch, dim)` and `(batch,)`."""
        kept, changed = inputs.tensor_split([self.kept], 1)
        log_scale, shift = self._scale_and_shift(self.transform_net(kept))
        return torch.cat((torch.addcmul(shift, changed, torch.exp(log_scale)), kept), 1), log_scale.sum(1)

    def inverse(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Inverse and its log-determinant, `(batch, dim)` and `(batch,)`."""
        changed, kept = inputs.tensor_split([self.features - self.kept], 1)
        log_scale, shift = self._scale_and_shift(self.transform_net(kept))
        return torch.cat((kept, (changed - shift) * torch.exp(-log_scale)), 1), -log_scale.sum(1)

    def _scale_and_shift(self, transform_params: Tensor) -> tuple[Tensor, Tensor]:
        """The log-scale and the shift; nflows gives the scale, whose logarithm would be an exp undone."""
        raw, shift = transform_params.chunk(2, 1)
        # Softly, so that a log-scale at its bound still gets a gradient.
        return soft_clamp(raw, LOG_SCALE_BOUND), shift


class LUMixing(LULinear):  # type: ignore[misc]
    """nflows' invertible linear map y = L U x + b, which starts at the identity, with a cheaper assembly.

    The two triangles are gathered by one index from all entries in place of six scatters. Forward costs O(D²N + D³),
    inverse O(D²N), log-determinant O(D), for D coordinates and N examples.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim, identity_init=True)
        triangle = len(self.lower_entries)
        zero, one = 2 * triangle + dim, 2 * triangle + dim + 1
        # The place of each entry of L and of U among (lower, upper, diagonal of U, 0, 1); the diagonal of L is 1.
        places = np.full((2, dim, dim), zero)
        places[0][self.lower_indices] = np.arange(triangle)
        places[0][self.diag_indices] = one
        places[1][self.upper_indices] = np.arange(triangle, 2 * triangle)
        places[1][self.diag_indices] = np.arange(2 * triangle, 2 * triangle + dim)
        self.register_buffer("places", torch.from_numpy(places).flatten(), persistent=False)
        self.register_buffer("constants", torch.tensor([0.0, 1.0]), persistent=False)

    def _create_lower_upper(self) -> tuple[Tensor, Tensor]:
        diagonal = self.upper_diag
        entries = torch.cat((self.lower_entries, self.upper_entries, diagonal, self.constants))
        lower, upper = entries.index_select(0, self.places).view(2, self.features, self.features)
        return lower, upper

    def forward_no_cache(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Output and log-determinant, `(batch, dim)` and `(batch,)`."""
        lower, upper = self._create_lower_upper()
        return torch.addmm(self.bias, inputs, (lower @ upper).T), self.logabsdet().expand(len(inputs))

    def inverse_no_cache(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Inverse and its log-determinant, `(batch, dim)` and `(batch,)`."""
        lower, upper = self._create_lower_upper()
        half = torch.linalg.solve_triangular(lower, (inputs - self.bias).T, upper=False, unitriangular=True)
        outputs = torch.linalg.solve_triangular(upper, half, upper=True).T
        return outputs, -self.logabsdet().expand(len(inputs))


class ActivationNorm(Transform):  # type: ignore[misc]
    """A scale and shift per coordinate, y = x exp(s) + t, from the identity (Kingma & Dhariwal 2018, section 3.1).

    The model space is standardised, so there is nothing for the usual data-dependent start to do.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(dim))
        self.shift = nn.Parameter(torch.zeros(dim))

    def forward(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Output and log-determinant, `(batch, dim)` and `(batch,)`."""
        outputs = torch.addcmul(self.shift, inputs, torch.exp(self.log_scale))
        return outputs, self.log_scale.sum().expand(len(inputs))

    def inverse(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Inverse and its log-determinant, `(batch, dim)` and `(batch,)`."""
        return (inputs - self.shift) * torch.exp(-self.log_scale), -self.log_scale.sum().expand(len(inputs))


class RealNVP(Flow):
    """A flow z = f(x), f a stack of affine couplings between mixing layers, z ~ N(0, I)."""

    version = 2  # a rate of its own, chosen by trials

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        layers: int = 8,
        mixing: Literal["auto", "lu", "actnorm"] = "auto",
    ) -> None:
        """Builds the flow.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the conditioners, each with one residual block.
            layers: number of couplings.
            mixing: what stands before each coupling: `lu`, a linear map with D (D + 1) parameters; `actnorm`, before
                each second coupling, an activation norm and a permutation fixed at random; `auto`, the first up to 24
                coordinates and the second beyond.

        Raises:
            BenchError: for no layers or an unknown mixing.
            NotApplicable: for a single coordinate, which leaves nothing to condition on, and for data with a context.
        """
        super().__init__(data, width=width)
        dim = data.dim
        if dim < 2:
            name = type(self).__name__
            raise NotApplicable(f"{name} conditions one part of x on the other: it needs at least 2 coordinates")
        if layers < 1:
            raise BenchError(f"model.layers={layers} is not a number of couplings: give at least 1")
        if mixing not in ("auto", "lu", "actnorm"):
            raise unknown("mixing", mixing, ("auto", "lu", "actnorm"), "model.mixing")
        lu = mixing == "lu" or (mixing == "auto" and dim <= LU_LARGEST_DIM)
        hidden = spread(width, [1] * (layers * CONDITIONER_SIZES))
        transforms: list[Transform] = []
        for layer in range(layers):
            if lu:
                transforms.append(LUMixing(dim))
            elif layer % 2 == 0:
                transforms += [ActivationNorm(dim), RandomPermutation(dim)]
            # A coupling puts what it has transformed in front, which is what the next one conditions on.
            kept = dim // 2 if layer % 2 == 0 else dim - dim // 2
            transforms.append(self.coupling(kept, dim, hidden[CONDITIONER_SIZES * layer :][:CONDITIONER_SIZES]))
        self.transform = CompositeTransform(transforms)

    def coupling(self, kept: int, dim: int, hidden: list[int]) -> Transform:
        """A new coupling that conditions on the first `kept` of `dim` coordinates, and swaps the two parts."""
        return AffineCoupling(kept, dim, hidden)

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`pays`: of a step of many small operations most is the cost of starting them."""
        return "pays"
