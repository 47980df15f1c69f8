"""pythae's VAE with the layers of ours, under pythae's own trainer (Chadebec et al. 2022, arXiv:2206.08309).

Importing this needs pythae, which is not a dependency of the project.
"""

import contextlib
import copy
import io
import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from jaxtyping import Float
from pythae.data.datasets import BaseDataset
from pythae.models import VAE as PythaeVAE
from pythae.models import VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor

from bench.models.coders import BernoulliDecoder, DiagonalEncoder
from bench.models.vae import VAE
from bench.speed.interleave import Block


class Encoder(BaseEncoder):  # type: ignore[misc]
    """A copy of our posterior network, read as pythae reads one."""

    def __init__(self, ours: DiagonalEncoder) -> None:
        super().__init__()
        self.net = copy.deepcopy(ours)

    def forward(self, x: Tensor) -> ModelOutput:
        """The posterior of x, `(batch, dim)`, as mean and log-variance."""
        posterior = self.net(x)
        return ModelOutput(embedding=posterior.mean, log_covariance=2 * posterior.log_scale)


class Decoder(BaseDecoder):  # type: ignore[misc]
    """A copy of our decoder network; pythae's cross-entropy wants probabilities."""

    def __init__(self, ours: BernoulliDecoder) -> None:
        super().__init__()
        self.net = copy.deepcopy(ours)

    def forward(self, z: Tensor) -> ModelOutput:
        """P(pixel = 1 | z), `(batch, dim)`."""
        return ModelOutput(reconstruction=self.net.mean(z))


def same_layers(ours: VAE) -> PythaeVAE:
    """pythae's VAE with the layers and the weights of `ours`, which models binary data."""
    assert isinstance(ours.decoder, BernoulliDecoder)
    assert isinstance(ours.encoder, DiagonalEncoder)
    config = VAEConfig(input_dim=(ours.data.dim,), latent_dim=ours.latent_size, reconstruction_loss="bce")
    return PythaeVAE(config, encoder=Encoder(ours.encoder), decoder=Decoder(ours.decoder))


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
