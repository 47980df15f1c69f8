"""The classifier whose last hidden layer gives the features of a picture."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

CHANNELS = (16, 32, 32)
SMALLEST_SIDE = 4
FEATURES = 48


class Classifier(nn.Module):
    """Three convolutions that end at 4 x 4 pixels, a layer of `FEATURES` units, and one logit a class.

    Args:
        image_shape: `(height, width)` or `(channels, height, width)`.
        classes: number of them.
    """

    def __init__(self, image_shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        *channels, height, width = image_shape
        self.shape = (channels[0] if channels else 1, height, width)
        before, sides, layers = self.shape[0], (height, width), list[nn.Module]()
        for after in CHANNELS:
            down, right = (2 if side > SMALLEST_SIDE else 1 for side in sides)
            layers += [nn.Conv2d(before, after, 3, stride=(down, right), padding=1), nn.SiLU()]
            sides = (math.ceil(sides[0] / down), math.ceil(sides[1] / right))
            before = after
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * math.prod(sides), FEATURES), nn.SiLU())
        self.head = nn.Linear(FEATURES, classes)

    def features(self, pixels: Float[Tensor, "n *event"]) -> Float[Tensor, "n features"]:
        """The features of pictures whose pixels are fractions of 1."""
        out: Tensor = self.body(pixels.reshape(len(pixels), *self.shape) - 0.5)
        return out

    def forward(self, pixels: Float[Tensor, "n *event"]) -> Float[Tensor, "n classes"]:
        """The logits of the classes."""
        out: Tensor = self.head(self.features(pixels))
        return out


def classes_of(classifier: Classifier, features: Float[Tensor, "n features"]) -> Int[Tensor, " n"]:
    """The most probable class of each picture, from its features."""
    with torch.no_grad():
        logits: Tensor = classifier.head(features.float())
        return logits.argmax(1)


def features_of(
    classifier: Classifier, pixels: Float[Tensor, "n *event"], batch_rows: int
) -> Float[Tensor, "n features"]:
    """The features of all pictures, `batch_rows` at a time, in float64."""
    with torch.no_grad():
        return torch.cat([classifier.features(chunk.float()).double() for chunk in torch.split(pixels, batch_rows)])
