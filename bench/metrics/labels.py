"""Agreement with true labels: accuracy of predicted classes, accuracy and NMI of clusters."""

import numpy as np
from jaxtyping import Float, Shaped
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor


def accuracy(probabilities: Float[Tensor, "n classes"], labels: Shaped[Tensor, " n"]) -> float:
    """Share of examples whose most probable class is the true one."""
    return float((probabilities.argmax(1) == labels).double().mean())


def cluster_accuracy(clusters: Shaped[Tensor, " n"], labels: Shaped[Tensor, " n"]) -> float:
    """Share of examples whose cluster stands for their class, at the best one-to-one assignment of clusters to classes.

    Where there are more clusters than classes, the examples of a cluster without a class count as wrong.
    """
    table = np.zeros((int(clusters.max()) + 1, int(labels.max()) + 1), dtype=np.int64)
    np.add.at(table, (clusters.long().cpu().numpy(), labels.long().cpu().numpy()), 1)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / len(labels))


def cluster_nmi(clusters: Shaped[Tensor, " n"], labels: Shaped[Tensor, " n"]) -> float:
    """Mutual information of cluster and class over the mean of their entropies: 0 for independent ones, 1 for the same.

    Two constant partitions are the same.
    """
    return float(normalized_mutual_info_score(labels.cpu().numpy(), clusters.cpu().numpy()))
