"""Copies of the sound entries that each break a contract of building or training."""

from typing import Any

import numpy as np
import torch
from torch import nn

from bench.models.optimise import GradientStep
from tests.contract.sound import Centred, Flow, Latent
from tests.contract.sound_pictures import Averaged


class ScalarLoss(Flow):
    def loss(self, x, context=None):
        return super().loss(x).mean()


class BroadcastLoss(Flow):
    def loss(self, x, context=None):
        return super().loss(x).mean().expand(len(x))


class ReversedLoss(Latent):
    def loss(self, x, context=None):
        return super().loss(x).flip(0)


class LeakingLoss(Flow):
    """Each example's loss holds a share of that of the example before it, and none of one behind."""

    def loss(self, x, context=None):
        own = super().loss(x)
        return own + 0.7 * torch.nn.functional.pad(own[:-1], (1, 0))


class IdleParameter(Flow):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.idle = nn.Parameter(torch.ones(3))


class DetachedConditioner(Flow):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.second.register_forward_hook(lambda module, inputs, output: output.detach())


class FittedWithoutFinish(Flow):
    fitted = True


class Forgetful(GradientStep):
    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class ForgetfulTrainer(Flow):
    def trainer(self, settings):
        return Forgetful(self, settings)


class FinishOutsideTheState(Centred):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        del self.centre
        self.centre = torch.zeros(data.dim)


class FinishThatGrows(Centred):
    def finish(self, x):
        self.centre = x[: len(self.centre) + 1].mean(1)

    def sample(self, n, context=None):
        return super(Centred, self).sample(n) + self.centre.mean()


class UnseededFinish(Centred):
    def finish(self, x):
        self.centre.fill_(np.random.default_rng().standard_normal())


class NoTrainer(Flow):
    def trainer(self, settings):
        return torch.optim.SGD(self.parameters(), lr=settings.learning_rate)


class FixedWidth(Flow):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=32)


class Unbuildable(Flow):
    def __init__(self, data, *, width: int) -> None:
        raise RuntimeError("no such luck")


class DoubleParameters(Flow):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.double()


class OneShapeOnly(Flow):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        if data.dim != 2:
            raise ValueError("the plane only")


class AverageBesideTheState(Averaged):
    """Its average is no part of the state, as that of a copy of the net in a plain attribute."""

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        average = self.average
        del self.average
        self.__dict__["average"] = average


class AverageOfNoParameter(Averaged):
    def evaluation_weights(self):
        return {f"net.{name}": value for name, value in super().evaluation_weights().items()}
