"""The supervised baseline: a semi-supervised entry's classifier, trained afresh on the labelled examples alone."""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.data.dataset import Dataset
from bench.metrics.labels import accuracy
from bench.models.entry import HasClassifier
from bench.seeds import stream_seed

LEARNING_RATE = 2e-3
BATCH = 128
STEPS = 2_000
VALIDATE_EVERY = 50
PATIENCE = 8


def supervised_accuracy(entry: HasClassifier, dataset: Dataset, x: Float[Tensor, "n *event"], seed: int) -> float:
    """Test accuracy of a fresh copy of the entry's classifier that has seen the labelled examples and nothing else.

    Adam on the cross-entropy of batches drawn evenly, with fresh noise, until the validation split's cross-entropy has
    not fallen for 400 steps; the weights that validated best are kept. The validation labels are the baseline's
    alone: an entry is selected without them. Torch's random state is left as it was.

    Args:
        entry: gives the fresh classifier.
        dataset: with labels in sight, on the entry's device.
        x: examples of the test split in model space, its first ones.
        seed: of the classifier's start, the batches and their noise.
    """
    assert dataset.labels is not None
    assert dataset.labelled is not None
    device = dataset.device
    labels, validation_labels, test_labels = (part.long() for part in dataset.labels)
    validation = dataset.fixed(dataset.validation, stream_seed(seed, "supervised validation"))
    noise = torch.Generator(device).manual_seed(stream_seed(seed, "supervised noise"))
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.enable_grad():
        torch.manual_seed(stream_seed(seed, "supervised"))
        net = entry.fresh_classifier().to(device)
        adam = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
        best, weights, stale = float("inf"), copy.deepcopy(net.state_dict()), 0
        for step in range(1, STEPS + 1):
            chosen = dataset.labelled[torch.randperm(len(dataset.labelled), device=device)[:BATCH]]
            batch = dataset.space.to_model(dataset.training(chosen), noise)
            adam.zero_grad()
            nn.functional.cross_entropy(net(batch), labels[chosen]).backward()  # type: ignore[no-untyped-call]
            adam.step()
            if step % VALIDATE_EVERY:
                continue
            with torch.no_grad():
                value = float(nn.functional.cross_entropy(net(validation), validation_labels))
            if value < best:
                best, weights, stale = value, copy.deepcopy(net.state_dict()), 0
            else:
                stale += 1
            if stale == PATIENCE:
                break
    net.load_state_dict(weights)
    with torch.no_grad():
        return accuracy(net(x), test_labels[: len(x)])
