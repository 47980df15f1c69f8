"""Importance sampling of log p(x) from a law refined for each example (Cremer et al. 2018, arXiv:1801.03558).

An encoder's law q_0 is moved, for each example by itself, by a fixed number of Adam steps on the example's own
importance-weighted bound of a few draws; the entry's weights stay as they are. The draws that count are fresh: of K, a
tenth of q_0 and the rest of the refined q_1, all weighted by the density of the mixture,

    w = p(x | z) p(z) / (a q_0(z) + (1 - a) q_1(z)),   a the share of draws of q_0.

With fixed shares the mean of w is p(x) still (Owen & Zhou 2000, the balance heuristic), so that the logarithm of the
mean is a bound whatever the steps did, if nothing is chosen afterwards. A refined law that is far too narrow cannot
make a weight larger than 1 / a times what q_0 alone gives it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bench.config import Eval
from bench.metrics.frozen import frozen
from bench.models.entry import HasProposal
from bench.models.parts.proposal import Proposal, WidensToFull

OWN_SHARE = 0.1
"""Share of the final draws that come from the encoder's own law."""

STEP_SIZE = 0.1
"""Adam's, at first, in the law's own widths; it falls to 0 with the steps."""

DECAYS = 0.9, 0.99
"""Adam's, of the mean gradient and its mean square: few steps are taken, and a thousandth would hardly move."""


@dataclass(frozen=True)
class Refinement:
    """The amount of refinement of each example.

    Attributes:
        steps: Adam steps.
        draws: of the bound that each step climbs.
        full: whether Gaussian laws get a full covariance; a law that has none stays of its own form.
    """

    steps: int
    draws: int
    full: bool = False


def asked(settings: Eval) -> Refinement | None:
    """The refinement that `eval.estimator=refined` asks for; None for another estimator."""
    if settings.estimator != "refined":
        return None
    return Refinement(settings.refine_steps, settings.refine_draws, settings.refine_covariance == "full")


def name_of(entry: HasProposal, x: Float[Tensor, "batch *event"], samples: int, full: bool) -> str:
    """The estimator's name in the row, such as `refined-1000`, or `refined-full-1000` where the covariance is full."""
    widened = full and isinstance(entry.proposal(x), WidensToFull)
    return f"refined-full-{samples}" if widened else f"refined-{samples}"


def start(entry: HasProposal, x: Float[Tensor, "batch *event"], full: bool) -> Proposal:
    """The encoder's law of each example, of full covariance where that is asked for and the law has one."""
    law = entry.proposal(x)
    return law.with_full_covariance() if full and isinstance(law, WidensToFull) else law


def refine(
    entry: HasProposal,
    x: Float[Tensor, "batch *event"],
    refinement: Refinement,
    tick: Callable[[], None] = lambda: None,
) -> tuple[Float[Tensor, "batch *parameter"], ...]:
    """Offsets that make the proposal's bound of each example larger.

    Examples do not meet: Adam goes by coordinate. The gradient is the doubly reparameterised one (Tucker et al. 2018,
    arXiv:1810.04152), whose noise vanishes where the law is the posterior.

    Args:
        entry: in evaluation mode, on the device of `x`.
        x: examples in model space; `draws` rows each are held at once.
        refinement: steps and draws.
        tick: called before each step; it may raise to stop.
    """
    with torch.no_grad():
        law = start(entry, x, refinement.full)
    offsets = [offset.requires_grad_() for offset in law.offsets()]
    adam = torch.optim.Adam(offsets, lr=STEP_SIZE, betas=DECAYS)
    with frozen(entry), torch.enable_grad():
        for step in range(refinement.steps):
            tick()
            adam.param_groups[0]["lr"] = STEP_SIZE * (1 - step / refinement.steps)
            gradients = torch.autograd.grad(-bound(entry, x, law, offsets, refinement.draws).sum(), offsets)
            for offset, gradient in zip(offsets, gradients, strict=True):
                # Where a draw overflows the example stays where it is.
                offset.grad = gradient.nan_to_num(0.0, 0.0, 0.0)
            adam.step()
    return tuple(offset.detach() for offset in offsets)


def bound(
    entry: HasProposal, x: Float[Tensor, "batch *event"], law: Proposal, offsets: Sequence[Tensor], draws: int
) -> Float[Tensor, " batch"]:
    """The importance-weighted bound of each example in nats, with the doubly reparameterised gradient in `offsets`."""
    u, _ = law.moved(*offsets).draw(draws)
    log_q = law.moved(*[offset.detach() for offset in offsets]).log_prob(u)
    log_weights = log_joint(entry, x, law, u) - log_q
    # Every draw's gradient is weighted by its share in the bound, here once more on its way to the offsets.
    shares = torch.softmax(log_weights.detach(), 0).unsqueeze(-1)
    u.register_hook(lambda gradient: gradient * shares)  # type: ignore[no-untyped-call]
    return torch.logsumexp(log_weights, 0) - math.log(draws)


def log_joint(
    entry: HasProposal, x: Float[Tensor, "batch *event"], law: Proposal, u: Float[Tensor, "samples batch u"]
) -> Float[Tensor, "samples batch"]:
    """log p(x, u) in nats: of x and the latent, per volume of u."""
    z, log_volume = law.to_latent(u)
    return entry.log_likelihood(x, z) + entry.log_prior(z) + log_volume


def own_draws(samples: int) -> int:
    """Draws of the encoder's own law among `samples`: a tenth, and one at least of two or more."""
    return min(samples // 2, max(1, round(OWN_SHARE * samples)))


def log_weights(
    entry: HasProposal,
    x: Float[Tensor, "batch *event"],
    offsets: Sequence[Float[Tensor, "batch *parameter"]],
    samples: int,
    full: bool,
    rows: int,
) -> tuple[Float[Tensor, "samples batch"], Float[Tensor, "own batch"]]:
    """Log weights of fresh draws by the mixture's density, in random order, in nats and float64; exp has mean p(x).

    Beside them those of the encoder's own draws by its own density, whose mean is the entry's ELBO.

    Args:
        entry: in evaluation mode, on the device of `x`.
        x: examples in model space.
        offsets: of `refine`, for the same examples and `full`.
        samples: K.
        full: as in `Refinement`.
        rows: most draws that meet the decoder at once, one of each example at least.
    """
    law = start(entry, x, full)
    refined, own = law.moved(*offsets), own_draws(samples)
    (from_own, _), (from_refined, _) = law.draw(own), refined.draw(samples - own)
    u = torch.cat([from_own, from_refined])
    joint = torch.cat([log_joint(entry, x, law, part) for part in torch.split(u, max(1, rows // len(x)))])
    log_own, log_refined = law.log_prob(u), refined.log_prob(u)
    share = torch.tensor(own / samples, dtype=torch.float64, device=x.device)
    mixture = torch.logaddexp(log_own.double() + torch.log(share), log_refined.double() + torch.log1p(-share))
    # In random order, any so many of the weights are draws of the mixture, as a K-curve takes them.
    order = torch.randperm(samples, device=x.device)
    return (joint.double() - mixture)[order], (joint[:own] - log_own[:own]).double()
