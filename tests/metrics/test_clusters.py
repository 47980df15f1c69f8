"""Clusters in use: none where nothing is told apart, all where they share the examples evenly."""

import pytest
import torch

from bench.metrics.clusters import cluster_use, clusters_used
from bench.setup import build
from bench.setup.compose import compose


def test_clusters_that_share_the_examples_are_all_in_use() -> None:
    assert clusters_used(torch.eye(4).repeat(5, 1)) == pytest.approx(4.0)


@pytest.mark.parametrize("name", ["one for all", "one on another"])
def test_a_collapsed_mixture_uses_one(name: str) -> None:
    """All examples in one of ten clusters, or each in all ten alike."""
    p = torch.full((20, 10), 0.1) if name == "one on another" else torch.eye(10)[:1].repeat(20, 1)
    assert clusters_used(p) == pytest.approx(1.0)


def test_a_mixture_that_collapsed_is_said() -> None:
    config = compose(["data=8gaussians", "data.train=500", "data.test=200", "model=gmm", "budget.parameters=null"])
    dataset = build.dataset(config)
    entry = build.entry_of_width(config, dataset.spec, 8)
    torch.manual_seed(0)
    entry.finish(dataset.train)
    with torch.no_grad():
        record = cluster_use(entry, dataset, dataset.test, config.eval)
    assert record["clusters_used"] > 6
    assert "warning" not in record
    with torch.no_grad():  # as after a run in which one component took all examples
        entry.logits[1:] = -1e6
    with torch.no_grad():
        record = cluster_use(entry, dataset, dataset.test, config.eval)
    assert record["clusters_used"] < 1.01
    assert record["warning"] == "collapsed: its 8 clusters act as 1.0"
