"""Authenticity: the share of samples that are no copies of training examples (Alaa et al. 2022, arXiv 2102.08921)."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from bench.metrics.nearest import nearest


def authenticity(distances: Float[Tensor, " n"], places: Int[Tensor, " n"], training: Float[Tensor, "m d"]) -> float:
    """The share of samples farther from their nearest training example than that one's own nearest neighbour is.

    It sees copies, exact or with noise smaller than the distance between examples: 0 where every sample is one, about a
    half for fresh draws of the data. Samples far from all data count as authentic: it says nothing of their quality.

    Args:
        distances: from each sample to its nearest training example.
        places: of that example in `training`.
        training: at least two examples.
    """
    asked, of = np.unique(places.cpu().numpy(), return_inverse=True)
    # The nearest of an example's neighbours is the example itself.
    own = nearest(training[torch.from_numpy(asked)], training, k=2)[0][:, 1]
    return (distances > own[torch.from_numpy(of)]).double().mean().item()
