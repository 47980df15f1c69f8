"""Trains the classifiers of features: `python -m bench.metrics.features.make digits mnist fashion_mnist`.

It writes `bench/metrics/features/NAME.safetensors`; of digits one a test fold, `digits_fold0.safetensors` to
`digits_fold4.safetensors`, each trained on that fold's training examples alone. MNIST and Fashion-MNIST are read from
$BENCH_DATA. The files are made once and committed: a new one changes every value of a feature metric, and its hash in
the rows.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.digits import digits
from bench.data.images import idx_images
from bench.metrics.features.classifier import Classifier
from bench.metrics.features.stored import FOLDER, file_of, write
from bench.seeds import FOLDS

SETS: dict[str, Callable[[], list[Dataset]]] = {
    "digits": lambda: [digits("digits", fold=fold) for fold in range(FOLDS)],
    "mnist": lambda: [idx_images("mnist", folder="mnist")],
    "fashion_mnist": lambda: [idx_images("fashion_mnist", folder="fashion_mnist")],
}
"""The data sets of a name, of each of which a classifier is made."""
BATCH, RATE, DECAY = 128, 2e-3, 1e-2
STEPS = 3_000


def trained(dataset: Dataset, steps: int, seed: int = 0) -> tuple[Classifier, float]:
    """A classifier of the training split, and its accuracy on the validation split.

    Pixels are dequantised anew in each step, as the bench dequantises what it measures, and pictures are moved by up to
    a pixel, so that features of training examples differ little from those of others.

    Raises:
        ValueError: the data have no labels, or are no pictures.
    """
    if dataset.labels is None or dataset.image_shape is None or dataset.spec.levels is None:
        raise ValueError(f"{dataset.name} is no set of pictures with labels")
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    labels = dataset.labels[0].long()
    classifier = Classifier(dataset.image_shape, int(labels.max()) + 1)
    optimiser = torch.optim.AdamW(classifier.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        rows = torch.randint(len(labels), (BATCH,), generator=generator)
        pixels = moved(pixels_of(dataset, dataset.train[rows], generator), classifier.shape, generator)
        loss = torch.nn.functional.cross_entropy(classifier(pixels), labels[rows], label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        found = classifier(pixels_of(dataset, dataset.validation, generator)).argmax(1)
    return classifier, (found == dataset.labels[1]).double().mean().item()


def pixels_of(dataset: Dataset, raw: Tensor, generator: torch.Generator) -> Tensor:
    """Raw pictures as the bench measures them: dequantised, fractions of 1."""
    return dataset.space.to_data(dataset.space.to_model(raw, generator))


def moved(pixels: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Pictures moved by at most one pixel, all of a batch alike; what enters is black."""
    down, right = torch.randint(-1, 2, (2,), generator=generator).tolist()
    pictures = torch.nn.functional.pad(pixels.reshape(len(pixels), *shape), (1, 1, 1, 1))
    return pictures.roll((down, right), (2, 3))[:, :, 1:-1, 1:-1]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="+", choices=sorted(SETS))
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder of the files (the package's own)")
    parser.add_argument("--steps", type=int, default=STEPS, help="of training")
    words = parser.parse_args()
    for dataset in (dataset for name in words.names for dataset in SETS[name]()):
        classifier, accuracy = trained(dataset, words.steps)
        path = file_of(dataset, words.to)
        write(path, classifier.state_dict(), classifier_shape(dataset), classifier.head.out_features)
        print(f"{path}: {path.stat().st_size:,} bytes, validation accuracy {accuracy:.4f}")


def classifier_shape(dataset: Dataset) -> tuple[int, ...]:
    """The shape of the data set's pictures.

    Raises:
        ValueError: they are no pictures.
    """
    if dataset.image_shape is None:
        raise ValueError(f"{dataset.name} is no set of pictures")
    return dataset.image_shape


if __name__ == "__main__":
    main()
