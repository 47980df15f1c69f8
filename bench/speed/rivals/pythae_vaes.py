"""pythae's VAEs with the layers of ours, under pythae's own trainer (Chadebec et al. 2022, arXiv:2206.08309).

Importing this needs pythae, which is not a dependency of the project.
"""

import contextlib
import copy
import io
import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from pythae.data.datasets import BaseDataset
from pythae.models import IWAE as PythaeIWAE
from pythae.models import SVAE as PythaeSVAE
from pythae.models import VAE as PythaeVAE
from pythae.models import VAE_IAF as PythaeIAF
from pythae.models import VAMP as PythaeVAMP
from pythae.models import IWAEConfig, SVAEConfig, VAE_IAF_Config, VAEConfig, VAMPConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor, nn

from bench.models.iwae import IWAE
from bench.models.parts.coders import BernoulliLaw, DiagonalEncoder
from bench.models.parts.latent import LatentEntry
from bench.models.svae import SVAE, SphereEncoder
from bench.models.vae import VAE
from bench.models.vae_conv import VAEConv
from bench.models.vae_iaf import IAFVAE, MADE_LAYERS
from bench.models.vampprior import PseudoInputs, VampPrior
from bench.speed.interleave import Block

Net = TypeVar("Net", bound=nn.Module)


def laid_plainly(net: Net) -> Net:
    """A copy whose convolutions' weights lie as torch lays them, where ours lie channels last."""
    return copy.deepcopy(net).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload, no-any-return]


class GaussianHeads(BaseEncoder):  # type: ignore[misc]
    """A copy of our Gaussian posterior network, read as pythae reads one, its weights as torch lays them."""

    def __init__(self, ours: DiagonalEncoder) -> None:
        super().__init__()
        self.net = laid_plainly(ours)

    def forward(self, x: Tensor) -> ModelOutput:
        """The posterior of x, `(batch, dim)`, as mean and log-variance."""
        posterior = self.net(x)
        return ModelOutput(embedding=posterior.mean, log_covariance=2 * posterior.log_scale)


class SphereHeads(BaseEncoder):  # type: ignore[misc]
    """A copy of our network of directions and concentrations; pythae normalises the first, and maps the second as ours.

    Where ours is softly bounded above, at 1e5, pythae's is not.
    """

    def __init__(self, ours: SphereEncoder) -> None:
        super().__init__()
        self.net = copy.deepcopy(ours)

    def forward(self, x: Tensor) -> ModelOutput:
        """The posterior of x, `(batch, dim)`, as a direction and what softplus makes a concentration of."""
        features = self.net.trunk(x)
        return ModelOutput(
            embedding=self.net.direction_head(features), log_concentration=self.net.concentration_head(features)
        )


class ProbabilityDecoder(BaseDecoder):  # type: ignore[misc]
    """A copy of our decoder network; pythae's cross-entropy wants probabilities."""

    def __init__(self, ours: BernoulliLaw, radius: float = 1.0) -> None:
        """`radius` is that of our sphere, where pythae's latents lie on one of radius 1."""
        super().__init__()
        self.net, self.radius = laid_plainly(ours), radius

    def forward(self, z: Tensor) -> ModelOutput:
        """P(pixel = 1 | z), `(batch, dim)`."""
        return ModelOutput(reconstruction=self.net.mean(z if self.radius == 1 else self.radius * z))


class PseudoInputsOfOurs(nn.Module):
    """A copy of our pseudo-inputs in the place of a linear layer of pythae's, fed with an identity matrix."""

    def __init__(self, ours: PseudoInputs) -> None:
        super().__init__()
        self.net = copy.deepcopy(ours)

    def forward(self, identity: Tensor) -> Tensor:
        """All of them, `(components, dim)`."""
        points: Tensor = self.net()
        return points


def same_layers(ours: LatentEntry) -> PythaeVAE:
    """pythae's counterpart of `ours`, which models binary data, with its layers and its weights.

    An inverse autoregressive flow is pythae's own, of as many masked layers of the same size.
    """
    return COUNTERPARTS[type(ours)](ours)


def gaussian(
    ours: VAE | IWAE | VampPrior | IAFVAE, model: type[PythaeVAE], config: Callable[..., Any], **own: Any
) -> PythaeVAE:
    """pythae's `model` with our Gaussian encoder and our decoder; `own` are its configuration's options."""
    assert isinstance(ours.encoder, DiagonalEncoder)
    assert isinstance(ours.decoder, BernoulliLaw)
    settings = config(input_dim=(ours.data.dim,), latent_dim=ours.latent_size, reconstruction_loss="bce", **own)
    return model(settings, encoder=GaussianHeads(ours.encoder), decoder=ProbabilityDecoder(ours.decoder))


def mixture(ours: VampPrior) -> PythaeVAE:
    """pythae's VAMP with our pseudo-inputs."""
    model = gaussian(ours, PythaeVAMP, VAMPConfig, number_components=len(ours.pseudo_inputs.codes))
    model.pseudo_inputs = PseudoInputsOfOurs(ours.pseudo_inputs)
    return model


def autoregressive(ours: IAFVAE) -> PythaeVAE:
    """pythae's VAE_IAF with flows of the size of ours."""
    steps, size = ours.flow.steps, ours.encoder.trunk.outputs
    return gaussian(
        ours, PythaeIAF, VAE_IAF_Config, n_made_blocks=len(steps), n_hidden_in_made=MADE_LAYERS, hidden_size=size
    )


def sphere(ours: SVAE) -> PythaeVAE:
    """pythae's SVAE, whose latents it counts in coordinates of the space around the sphere."""
    assert isinstance(ours.decoder, BernoulliLaw)
    settings = SVAEConfig(input_dim=(ours.data.dim,), latent_dim=ours.coordinates, reconstruction_loss="bce")
    return PythaeSVAE(
        settings, encoder=SphereHeads(ours.encoder), decoder=ProbabilityDecoder(ours.decoder, ours.radius)
    )


COUNTERPARTS: dict[type[LatentEntry], Callable[[Any], PythaeVAE]] = {
    VAE: lambda ours: gaussian(ours, PythaeVAE, VAEConfig),
    VAEConv: lambda ours: gaussian(ours, PythaeVAE, VAEConfig),
    IWAE: lambda ours: gaussian(ours, PythaeIWAE, IWAEConfig, number_samples=ours.samples),
    VampPrior: mixture,
    IAFVAE: autoregressive,
    SVAE: sphere,
}


def epochs(
    model: PythaeVAE, x: Float[Tensor, "n dim"], batch_size: int, rate: float, device: torch.device, folder: Path
) -> Block:
    """Calls that train `model` for one epoch on `x` each, with the trainer's defaults: Adam, loader, progress bar.

    What the trainer does besides steps at the end of an epoch (a copy of the best model, checkpoints) is left out. Its
    messages are kept off the terminal.
    """
    settings = BaseTrainerConfig(
        output_dir=str(folder), per_device_train_batch_size=batch_size, learning_rate=rate, no_cuda=device.type == "cpu"
    )
    with quiet():
        trainer = BaseTrainer(model, BaseDataset(x, torch.zeros(len(x))), training_config=settings)
        trainer.prepare_training()
    numbers = itertools.count(1)

    def epoch() -> None:
        with quiet():
            trainer.train_step(next(numbers))
            trainer.callback_handler.on_epoch_end(settings)

    return epoch


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps log lines and progress bars off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
