"""The entry contract: what a model must offer to be trained, measured and compared.

An entry is one Python file and one YAML. It needs a constructor, `loss` and `sample`; everything else is a capability
that the bench finds by its presence and, where it is absent, leaves empty in the row:

- `log_prob(x, context=None) -> LogProb`: the density, or a bound on it, in model space;
- `encode(x, context=None)` and `decode(z, context=None)`: the latent of x and the way back;
- `log_weights(x, samples, context=None)`: log importance weights, from which the bench makes IWAE-K, its standard
  error, the K-curve and the ELBO;
- `log_likelihood(x, z)`, `log_prior(z)` and `prior_sample(n)`: a decoder's density, from which the bench makes an
  estimate by annealed importance sampling where `eval.estimator=ais` asks for it;
- `simulate(z)` beside them: x drawn given z, on which the annealed estimate is bracketed from above;
- `proposal(x)` beside them: a law of the latent that `eval.estimator=refined` fits to each example before it draws;
- `posterior(x)` beside them: rate, distortion, active units and the aggregate posterior;
- `finish(x)`: what the entry fits once, after training, such as the density of its latents;
- `classify(x)`: probabilities of the classes of data with labels; `fresh_classifier()`: the same net anew, which the
  bench trains on the labelled examples alone to stand beside it;
- `cluster(x)`: probabilities of clusters found without labels;
- an attribute `nfe`: the running count of evaluations of an ODE's field; `reference_log_prob(x)`, the same density
  solved tightly in float64; `grid_log_prob(x, refined)`, that of the training grid `grid`: the errors of the solves;
- `rough_log_prob(x)`: the density of an ODE solved as far as validation needs;
- `evaluation_weights()`: weights, such as an average kept in buffers, with which the entry is validated, stored and
  evaluated in place of those that training leaves.

Events are flat vectors. An entry that sets `own_shape = True` gets each event in its own shape instead: a picture as
`(channels, height, width)`, anything else as before. `data.event_shape` says which; a density is one number an event.
Pictures of grey levels are standardised pixel by pixel. An entry whose weights are shared over positions sets
`standardise = "image"`, for one mean and spread of all pixels, or `"none"`; the report space stays the same. Where an
option decides, `picture_form(options)` says both, and the constructor sets them on the entry.

`version` is raised when the results of an entry change on purpose, so that rows of before are told from rows of after.

Randomness comes from torch's global seeded generators alone. `width` is the one size knob: the parameter count must
grow with it, so that the bench can match budgets.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from bench.config import Optimiser
from bench.errors import NotApplicable
from bench.models.optimise import GradientStep, NoStep, Trainer
from bench.models.parts.conditional import ConditionalStep
from bench.models.parts.proposal import Proposal
from bench.spec import DataSpec, Kind, Standardise

Context = Float[Tensor, "batch context"] | None


class LogProb(NamedTuple):
    """A log-density in model space and how it was obtained.

    Attributes:
        value: `(batch,)` nats.
        estimator: its name in the row, such as `exact`, `iwae-1000`, `ode-exact(rtol=1e-5)`.
        is_bound: True when E[value] is only a lower bound of the log-density.
        standard_error: `(batch,)` nats, the estimator's own error for each example; None for an exact value.
    """

    value: Float[Tensor, " batch"]
    estimator: str
    is_bound: bool
    standard_error: Float[Tensor, " batch"] | None = None


class PictureForm(NamedTuple):
    """The form in which an entry takes pictures: the class attributes of these names."""

    own_shape: bool
    standardise: Standardise


class Entry(nn.Module):
    """A model in the comparison. See this file's head for the whole contract.

    Class attributes:
        version: of the entry's results: raised when they change on purpose, so that older rows are not taken for new.
        own_shape: whether events come in their own shape, pictures as `(channels, height, width)`, and not flat.
        standardise: how the logits of a picture's levels are standardised: each `pixel` by its own mean and spread, all
            pixels of an `image` by one, or `none`. Other data are left as they are.
        family: what the table groups it under, such as `VAE`, `flow`, `ODE flow`.
        kinds: the kinds of data it can model; on any other its row says `not_applicable`.
        conditional: whether it takes a context; one that does not is refused data that have one, as of labels.
        latent: `exact` when `decode` inverts `encode`; `posterior_mean` when `encode` gives the mean of a posterior.
        validated_by: what chooses the weights: the `likelihood`, or where there is none the loss; its `loss` in any
            case; or `mmd2`, the squared MMD between samples and validation examples.
        fitted: True for a reference that `finish` fits in one go, to all training examples. It takes no steps and no
            budget is matched to it: its width is the YAML's, and its row has neither `steps` nor `matched_to`.
        reference_examples: examples that `reference_log_prob` is asked for, the first of the test split.
        takes_bfloat16: whether training may compute convolutions and matrix products in bfloat16: log-scales,
            log-determinants and losses are of float32 all the same, see `parts/precision.py`.
        compiled_with: options with which a step that cannot be compiled as it is can be.
    """

    version: ClassVar[int] = 1
    own_shape: bool = False
    standardise: Standardise = "pixel"
    family: ClassVar[str] = "other"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"continuous", "discrete"})
    conditional: ClassVar[bool] = False
    latent: ClassVar[Literal["exact", "posterior_mean"]] = "posterior_mean"
    validated_by: ClassVar[Literal["likelihood", "loss", "mmd2"]] = "likelihood"
    fitted: ClassVar[bool] = False
    takes_bfloat16: bool = False
    compiled_with: ClassVar[str] = ""
    reference_examples: int = 128

    def __init__(self, data: DataSpec, *, width: int) -> None:
        """Builds the entry for events of `data`; subclasses add their own keyword options.

        Raises:
            NotApplicable: `data` have a context, such as labels, and the entry is not `conditional`.
        """
        super().__init__()
        if data.context_size and not self.conditional:
            shown = "labels: leave data.labelled null" if data.classes else f"context, here of size {data.context_size}"
            raise NotApplicable(f"{type(self).__name__} takes no {shown}")
        self.data = data

    @classmethod
    def picture_form(cls, options: Mapping[str, Any]) -> PictureForm:
        """The form in which an entry of these options takes pictures, its YAML's; here that of its class."""
        return PictureForm(cls.own_shape, cls.standardise)

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """The training objective, `(batch,)` nats, one number per example."""
        raise NotImplementedError(f"{type(self).__name__} must define loss(x, context=None)")

    def sample(self, n: int, context: Context = None) -> Float[Tensor, "n *event"]:
        """`n` draws from the model, `(n, *event_shape)` in model space."""
        raise NotImplementedError(f"{type(self).__name__} must define sample(n, context=None)")

    def trainer(self, settings: Optimiser) -> Trainer:
        """The optimisation step: the hook for adversarial or two-phase training.

        Override it to return any object with the three methods of `Trainer`; all that it must remember between steps
        goes into its `state_dict`, so that a killed run resumes. The step of a `conditional` entry takes the batch's
        context as a third argument, see `ConditionalTrainer`. That of a `fitted` entry is never asked for a step.
        """
        if self.fitted:
            return NoStep(self)
        return ConditionalStep(self, settings) if self.conditional else GradientStep(self, settings)

    def compiles(self) -> Literal["no", "works", "pays"]:
        """Support of `compile=step`, which compiles the objective of `trainer`, a `GradientStep`, as one graph.

        `works` where no Python number changes from step to step and nothing is read back from the device. `pays` says
        that it was measured to be worth it on a CPU too, which `compile=auto` goes by.
        """
        return "no"

    def note(self) -> str | None:
        """A line for the row on how the trained entry computes, such as why a kernel of its own is not used."""
        return None

    def check_training(self, batch_size: int, finish_examples: int) -> None:
        """Refuses, before anything is trained, what `trainer` or `finish` could not do; here nothing.

        Args:
            batch_size: examples a step.
            finish_examples: examples that `finish` gets.

        Raises:
            BenchError: the entry needs more of them; the message says what to change.
        """


@runtime_checkable
class HasLogProb(Protocol):
    """An entry with a density, or a bound on one."""

    def log_prob(self, x: Tensor, context: Context = None) -> LogProb:
        """The log-density of each example in model space."""
        ...


@runtime_checkable
class HasLatent(Protocol):
    """An entry that maps examples to latents and back."""

    def encode(self, x: Tensor, context: Context = None) -> Tensor:
        """The latent: exact for a flow, the posterior mean for a VAE; prior scale 1 per coordinate."""
        ...

    def decode(self, z: Tensor, context: Context = None) -> Tensor:
        """The inverse of `encode`, or the decoder's mean, in model space."""
        ...


@runtime_checkable
class HasLogWeights(Protocol):
    """An entry whose likelihood is estimated by importance sampling."""

    def log_weights(self, x: Tensor, samples: int, context: Context = None) -> Tensor:
        """`(samples, batch)` log p(x, z) - log q(z | x), z drawn from q: exp has mean p(x)."""
        ...


@runtime_checkable
class HasDecoder(Protocol):
    """An entry with a decoder's density p(x | z) and a prior p(z) on R^latent, for annealed importance sampling."""

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """`(*samples, batch)` nats of log p(x | z), in model space, for z `(*samples, batch, latent)`."""
        ...

    def log_prior(self, z: Tensor) -> Tensor:
        """`(*samples, batch)` nats of log p(z), differentiable in z."""
        ...

    def prior_sample(self, n: int) -> Tensor:
        """`(n, latent)` independent draws of z from the prior."""
        ...


@runtime_checkable
class HasSimulator(HasDecoder, Protocol):
    """An entry whose p(x | z) can be drawn from."""

    def simulate(self, z: Tensor) -> Tensor:
        """`(n, *event)` draws of x, one for each z `(n, latent)`, noise included."""
        ...


@runtime_checkable
class LatentLaw(Protocol):
    """q(z | x) of a batch of examples: drawn from by reparameterisation, its density known where it draws."""

    @property
    def mean(self) -> Float[Tensor, "batch latent"]:
        """E[z | x], or the point that stands for it where there is no mean."""
        ...

    def draw(self, samples: int) -> tuple[Float[Tensor, "samples batch latent"], Float[Tensor, "samples batch"]]:
        """z ~ q(z | x) and log q(z | x) in nats, both with gradients."""
        ...


@runtime_checkable
class HasProposal(HasDecoder, Protocol):
    """An entry with a law to draw its latent from that can be refined for each example."""

    def proposal(self, x: Tensor) -> Proposal:
        """The encoder's own law of each example, x in model space."""
        ...


@runtime_checkable
class HasPosterior(HasDecoder, Protocol):
    """An entry with a posterior beside its decoder, for the diagnostics of its latent."""

    def posterior(self, x: Tensor) -> LatentLaw:
        """q(z | x) of each example, x in model space."""
        ...


@runtime_checkable
class HasFinish(Protocol):
    """An entry that fits something once, after its training: a noise scale, or a density of its latents."""

    def finish(self, x: Float[Tensor, "batch *event"]) -> None:
        """Fits it to training examples, on the training clock.

        The entry has the weights that validated best and is in evaluation mode, with gradients on. What is fitted goes
        into parameters or buffers whose shapes the constructor knows, so that stored weights load into a new entry.

        Args:
            x: some thousand training examples in model space, for a `fitted` entry all; their noise is fixed by the
                run's seed.
        """
        ...


@runtime_checkable
class HasClasses(Protocol):
    """An entry that says which class an example is of."""

    def classify(self, x: Tensor) -> Tensor:
        """`(batch, classes)` probabilities of the classes of `DataSpec.classes`."""
        ...


@runtime_checkable
class HasClassifier(HasClasses, Protocol):
    """An entry whose classifier is a net of its own, so that the same net can be trained without the rest."""

    def fresh_classifier(self) -> nn.Module:
        """A newly initialised net of the same layers: examples `(batch, *event)` to logits `(batch, classes)`."""
        ...


@runtime_checkable
class HasClusters(Protocol):
    """An entry that groups examples without labels."""

    def cluster(self, x: Tensor) -> Tensor:
        """`(batch, clusters)` probabilities; the order of the clusters means nothing."""
        ...


@runtime_checkable
class HasRoughLogProb(Protocol):
    """An entry whose density is a solver's, and can be solved as far as the choice of weights needs."""

    def rough_log_prob(self, x: Tensor) -> LogProb:
        """`log_prob` with an error that a mean over validation examples may have, in less time."""
        ...


@runtime_checkable
class HasEvaluationWeights(Protocol):
    """An entry that is evaluated with other weights than those that it trains."""

    def evaluation_weights(self) -> Mapping[str, Tensor]:
        """Weights by the names of the parameters that they stand for, of their shapes; those left out stay."""
        ...


@runtime_checkable
class HasReference(Protocol):
    """An entry whose density is a solver's, and can be solved with next to no error."""

    def reference_log_prob(self, x: Tensor) -> Tensor:
        """`(batch,)` nats in float64."""
        ...


@runtime_checkable
class HasGrid(HasReference, Protocol):
    """An entry that trains on a grid of its own choice, whose error no tolerance bounds.

    Attributes:
        grid: the times that the next loss is solved along; kept with the best weights, and given back with them.
    """

    grid: list[float]

    def grid_log_prob(self, x: Tensor, refined: int = 1) -> Tensor:
        """`(batch,)` nats as solved on the training grid, each of its steps cut into `refined` equal ones."""
        ...


def field_evaluations(entry: nn.Module) -> int | None:
    """The entry's running count of field evaluations; None for an entry that solves no ODE."""
    count: Any = getattr(entry, "nfe", None)
    return None if count is None else int(count)
