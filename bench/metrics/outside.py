"""Outside data under an entry's likelihood: does it tell them from the data that the entry was trained on?

A likelihood need not fall on other data: one Gaussian of clothes gives digits a better one (Nalisnick et al. 2019,
arXiv:1810.09136). What lies off the typical set is then found by its distance from it (arXiv:1906.02994), here of one
example at a time.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor

from bench.config import Eval
from bench.data.dataset import Dataset
from bench.errors import Diverged
from bench.metrics import refined
from bench.metrics.ais import Annealing
from bench.metrics.likelihood import estimate
from bench.models.entry import Entry
from bench.seeds import stream_seed


def against_outside(
    entry: Entry, dataset: Dataset, outside: Dataset | None, settings: Eval, tick: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """AUROC of test examples against those of outside data, by NLL and by typicality; above 0.5 finds the outside ones.

    Outside examples go through the space of `dataset`. All NLLs are of the report space, by one draw of noise each.
    Typicality is |NLL - its mean over validation examples|: training examples have lower NLLs than fresh ones. Of both
    validation and outside examples the first count, at most as many as test examples. Errors leave out the mean's.

    Args:
        entry: trained.
        dataset: that it was trained on.
        outside: of the same shape, kind and levels; None measures nothing.
        settings: of the evaluation.
        tick: called before each chunk; it may raise to stop.

    Returns:
        Columns of the record; none for an entry without a density, a warning where that is not finite.
    """
    if outside is None:
        return {}
    test_rows = dataset.test[: settings.test_examples]
    splits = {
        "test": test_rows,
        "validation": dataset.validation[: len(test_rows)],
        "outside": outside.test[: len(test_rows)],
    }
    try:
        nlls = {name: nll(entry, dataset, raw, settings, name, tick) for name, raw in splits.items()}
    except Diverged as reason:
        return {"warning": f"nothing said of eval.outside={settings.outside}: {reason}"}
    test, validation, other = (nlls[name] for name in ("test", "validation", "outside"))
    if test is None or validation is None or other is None:
        return {}
    usual = validation.mean()
    auroc, error = area_under_roc(other, test)
    typical, typical_error = area_under_roc((other - usual).abs(), (test - usual).abs())
    return {
        "outside": settings.outside,
        "outside_examples": len(other),
        "outside_auroc": auroc,
        "outside_auroc_error": error,
        "outside_auroc_typicality": typical,
        "outside_auroc_typicality_error": typical_error,
    }


def nll(
    entry: Entry, dataset: Dataset, raw: Tensor, settings: Eval, split: str, tick: Callable[[], None]
) -> Float[Tensor, " n"] | None:
    """-log p in nats of each raw example, in the report space; None for an entry without a density.

    Where annealed importance sampling is asked for, of the first `settings.ais_examples`.

    Raises:
        Diverged: one of them is not finite.
    """
    annealing = Annealing(settings.ais_chains, settings.ais_steps) if settings.estimator == "ais" else None
    raw = raw if annealing is None else raw[: settings.ais_examples]
    x = dataset.fixed(raw, stream_seed(settings.seed, f"outside: {split}"))
    estimated = estimate(
        entry,
        x,
        importance_samples=settings.importance_samples,
        batch_rows=settings.batch_rows,
        annealing=annealing,
        tick=tick,
        refinement=refined.asked(settings),
    )
    return None if estimated is None else -(estimated.log_prob.double() + dataset.space.log_det(x).double())


def area_under_roc(positive: Float[Tensor, " m"], negative: Float[Tensor, " n"]) -> tuple[float, float]:
    """P(positive > negative) + P(equal) / 2, and its standard error over both samples (DeLong et al. 1988)."""
    both = torch.from_numpy(rankdata(torch.cat([positive, negative]).cpu().numpy()))
    m, n = len(positive), len(negative)
    # An example's rank among both less that among its own kind counts the others below it.
    above = (both[:m] - torch.from_numpy(rankdata(positive.cpu().numpy()))) / n
    below = 1 - (both[m:] - torch.from_numpy(rankdata(negative.cpu().numpy()))) / m
    error = (above.var() / m + below.var() / n).sqrt()
    return float(above.mean()), float(error)
