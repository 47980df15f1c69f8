"""Moments with known distances, and the classifiers that come with the package."""

from dataclasses import replace

import pytest
import torch

from bench.data.digits import digits
from bench.data.toy import toy
from bench.metrics.class_shares import class_chi2
from bench.metrics.features.classifier import Classifier, classes_of, features_of
from bench.metrics.features.make import trained
from bench.metrics.features.stored import FOLDER, classifier_of, write
from bench.metrics.frechet import frechet_distance
from bench.metrics.kid import kernel_distance

LARGEST_FILE = 200_000


def test_the_frechet_distance_of_gaussians_that_commute_is_known() -> None:
    """|shift|² + the sum of (sd - sd')² for diagonal covariances; exact for points with exactly these moments."""
    points = torch.randn(500, 3).double()
    white = (points - points.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(points.T)).T)
    sd, other = torch.tensor([1.0, 2.0, 0.5]).double(), torch.tensor([1.5, 2.0, 0.1]).double()
    shift = torch.tensor([0.0, 1.0, -2.0]).double()
    expected = shift.square().sum() + (sd - other).square().sum()
    assert frechet_distance(white * sd, white * other + shift) == pytest.approx(expected.item(), rel=1e-6)
    assert frechet_distance(white, white) == pytest.approx(0, abs=1e-9)


def test_the_kernel_distance_is_unbiased() -> None:
    """E (x y + 1)³ of independent numbers with moments 0, 1, 0 and of those shifted by 1, with moments 1, 2, 4."""
    moments, other = (1.0, 0.0, 1.0, 0.0), (1.0, 1.0, 2.0, 4.0)

    def mean(p: tuple[float, ...], q: tuple[float, ...]) -> float:
        return sum(c * a * b for c, a, b in zip((1, 3, 3, 1), p, q, strict=True))

    expected = mean(moments, moments) + mean(other, other) - 2 * mean(moments, other)
    draws = [kernel_distance(torch.randn(40, 1).double(), torch.randn(30, 1).double() + 1) for _ in range(2000)]
    found = torch.tensor(draws)
    assert abs(found.mean() - expected) < 4 * found.std() / 2000**0.5
    # with its own pairs the statistic would lie (E (x² + 1)³ - mean) / 40 + ... > .5 higher
    assert 4 * found.std() / 2000**0.5 < 2


def test_chi_square_of_classes_is_that_of_a_contingency_table() -> None:
    from scipy.stats import chi2_contingency

    a, b = torch.tensor([0] * 10 + [1] * 20 + [2] * 30), torch.tensor([0] * 20 + [1] * 20 + [2] * 20)
    table = [[10, 20, 30], [20, 20, 20]]
    assert class_chi2(a, b, 5) == pytest.approx(chi2_contingency(table).statistic / 2)
    assert class_chi2(a, a, 5) == 0


def test_every_classifier_is_small_and_has_no_pickle() -> None:
    files = sorted(FOLDER.glob("*.safetensors"))
    assert [path.stem for path in files] == ["digits", "fashion_mnist", "mnist"]
    assert all(path.stat().st_size <= LARGEST_FILE for path in files)


def test_the_classifier_of_digits_reads_digits() -> None:
    dataset = digits("digits")
    stored = classifier_of(dataset)
    assert stored is not None
    pixels = dataset.space.to_data(dataset.fixed(dataset.test, 0))
    features = features_of(stored.classifier, pixels, 100)
    assert torch.equal(features, features_of(stored.classifier, pixels, 360)) or torch.allclose(
        features, features_of(stored.classifier, pixels, 360), atol=1e-5
    )
    right = (classes_of(stored.classifier, features) == dataset.labels[2]).double().mean()
    assert right > 0.94, "of 360; .97 on validation"
    assert len(stored.content_hash) == 8


def test_data_without_a_classifier_have_none() -> None:
    dataset = digits("digits")
    for other in (
        toy("moons", train=4, validation=1, test=1),
        digits("digits", binary=True),
        replace(dataset, name="mine"),
        replace(dataset, labels=None),
        replace(dataset, image_shape=(4, 16)),
    ):
        assert classifier_of(other) is None


def test_one_that_is_made_is_read_again(tmp_path) -> None:
    dataset = digits("digits")
    classifier, accuracy = trained(dataset, steps=60)
    assert accuracy > 0.3, "a tenth by chance"
    write(tmp_path / "digits.safetensors", classifier.state_dict(), dataset.image_shape, 10)
    stored = classifier_of(dataset, tmp_path)
    pixels = dataset.space.to_data(dataset.fixed(dataset.test[:20], 0))
    # weights in half precision have 11 bits
    with torch.no_grad():
        assert torch.allclose(stored.classifier(pixels), classifier(pixels), atol=0.02)


def test_pictures_of_any_shape_have_features() -> None:
    for shape in ((28, 28), (3, 9, 5)):
        classifier = Classifier(shape, 4)
        assert classifier(torch.rand(2, *shape).flatten(1)).shape == (2, 4)
