"""Quality of samples: each metric beside its floor, *real*, and beside *copycat*, training examples returned."""

import math
from pathlib import Path
from statistics import fmean, stdev

import torch
from jaxtyping import Float
from torch import Tensor

from bench.data.dataset import Dataset
from bench.errors import Diverged
from bench.metrics.c2st import accuracy_curve, leaves_at, sizes_of
from bench.metrics.features.stored import classifier_of
from bench.metrics.instrument import Instrument, Tools
from bench.metrics.kept import kept
from bench.metrics.not_measured import joined
from bench.record.sample_metrics import FLOOR_DRAWS, copycat, floor, floor_sd, half_range
from bench.record.store import Record
from bench.seeds import stream_seed

MOST_REFERENCE = 10_000
"""Training examples that authenticity and C_T look for copies among."""

NO_FEATURES = "not_applicable"
"""In place of the hash of a classifier, for data without one."""


def sample_quality(
    samples: Float[Tensor, "n *event"],
    real: Float[Tensor, "n *event"],
    dataset: Dataset,
    *,
    projections: int,
    trees: int,
    batch_rows: int,
    seed: int,
    floors_folder: Path | None = None,
) -> Record:
    """Every metric of `SAMPLE_METRICS` with its floor, the floor's standard deviation and the copycat's value.

    A floor is the mean over `FLOOR_DRAWS` random draws of training examples in place of samples. Authenticity and C_T
    look for copies among training examples that the draw left; for the samples and for the copycat, whose examples
    stay among them, among those that the first draw left. Draws depend on `seed` alone: all models meet the same.

    Args:
        samples: what a model drew, in data space.
        real: as many test examples, at most half as many as there are training examples.
        dataset: of both.
        projections: random directions of sliced W2.
        trees: of the classifier of C2ST.
        batch_rows: pictures in one call of the classifier of features.
        seed: of all draws.
        floors_folder: where floors and the copycat's values, which no model changes, are kept for other runs.

    Raises:
        Diverged: a sample is not finite.
        CannotWrite: the folder of floors cannot be written.

    Returns:
        The columns, `features_hash` among them, and `c2st_curve`.
    """
    check_finite(samples)
    n, total = len(real), len(dataset.train)
    generator = torch.Generator().manual_seed(stream_seed(seed, "draws"))
    orders = [torch.randperm(total, generator=generator).to(real.device) for _ in range(FLOOR_DRAWS)]

    def training(rows: Tensor, name: str) -> Tensor:
        return dataset.space.to_data(dataset.fixed(dataset.training(rows), stream_seed(seed, name)))

    stored, left = classifier_of(dataset), [order[n:][:MOST_REFERENCE] for order in orders]
    # scikit-learn's seeds have 32 bits.
    short = stream_seed(seed, "tools") % 2**31
    tools = Tools(projections, trees, stored.classifier if stored else None, batch_rows, short)
    first, *others = (training(rows, "left") for rows in left)
    fresh = [training(order[:n], "fresh") for order in orders]
    copies = training(left[0][torch.randperm(len(left[0]), generator=generator)[:n].to(real.device)], "copies")
    instrument = Instrument.of(real, first, tools)
    reference = instrument.reference(first)

    def measure_controls() -> Record:
        references = [reference, *(instrument.reference(points) for points in others)]
        draws = [instrument.measure(points, of) for points, of in zip(fresh, references, strict=True)]
        copied = instrument.measure(copies, reference)
        return floor_columns(draws, n / total) | {
            copycat(name): value for name, value in copied.items() if name != "warning"
        }

    settings = (projections, trees, batch_rows, short, n / total, stored.content_hash if stored else None)
    controls = kept(floors_folder, [real, first, *others, *fresh, copies], settings, measure_controls)
    own = instrument.measure(samples, reference)
    return joined(
        own,
        controls,
        power(samples, real, own["c2st"], controls, tools),
        {"features_hash": stored.content_hash if stored else NO_FEATURES},
    )


def check_finite(samples: Float[Tensor, "n *event"]) -> None:
    """Refuses broken samples.

    Raises:
        Diverged: it says how many are.
    """
    broken = int((~samples.flatten(1).isfinite()).any(1).sum())
    if broken:
        raise Diverged(f"{broken} of {len(samples)} samples are not finite")


def floor_columns(draws: list[Record], share: float) -> Record:
    """Mean and standard deviation of each metric that all draws have.

    Args:
        draws: what was measured of each.
        share: of the training examples that a draw holds. Draws of the same ones overlap: their variance is 1 - share
            of that among sets of new examples, and their mean is as uncertain as the training split. The deviation is
            widened, so that the t prediction interval of `half_range` holds for a set of new examples.
    """
    k = len(draws)
    record: Record = {}
    widened = math.sqrt(((1 + share) / (1 - share) + 1 / k) / (1 + 1 / k))
    for name in draws[0]:
        values = [draw[name] for draw in draws if name in draw]
        if name != "warning" and len(values) == k:
            record |= {floor(name): fmean(values), floor_sd(name): widened * stdev(values)}
    return record


def power(
    samples: Float[Tensor, "n *event"], real: Float[Tensor, "n *event"], largest: float, floors: Record, tools: Tools
) -> Record:
    """`c2st_curve`, accuracy against training examples a side, and `c2st_examples`, at which it leaves its floor.

    The floor is that of the largest training set: between sets of one law the accuracy is a half at every size, and its
    spread is that of the examples tested on, which are the same.

    Args:
        samples, real: equally many.
        largest: the accuracy at the largest training set, which is known.
        floors: with those of `c2st`.
        tools: of the metrics.
    """
    *smaller, most = sizes_of(len(real))
    curve = [*accuracy_curve(samples, real, tuple(smaller), tools.seed, tools.trees), (most, largest)]
    leaving = leaves_at(curve, floors[floor("c2st")], half_range(floors[floor_sd("c2st")]))
    return {"c2st_curve": [list(point) for point in curve], "c2st_examples": leaving}
