"""The classifiers that come with the package: a safetensors file a data set and test fold, in half precision.

A fold has a classifier of its own, trained on that fold's training examples: no classifier has seen the test examples
whose features it gives.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from bench.data.dataset import Dataset
from bench.metrics.features.classifier import Classifier
from bench.record.writing import write_atomically
from bench.seeds import FOLDS

FOLDER = Path(__file__).parent
HASH_DIGITS = 8


@dataclass(frozen=True)
class Stored:
    """A classifier from its file.

    Attributes:
        classifier: in evaluation mode, without gradients.
        content_hash: first digits of the SHA-256 of the file: values of features compare where it is the same.
    """

    classifier: Classifier
    content_hash: str


def classifier_of(dataset: Dataset, folder: Path = FOLDER) -> Stored | None:
    """The classifier of a data set's fold, on its device; None where there is none.

    One belongs to a data set by name and fold; data of levels with labels and with pictures of the same shape alone
    have one, so that binary forms and a user's data of another shape have none.
    """
    path = file_of(dataset, folder)
    if not may_have_one(dataset) or not path.is_file():
        return None
    content = path.read_bytes()
    with safe_open(path, "pt") as stored:
        about = json.loads(stored.metadata()["about"])
        weights = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
    if about["image_shape"] != list(dataset.image_shape or ()):
        return None
    classifier = Classifier(tuple(about["image_shape"]), about["classes"])
    classifier.load_state_dict(weights)
    classifier.requires_grad_(False).eval().to(dataset.device)
    return Stored(classifier, hashlib.sha256(content).hexdigest()[:HASH_DIGITS])


def hash_of_all(dataset: Dataset, folder: Path = FOLDER) -> str | None:
    """First digits of the SHA-256 over the classifiers of all folds of a data set; None where there is none."""
    paths = [file_of(dataset, folder)] if dataset.fold is None else [file_of(dataset, folder, f) for f in range(FOLDS)]
    content = b"".join(path.read_bytes() for path in paths if path.is_file())
    return hashlib.sha256(content).hexdigest()[:HASH_DIGITS] if content and may_have_one(dataset) else None


def may_have_one(dataset: Dataset) -> bool:
    """True of pictures of levels with labels."""
    return dataset.spec.kind == "discrete" and dataset.labels is not None and dataset.image_shape is not None


def file_of(dataset: Dataset, folder: Path = FOLDER, fold: int | None = None) -> Path:
    """Where the classifier of a data set's own fold, or of another, stands, there or not."""
    fold = dataset.fold if fold is None else fold
    return folder / f"{dataset.name}{'' if fold is None else f'_fold{fold}'}.safetensors"


def write(path: Path, weights: Mapping[str, Tensor], image_shape: tuple[int, ...], classes: int) -> None:
    """Writes a classifier in half precision."""
    about = json.dumps({"image_shape": list(image_shape), "classes": classes})
    halves = {name: tensor.to(torch.float16).contiguous() for name, tensor in weights.items()}
    write_atomically(path, save(halves, {"about": about}))
