"""The discretised mixture of logistics of a pixel (Salimans et al. 2017, arXiv:1701.05517, section 2.1).

On [-1, 1] level v of K has the edges 2 v / K - 1 and 2 (v + 1) / K - 1, and

    P(v) = Σ_k π_k [σ((upper - μ_k) / s_k) - σ((lower - μ_k) / s_k)],

where the lowest level reaches down to -∞ and the highest up to ∞.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.models.parts.levels import GreyLevels

Reading = tuple[Tensor, Tensor, Tensor]
"""Log-weights, means and log-scales, each `(*batch, dim, mixtures)`."""


class LogisticLaw(nn.Module):
    """p(x | z) of pictures of levels; a subclass's `forward` reads the mixtures off z, x is flat.

    Attributes:
        levels: the way from x to levels, set by the subclass.
    """

    levels: GreyLevels

    def log_prob(self, x: Float[Tensor, "batch dim"], z: Float[Tensor, "*samples batch latent"]) -> Tensor:
        """log p(x | z), `(*samples, batch)` nats."""
        return self.log_prob_by(x, self(z))

    def log_prob_by(self, x: Float[Tensor, "batch dim"], read: Reading) -> Tensor:
        """The same by the mixtures that were read off z."""
        return log_mass(self.levels.level(x), self.levels.count, read).sum(-1) + self.levels.log_slope(x)

    def mean(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """The middle of the mean level of z."""
        log_weights, means, log_scales = self(z)
        # E v = Σ_e P(v ≥ e), over the K - 1 inner edges: no sum over mixtures and levels at once.
        total = means.new_zeros(means.shape[:-1])
        for edge in inner_edges(self.levels.count):
            above = torch.sigmoid((means - edge) * torch.exp(-log_scales))
            total = total + (log_weights.exp() * above).sum(-1)
        return self.levels.placed(total + 0.5)

    def sample(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """A draw of x given z: a level, and noise within it."""
        log_weights, means, log_scales = self(z)
        chosen = torch.distributions.Categorical(logits=log_weights, validate_args=False).sample().unsqueeze(-1)  # type: ignore[no-untyped-call]
        mean, log_scale = (part.gather(-1, chosen).squeeze(-1) for part in (means, log_scales))
        u = torch.rand_like(mean).clamp(1e-7, 1 - 1e-7)
        on_line = mean + torch.exp(log_scale) * torch.logit(u)
        level = ((on_line + 1) / 2 * self.levels.count).floor().clamp(0, self.levels.count - 1)
        return self.levels.placed(level + torch.rand_like(level))


def inner_edges(count: int) -> list[float]:
    """Edges between two levels, on [-1, 1]."""
    return [2 * edge / count - 1 for edge in range(1, count)]


def log_mass(level: Float[Tensor, "batch dim"], count: int, read: Reading) -> Float[Tensor, "*samples batch dim"]:
    """log P(level) of each pixel in nats."""
    log_weights, means, log_scales = read
    sharpness = torch.exp(-log_scales)
    lower = (2 * level / count - 1).unsqueeze(-1)
    below, above = (lower - means) * sharpness, (lower + 2 / count - means) * sharpness
    # With b < a: log(σ(a) - σ(b)) = log σ(a) + log σ(-b) + log(1 - exp(b - a)), exact where both are far out.
    to_upper = nn.functional.logsigmoid(above)
    from_lower = nn.functional.logsigmoid(-below)
    within = to_upper + from_lower + torch.log(-torch.expm1(-2 / count * sharpness))
    lowest, highest = (level == 0).unsqueeze(-1), (level == count - 1).unsqueeze(-1)
    by_mixture = torch.where(lowest, to_upper, torch.where(highest, from_lower, within))
    return torch.logsumexp(log_weights + by_mixture, -1)
