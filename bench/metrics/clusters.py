"""The number of clusters, or of components of a mixture, that an entry tells apart."""

import torch
from jaxtyping import Float
from torch import Tensor

from bench.config import Eval
from bench.data.dataset import Dataset
from bench.models.entry import Entry, HasClusters
from bench.record.store import Record

COLLAPSED = 1.5
"""Clusters in use below which several are in fact one."""


def cluster_use(entry: Entry, dataset: Dataset, x: Float[Tensor, "n *event"], settings: Eval) -> Record:
    """The column `clusters_used`, with a warning where several clusters act as one; nothing for entries without any."""
    if not isinstance(entry, HasClusters):
        return {}
    probabilities = torch.cat([entry.cluster(chunk) for chunk in torch.split(x, settings.batch_rows)])
    used = clusters_used(probabilities)
    record: Record = {"clusters_used": used}
    if used < COLLAPSED < probabilities.shape[1]:
        record["warning"] = f"collapsed: its {probabilities.shape[1]} clusters act as {used:.1f}"
    return record


def clusters_used(probabilities: Float[Tensor, "n clusters"]) -> float:
    """exp of the mutual information of example and cluster: 1 where nothing is told apart, at most `clusters`.

    Clusters that no example falls into add nothing, and neither do several that lie on one another: an example then
    falls into each of them alike.
    """
    p = probabilities.double()
    information = entropy(p.mean(0)) - entropy(p).mean()
    return float(information.clamp_min(0).exp())


def entropy(p: Float[Tensor, "*n clusters"]) -> Float[Tensor, "*n"]:
    """In nats, over the last dimension."""
    nats: Tensor = torch.special.entr(p).sum(-1)
    return nats
