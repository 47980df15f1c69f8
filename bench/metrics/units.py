"""A likelihood in the units of a user's own columns, beside that of the report space."""

from bench.data.dataset import Dataset
from bench.data.spaces import HasUnits
from bench.record.store import Record

REPORT_SPACE = {
    "discrete": "nats of dequantised pixels",
    "binary": "nats of binary pixels",
    "continuous": "nats in the data's own coordinates",
}
STANDARDISED = "nats of standardised columns; of a category, of its probability"


def in_units(dataset: Dataset, nll: float) -> Record:
    """`nll_space`, what one nat is a nat of, and `nll_unit_nats` where the columns have units.

    With y the report coordinates and v the columns' own, log p(v) = log p(y) + log |det dy/dv|, and the determinant is
    a constant. Integers count by the density of their cell, which bounds their probability; categories likewise.

    Args:
        dataset: of the likelihood.
        nll: its mean in the report space, in nats.
    """
    if not isinstance(dataset.space, HasUnits):
        return {"nll_space": REPORT_SPACE[dataset.spec.kind]}
    return {"nll_space": STANDARDISED, "nll_unit_nats": nll - dataset.space.unit_log_det}
