import itertools
import math

import pytest
import torch

from bench.metrics.labels import accuracy, cluster_accuracy, cluster_nmi


def test_renamed_classes_are_the_same_partition() -> None:
    labels = torch.randint(4, (200,), dtype=torch.uint8)
    clusters = torch.tensor([2, 0, 3, 1])[labels.long()]
    assert cluster_accuracy(clusters, labels) == 1
    assert cluster_nmi(clusters, labels) == pytest.approx(1)


def test_the_assignment_is_the_best_of_all_permutations() -> None:
    labels, clusters = torch.randint(4, (60,)), torch.randint(4, (60,))
    best = max(
        float((torch.tensor(permutation)[clusters] == labels).double().mean())
        for permutation in itertools.permutations(range(4))
    )
    assert cluster_accuracy(clusters, labels) == pytest.approx(best)


def test_a_cluster_too_many_counts_as_wrong_and_one_too_few_costs_a_class() -> None:
    split = torch.tensor([0, 0, 0, 1, 2, 2])
    merged = torch.tensor([0, 0, 0, 0, 0, 0])
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    assert cluster_accuracy(split, labels) == pytest.approx(5 / 6)
    assert cluster_accuracy(merged, labels) == pytest.approx(4 / 6)


def test_mutual_information_is_over_the_mean_of_the_entropies() -> None:
    """Classes in halves, clusters in quarters that refine them: I = log 2, H = log 2 and log 4."""
    labels, clusters = torch.tensor([0, 0, 1, 1] * 5), torch.tensor([0, 1, 2, 3] * 5)
    assert cluster_nmi(clusters, labels) == pytest.approx(math.log(2) / (0.5 * math.log(8)))
    independent = torch.tensor([0, 1, 0, 1] * 5)
    assert cluster_nmi(independent, labels) == pytest.approx(0, abs=1e-12)


def test_accuracy_counts_the_most_probable_class() -> None:
    probabilities = torch.tensor([[0.6, 0.4], [0.1, 0.9], [0.3, 0.7]])
    assert accuracy(probabilities, torch.tensor([0, 1, 0], dtype=torch.uint8)) == pytest.approx(2 / 3)
