"""The semi-supervised variational autoencoder M2 (Kingma, Rezende, Mohamed & Welling 2014, arXiv:1406.5298)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from scipy.linalg import helmert
from torch import Tensor, nn

from bench.errors import NotApplicable
from bench.laws.gaussian import DiagonalGaussian, standard_normal_log_prob
from bench.models.entry import Context, Entry, LogProb
from bench.models.parts.coders import Encoder, LogScaleHead, decoder_for, shared_sizes
from bench.models.parts.elbo import check_not_negative
from bench.models.parts.importance import iwae_in_chunks
from bench.models.parts.latent import CHUNK_ELEMENTS
from bench.models.parts.networks import activation_named, linear_layer, mlp
from bench.models.parts.prior import settled_size
from bench.spec import DataSpec, Kind

CODE_ROUNDING = 1e-3
"""Distance from a class's code that counts as rounding."""


class ClassEncoder(nn.Module):
    """q(z | x, y) for every class y: the first hidden layers read x once, the last one their features and the class."""

    def __init__(self, dim: int, classes: int, hidden: Sequence[int], latent_size: int, activation: str) -> None:
        super().__init__()
        *before, last = hidden
        self.trunk = Encoder(dim, before, activation) if before else nn.Identity()
        self.from_features = linear_layer(before[-1] if before else dim, last, gain=math.sqrt(2))
        self.from_class = nn.Parameter(torch.randn(classes, last))
        self.activation = activation_named(activation)()
        self.mean_head = linear_layer(last, latent_size)
        self.scale_head = LogScaleHead(last, latent_size)

    def forward(self, x: Float[Tensor, "batch dim"]) -> DiagonalGaussian:
        """One law for each class and example, `classes * batch` rows: all examples with the first class, and so on."""
        hidden = self.from_features(self.trunk(x)) + self.from_class[:, None]
        features = self.activation(hidden).flatten(0, 1)
        return DiagonalGaussian(self.mean_head(features), self.scale_head(features))


DIMENSIONS_PER_ALPHA = 16
"""Coordinates of x for each unit of the classifier's weight: 4 on digits, 49 on MNIST."""


@dataclass(frozen=True)
class ClassPosterior:
    """q(y, z | x) = q(y | x) q(z | x, y), a law of z with the code of y behind it.

    Attributes:
        log_classes: `(batch, classes)` nats of log q(y | x).
        latents: q(z | x, y), one row for each class and example, all examples of the first class first.
        codes: `(classes, code)`.
    """

    log_classes: Float[Tensor, "batch classes"]
    latents: DiagonalGaussian
    codes: Float[Tensor, "classes code"]

    @property
    def mean(self) -> Float[Tensor, "batch latent"]:
        """E[z | x] and the mean code."""
        q = torch.exp(self.log_classes)
        by_class = self.latents.mean.view(len(self.codes), len(q), -1)
        return torch.cat([torch.einsum("bc,cbl->bl", q, by_class), q @ self.codes], 1)

    def draw(self, samples: int) -> tuple[Float[Tensor, "samples batch latent"], Float[Tensor, "samples batch"]]:
        """z and behind it the code of y, and log q(y, z | x) in nats; no gradient goes through the choice of y."""
        batch = len(self.log_classes)
        y: Int[Tensor, "samples batch"] = torch.multinomial(torch.exp(self.log_classes), samples, replacement=True).T
        # Row of class y and example i among the encoder's, which stand class by class.
        rows = (y * batch + torch.arange(batch, device=y.device)).flatten()
        (z,), (log_z,) = DiagonalGaussian(self.latents.mean[rows], self.latents.log_scale[rows]).draw(1)
        log_y = self.log_classes.gather(1, y.T).T
        return torch.cat([z.view(*y.shape, -1), self.codes[y]], -1), log_z.view(y.shape) + log_y


class M2(Entry):
    """A VAE of x and its class y: p(x) = Σ_y p(y) ∫ p(x | y, z) N(z; 0, I) dz, q(y, z | x) = q(y | x) q(z | x, y).

    A labelled example is trained on the bound of log p(x, y) and on log q(y | x), an unlabelled one on the bound of
    log p(x), in which y is summed over. The decoder reads z and a code of the class, a corner of the regular simplex in
    classes - 1 dimensions, on which y puts mean 0 and covariance I, as p(z) does on z. The latent of the diagnostics is
    both.
    """

    version = 2  # a rate of its own, chosen by trials
    family: ClassVar[str] = "VAE"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"continuous", "discrete", "binary"})
    conditional = True
    importance_samples: ClassVar[int] = 1_000

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        alpha: float | None = None,
    ) -> None:
        """Builds classifier, encoder and decoder.

        Args:
            data: what an example is, with classes.
            width: hidden units in all, spread over the layers of the three nets.
            latent_size: dimension of z; null takes that of x, and at most 16.
            shape: proportions of the hidden layers of the encoder and of the classifier; the decoder mirrors them.
            activation: `relu` or `tanh`.
            alpha: weight of the labelled examples' mean -log q(y | x) beside the mean bound of all; null takes a
                sixteenth of the coordinates of x, at least 1: with them the bound's differences between classes grow.
                Equation 9 has 0.1 there. Validation accuracy, means of three seeds with 100 labels of digits (64
                pixels) and of two with 1,000 of MNIST (784), was 0.902, 0.912, 0.912 and 0.920 at 1, 4, 16 and 64, and
                0.837, 0.912, 0.914 and 0.919 at 1, 12, 49 and 196: flat once it is large enough. In
                the bound labelled examples count as often as batches hold them, an eighth or more, where equation 9 has
                them at their share of the data.

        Raises:
            BenchError: for a size or a weight out of range, or an unknown activation.
            NotApplicable: for data that show no labels.
        """
        super().__init__(data, width=width)
        if not data.classes:
            raise NotApplicable(
                "M2 learns from some labels and these data show none: set data.labelled, such as 100, on data that "
                "have labels, such as data=digits"
            )
        self.alpha = max(1.0, data.dim / DIMENSIONS_PER_ALPHA) if alpha is None else alpha
        check_not_negative(alpha=self.alpha)
        self.activation = activation
        self.latent_size = settled_size(data, latent_size)
        encoder_sizes, decoder_sizes, self.classifier_sizes = shared_sizes(data, width, shape, shape)
        self.class_coordinates = data.classes - 1
        self.codes: Tensor
        # Helmert's rows are orthonormal and orthogonal to a row of ones. Its columns times √classes, one a class,
        # therefore have mean 0 and covariance I.
        corners = torch.from_numpy(helmert(data.classes)).float().T.contiguous()
        self.register_buffer("codes", math.sqrt(data.classes) * corners, persistent=False)
        self.classifier = self.fresh_classifier()
        self.encoder = ClassEncoder(data.dim, data.classes, encoder_sizes, self.latent_size, activation)
        self.decoder = decoder_for(data, self.latent_size + data.classes - 1, decoder_sizes, activation)

    def fresh_classifier(self) -> nn.Module:
        """A new net of the classifier's layers: `(batch, *event)` to logits `(batch, classes)`, near 0 at first."""
        sizes = [self.data.dim, *self.classifier_sizes, self.data.classes]
        return nn.Sequential(nn.Flatten(), mlp(sizes, final_gain=0.1, activation=self.activation))

    def classify(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, "batch classes"]:
        """q(y | x), the probability of each class."""
        return torch.softmax(self.classifier(x), 1)

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """Nats: -L(x, y) - α / s log q(y | x) of a labelled example, -U(x) of another (equations 6 to 9).

        s is the batch's share of labelled examples, so that their mean of -log q(y | x) counts α times as much as the
        batch's mean bound. L(x, y) takes one draw of z and the analytic KL divergence, and
        U(x) = Σ_y q(y | x) (L(x, y) - log q(y | x)).
        """
        posterior = self.encoder(x.flatten(1))
        z, _ = posterior.draw(1)
        # -L(x, y) of every class; p(y) is uniform, so that its logarithm is a constant.
        bounds = (self.fit(x, z)[0] - self.by_class(posterior.kl())) - math.log(self.data.classes)
        log_q = torch.log_softmax(self.classifier(x), 1).T
        unlabelled = (torch.exp(log_q) * (bounds - log_q)).sum(0)
        if context is None:
            return -unlabelled
        shown = context.any(1)
        weight = self.alpha * len(x) / shown.sum().clamp(min=1)
        # A one-hot row picks its class. An unlabelled example's row of zeros picks none, and `where` takes the other
        # bound.
        labelled = (context.T * (bounds + weight * log_q)).sum(0)
        return -torch.where(shown, labelled, unlabelled)

    def posterior(self, x: Float[Tensor, "batch *event"], context: Context = None) -> ClassPosterior:
        """q(y, z | x); where `context` has a label, that class is certain."""
        log_classes = torch.log_softmax(self.classifier(x), 1)
        if context is not None:
            log_classes = torch.where(context.any(1, keepdim=True), torch.log(context), log_classes)
        return ClassPosterior(log_classes, self.encoder(x.flatten(1)), self.codes)

    def log_prior(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """log p(z) - log classes in nats where a class's code stands behind z, and -infinity elsewhere."""
        normal, code = z[..., : self.latent_size], z[..., self.latent_size :]
        distances = torch.cdist(code.flatten(0, -2), self.codes, compute_mode="donot_use_mm_for_euclid_dist")
        nearest = distances.amin(1).view(code.shape[:-1])
        log_prior = standard_normal_log_prob(normal) - math.log(self.data.classes)
        return torch.where(nearest < CODE_ROUNDING, log_prior, -math.inf)

    def prior_sample(self, n: int, context: Context = None) -> Float[Tensor, "n latent"]:
        """`n` draws of z and the code of a class, that which `context` labels or else a uniform one."""
        codes = self.codes[torch.randint(self.data.classes, (n,), device=self.codes.device)]
        if context is not None:
            codes = torch.where(context.any(1, keepdim=True), context @ self.codes, codes)
        return torch.cat([torch.randn(n, self.latent_size, dtype=codes.dtype, device=codes.device), codes], 1)

    def log_likelihood(
        self, x: Float[Tensor, "batch *event"], z: Float[Tensor, "*samples batch latent"]
    ) -> Float[Tensor, "*samples batch"]:
        """log p(x | y, z) in nats, the code of y behind z."""
        log_prob: Tensor = self.decoder.log_prob(x.flatten(1), z)
        return log_prob

    def log_weights(
        self, x: Float[Tensor, "batch *event"], samples: int, context: Context = None
    ) -> Float[Tensor, "samples batch"]:
        """`(samples, batch)` nats of log p(x, y, z) - log q(y, z | x), each y and z drawn from q.

        Summing over the classes instead costs as much as so many times the samples, which tighten the bound further.
        Where `context` has a label y, the weights are log p(x, z | y) - log q(z | x, y), whose mean is p(x | y).
        """
        z, log_posterior = self.posterior(x, context).draw(samples)
        weights = self.log_likelihood(x, z) + self.log_prior(z) - log_posterior
        return weights if context is None else weights + math.log(self.data.classes) * context.any(1)

    @torch.no_grad()
    def log_prob(self, x: Float[Tensor, "batch *event"], context: Context = None) -> LogProb:
        """The IWAE-K bound of log p(x), or of log p(x | y) where `context` has a label, without gradient."""
        chunk = CHUNK_ELEMENTS // max(1, x.numel())
        return iwae_in_chunks(lambda samples: self.log_weights(x, samples, context), self.importance_samples, chunk)

    def simulate(self, z: Float[Tensor, "n latent"]) -> Float[Tensor, "n *event"]:
        """A draw of x for each z, with the noise of `log_likelihood`."""
        return self.decoder.sample(z).reshape(len(z), *self.data.event_shape)

    def sample(self, n: int, context: Context = None) -> Float[Tensor, "n *event"]:
        """Draws of x, of the class that `context` labels or else of a uniform one."""
        return self.simulate(self.prior_sample(n, context))

    def encode(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, "batch latent"]:
        """The posterior mean of z and of the class's code, `(batch, latent_size + classes - 1)`; labels are known."""
        return self.posterior(x, context).mean

    def decode(self, z: Float[Tensor, "batch latent"], context: Context = None) -> Float[Tensor, "batch *event"]:
        """The decoder's mean in model space, z and the class's code as `encode` gives them."""
        return self.decoder.mean(z).reshape(len(z), *self.data.event_shape)

    def fit(
        self, x: Float[Tensor, "batch *event"], z: Float[Tensor, "samples rows latent"]
    ) -> Float[Tensor, "samples classes batch"]:
        """log p(x | y, z) in nats for every class, the rows of z being those of the encoder."""
        z = z.view(len(z), self.data.classes, len(x), -1)
        codes = self.codes[:, None].expand(*z.shape[:-1], -1)
        log_prob: Tensor = self.decoder.log_prob(x.flatten(1), torch.cat([z, codes], -1))
        return log_prob

    def by_class(self, rows: Float[Tensor, "*samples rows"]) -> Float[Tensor, "*samples classes batch"]:
        """The encoder's rows as a table of classes and examples."""
        return rows.view(*rows.shape[:-1], self.data.classes, -1)
