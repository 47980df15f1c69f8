"""Toys whose log-density has a closed form, and the base class of them all."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

Points = Float[Tensor, "batch 2"]
Nats = Float[Tensor, " batch"]

CHUNK = 1024  # points whose (points, nodes) table of one density call is in memory at a time


class Toy(ABC):
    """A density over the plane, in nats per unit area of its own coordinates."""

    def log_prob(self, x: Points) -> Nats:
        """Log-density of finite points in nats, computed in float64, in the dtype and on the device of `x`."""
        chunks = [self._log_prob(chunk.double()) for chunk in torch.split(x, CHUNK)]
        return torch.cat(chunks).to(x.dtype)

    @abstractmethod
    def _log_prob(self, x: Points) -> Nats:
        """Log-density of at most `CHUNK` points in float64."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
        """`n` independent float32 draws on the generator's device."""


def normal(n: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
    """Standard normal points."""
    return torch.randn(n, 2, generator=generator, device=generator.device)


def uniform(n: int, generator: torch.Generator) -> Float[Tensor, " n"]:
    """Uniform draws from [0, 1)."""
    return torch.rand(n, generator=generator, device=generator.device)


def choice(n: int, options: int, generator: torch.Generator) -> Int[Tensor, " n"]:
    """Uniform draws from 0, ..., options - 1."""
    return torch.randint(options, (n,), generator=generator, device=generator.device)


def polar(radius: Float[Tensor, " n"], angle: Float[Tensor, " n"]) -> Float[Tensor, "n 2"]:
    """Points at `radius` from the origin, `angle` radians from the first axis."""
    return torch.stack((radius * angle.cos(), radius * angle.sin()), 1)


def mixture_of_normals(
    x: Points, centres: Float[Tensor, "nodes 2"], log_weights: Float[Tensor, " nodes"], scale: float
) -> Nats:
    """log sum_k w_k N(x; centre_k, scale^2 I) in nats: a mixture, or a quadrature over a curve of centres."""
    offsets = x[:, None] - centres.to(x)
    log_kernel = offsets.square().sum(-1) / (-2 * scale**2) - math.log(2 * math.pi * scale**2)
    return torch.logsumexp(log_kernel + log_weights.to(x), 1)


class EightGaussians(Toy):
    """Eight round normals on a circle; centres at radius 4 / 1.414 and standard deviation 0.5 / 1.414."""

    radius = 4 / 1.414
    scale = 0.5 / 1.414

    def __init__(self) -> None:
        self.centres = polar(torch.full((8,), self.radius).double(), torch.arange(8).double() * (math.pi / 4))

    def _log_prob(self, x: Points) -> Nats:
        log_weights = torch.full((8,), -math.log(8), dtype=torch.float64)
        return mixture_of_normals(x, self.centres, log_weights, self.scale)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
        """A centre and its noise."""
        centre = self.centres.to(generator.device).float()[choice(n, 8, generator)]
        return centre + self.scale * normal(n, generator)


class Checkerboard(Toy):
    """Uniform on the eight 2 x 2 squares [2i, 2i + 2) x [2j, 2j + 2) with i + j even, i and j in -2, ..., 1.

    Its entropy is ln 32; outside the squares the log-density is -inf.
    """

    lattice = 2**22

    def _log_prob(self, x: Points) -> Nats:
        cell = torch.floor(x / 2)
        inside = ((cell >= -2) & (cell < 2)).all(1) & (cell.sum(1) % 2 == 0)
        return torch.full_like(x[:, 0], -math.log(32)).masked_fill(~inside, -math.inf)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
        """Uniform draws on midpoints of a fine lattice that float32 holds exactly: none rounds over an edge."""
        u = (choice(2 * n, self.lattice, generator) + 0.5) / self.lattice
        across, along = 4 * u[:n] - 2, 2 * u[n:]
        up = along + along.floor() - 2 + across.floor() % 2
        return 2 * torch.stack((across, up), 1)


@dataclass(frozen=True)
class Rings(Toy):
    """Concentric circles of equal weight, each convolved with a round normal.

    The average of N(x; c, scale^2 I) over a circle of radius R is, with r = |x| and I0 the modified Bessel function,

        exp(-(r^2 + R^2) / (2 scale^2)) I0(r R / scale^2) / (2 pi scale^2).

    Attributes:
        radii: radius of each circle.
        scale: standard deviation of the noise, per coordinate.
    """

    radii: tuple[float, ...]
    scale: float

    def _log_prob(self, x: Points) -> Nats:
        variance = self.scale**2
        r, radii = x.norm(dim=1)[:, None], x.new_tensor(self.radii)
        # i0e(z) = exp(-z) I0(z): both exponents meet in -(r - R)² / (2 s²), and nothing overflows.
        log_ring = (r - radii).square() / (-2 * variance) + torch.special.i0e(r * radii / variance).log()
        return torch.logsumexp(log_ring, 1) - math.log(2 * math.pi * variance * len(radii))

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
        """A ring, an angle and noise."""
        radius = torch.tensor(self.radii, device=generator.device)[choice(n, len(self.radii), generator)]
        angle = 2 * math.pi * uniform(n, generator)
        return polar(radius, angle) + self.scale * normal(n, generator)


class Pinwheel(Toy):
    """Five normal blobs, each twisted about the origin by an angle that grows with its radial coordinate.

    With f ~ N((1, 0), diag(0.3^2, 0.1^2)) and an arm k in 0, ..., 4, the point is x = 2 R(-t) f, where R(a) turns by a
    and t = 2 pi k / 5 + 0.25 exp(f_1). Turning keeps |f| = |x| / 2, so that f = |x| / 2 (cos a, sin a) for every angle
    a that solves a - 0.25 exp(f_1) = angle(x) modulo 2 pi / 5, and

        p(x) = sum over solutions of N(f) / (5 * 4 * |1 + 0.25 exp(f_1) f_2|).

    Beyond f_1 = 4.6, twelve standard deviations out, the twist stays constant, which keeps the sum short far away.
    """

    arms = 5
    rate = 0.25
    radial_scale = 0.3
    tangential_scale = 0.1
    furthest = 4.6
    cells = 512

    def _twist(self, radial: Tensor) -> Tensor:
        """Angle in radians by which the radial coordinate f_1 turns a point, over that of its arm."""
        return self.rate * radial.clamp(max=self.furthest).exp()

    def _turns(self, angle: Tensor, radius: Tensor, direction: Tensor) -> Tensor:
        """(a - twist - angle(x)) in units of the angle between arms: an integer where `a` solves for f."""
        return (angle - self._twist(radius * angle.cos()) - direction) * (self.arms / (2 * math.pi))

    def _log_prob(self, x: Points) -> Nats:
        radius, direction = x.norm(dim=1) / 2, torch.atan2(x[:, 1], x[:, 0])
        owner, angle = self._solutions(radius, direction)
        radial, tangential = radius[owner] * angle.cos(), radius[owner] * angle.sin()
        slope = self._twist(radial) * (radial < self.furthest)
        log_normal = ((radial - 1) / self.radial_scale).square() + (tangential / self.tangential_scale).square()
        # An arm has a fifth of the mass, and x = 2 R f makes areas four times as large.
        constant = 2 * math.pi * self.radial_scale * self.tangential_scale * self.arms * 4
        term = -log_normal / 2 - (1 + slope * tangential).abs().log() - math.log(constant)
        # Log-sum-exp over each point's own solutions, of which points have different numbers.
        peak = torch.full_like(radius, -math.inf).scatter_reduce(0, owner, term, "amax")
        return peak + torch.zeros_like(radius).index_add(0, owner, (term - peak[owner]).exp()).log()

    def _solutions(
        self, radius: Nats, direction: Nats
    ) -> tuple[Int[Tensor, " solutions"], Float[Tensor, " solutions"]]:
        """Every solution of every point: whose it is, and its angle `a` in radians.

        An integer between the turns at the two ends of a cell of angles brackets one solution, found by bisection.
        """
        edges = torch.linspace(-math.pi, math.pi, self.cells + 1, dtype=radius.dtype, device=radius.device)
        floors = self._turns(edges, radius[:, None], direction[:, None]).floor().long()
        crossings = floors.diff(dim=1)
        owner, cell = crossings.nonzero(as_tuple=True)
        repeats = crossings[owner, cell].abs()
        nth = torch.arange(int(repeats.sum()), device=radius.device)
        nth = nth - (repeats.cumsum(0) - repeats).repeat_interleave(repeats)
        owner, cell = owner.repeat_interleave(repeats), cell.repeat_interleave(repeats)
        target = torch.minimum(floors[owner, cell], floors[owner, cell + 1]) + 1 + nth
        rising = crossings[owner, cell] > 0
        low, high = edges[cell], edges[cell + 1]
        # 48 halvings of 2 pi / 512 leave less than float64 can tell apart.
        for _ in range(48):
            middle = (low + high) / 2
            beyond = (self._turns(middle, radius[owner], direction[owner]) >= target) == rising
            low, high = torch.where(beyond, low, middle), torch.where(beyond, middle, high)
        return owner, (low + high) / 2

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
        """A blob, then its arm and twist."""
        noise = normal(n, generator)
        radial, tangential = 1 + self.radial_scale * noise[:, 0], self.tangential_scale * noise[:, 1]
        arm = choice(n, self.arms, generator) * (2 * math.pi / self.arms)
        turned = torch.atan2(tangential, radial) - arm - self._twist(radial)
        return 2 * polar(torch.hypot(radial, tangential), turned)
