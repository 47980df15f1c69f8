"""What sets of samples of one data set are measured with: test examples, and training examples to find copies of."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from bench.metrics.authenticity import authenticity
from bench.metrics.c2st import c2st
from bench.metrics.class_shares import class_chi2
from bench.metrics.data_copying import cell_centres, copying_z
from bench.metrics.density_coverage import coverage, density
from bench.metrics.energy import energy_distance
from bench.metrics.features.classifier import Classifier, classes_of, features_of
from bench.metrics.frechet import frechet_distance
from bench.metrics.kid import kernel_distance
from bench.metrics.mmd import pair_mmd2
from bench.metrics.nearest import nearest
from bench.metrics.not_measured import measured
from bench.metrics.point_clouds import Cloud, Pair, flat
from bench.metrics.precision_recall import precision, recall
from bench.metrics.sliced_w2 import sliced_w2
from bench.record.store import Record


@dataclass(frozen=True)
class Tools:
    """What the metrics need beside points.

    Attributes:
        projections: random directions of sliced W2.
        trees: of the classifier of C2ST.
        classifier: of features; None where the data have none.
        batch_rows: pictures in one call of it.
        seed: of the directions, the cells of C_T and the classifier of C2ST, 32 bits.
    """

    projections: int
    trees: int
    classifier: Classifier | None
    batch_rows: int
    seed: int


@dataclass(frozen=True)
class Reference:
    """Training examples among which copies are looked for.

    Attributes:
        points: `(m, d)`.
        test: distance of each test example to the nearest of them.
    """

    points: Float[Tensor, "m d"]
    test: Float[Tensor, " n"]


@dataclass(frozen=True)
class Instrument:
    """Test examples and what is measured of them once for all sets of samples.

    Attributes:
        tools: what the metrics need beside points.
        real: the test examples.
        features: of the test examples; None without a classifier.
        centres: of the cells of C_T.
        cells: that the test examples lie in.
    """

    tools: Tools
    real: Cloud
    features: Float[Tensor, "n features"] | None
    centres: Float[Tensor, "cells d"]
    cells: Int[Tensor, " n"]

    @classmethod
    def of(cls, real: Float[Tensor, "n *event"], training: Float[Tensor, "m *event"], tools: Tools) -> "Instrument":
        """The instrument for test examples, the cells found on training examples."""
        cloud, centres = Cloud.of(real), cell_centres(flat(training), len(real), tools.seed)
        features = None if tools.classifier is None else features_of(tools.classifier, real, tools.batch_rows)
        return cls(tools, cloud, features, centres, in_cells(cloud.points, centres))

    def reference(self, training: Float[Tensor, "m *event"]) -> Reference:
        """Training examples to look for copies of."""
        points = flat(training)
        return Reference(points, nearest(self.real.points, points)[0][:, 0])

    def measure(self, samples: Float[Tensor, "n *event"], reference: Reference) -> Record:
        """Each metric of the samples; one that means nothing for them is left out, and `warning` says so."""
        tools, pair = self.tools, Pair.of(Cloud.of(samples, self.real.median), self.real)
        points = pair.samples.points
        distances, places = (found[:, 0] for found in nearest(points, reference.points))
        generator = torch.Generator(points.device).manual_seed(tools.seed)
        metrics: dict[str, Callable[[], float]] = {
            "sliced_w2": lambda: sliced_w2(points, self.real.points, tools.projections, generator),
            "mmd2": lambda: pair_mmd2(pair),
            "energy_distance": lambda: energy_distance(pair),
            "c2st": lambda: c2st(points, self.real.points, tools.seed, tools.trees),
            "precision": lambda: precision(pair),
            "recall": lambda: recall(pair),
            "density": lambda: density(pair),
            "coverage": lambda: coverage(pair),
            "authenticity": lambda: authenticity(distances, places, reference.points),
            "c_t": lambda: copying_z(
                distances, reference.test, in_cells(points, self.centres), self.cells, len(self.centres)
            ),
        }
        if tools.classifier is not None and self.features is not None:
            features, of_real = features_of(tools.classifier, samples, tools.batch_rows), self.features
            metrics["feature_frechet"] = lambda: frechet_distance(features, of_real)
            metrics["feature_kid"] = lambda: kernel_distance(features, of_real)
            seen, of_test = (classes_of(tools.classifier, of) for of in (features, of_real))
            classes = tools.classifier.head.out_features
            metrics["class_chi2"] = lambda: class_chi2(seen, of_test, classes)
        return measured(metrics)


def in_cells(points: Float[Tensor, "n d"], centres: Float[Tensor, "cells d"]) -> Int[Tensor, " n"]:
    """The cell of each point: that of the nearest centre."""
    return nearest(points, centres)[1][:, 0]
