from dataclasses import replace

import pytest
import torch

from bench.speed.figure import Target
from bench.speed.interleave import Effort
from bench.speed.ladder import ladder as story
from bench.speed.ladder.claims import CLAIMS, PLANE_CLAIMS, Claim, PeakClaim
from bench.speed.ladder.peak import Peak
from bench.speed.ladder.rows import BY_HAND, ROWS, STOCK
from tests.speed.ladder.helpers import CPU, tiny

QUICK = Effort(seconds=0, rounds=2)


def fails(problem):
    raise RuntimeError("no such solver\nin this version")


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("results")
    absent = replace(BY_HAND, key="absent", name="absent", needs=("bench_absent", "torch"))
    broken = replace(BY_HAND, key="broken", name="broken", start=fails)
    rough = replace(BY_HAND, key="rough", name="rough", probe=STOCK.probe)  # held against an estimate it is not
    rows = (STOCK, BY_HAND, absent, broken, rough)
    claims = (Claim(BY_HAND.key, (STOCK.key, "absent"), 2.0), Claim("broken", (STOCK.key,), 2.0))
    claims = (
        *claims,
        Claim("rough", (STOCK.key,), 2.0),
        PeakClaim(BY_HAND.key, 0.5),
        Claim(BY_HAND.key, (STOCK.key,), 2.0, on="cuda"),
    )
    found = list(story.ladder(CPU, folder, QUICK, tiny(warm_steps=60).setting, rows, claims=claims))
    first = found[: len(rows)]
    assert [figure.ours is not None for figure in first] == [True, True, False, False, True]
    assert [figure.note.startswith("provisional") for figure in first] == [True, True, False, False, True]
    assert (folder / "speed" / "cpu-ladder.png").read_bytes().startswith(b"\x89PNG")
    return {figure.what.removesuffix(": step"): figure for figure in found}


def test_a_row_stands_beside_the_stock_row_and_the_peak(figures) -> None:
    stock, ours = figures[STOCK.name], figures[BY_HAND.name]
    assert stock.ratio.median == 1
    assert ours.theirs == stock.ours
    assert ours.ratio.low > 0
    assert ours.flops > 0
    assert 0 < ours.peak_fraction < 1
    assert ours.compile_seconds is None
    assert "16 evaluations of the field" in ours.note
    assert "of the reference" in ours.note
    assert "void" not in ours.note
    products = [figures[f"float32 product of 2048 x 2048 matrices, {name}"] for name in Peak(CPU).products]
    assert {product.flops for product in products} == {2 * 2048**3}
    assert max(product.peak_fraction for product in products) > 0.5
    assert all(product.peak_fraction <= 1 for product in products)


def test_products_are_right_and_the_peak_is_the_fastest_of_each_round() -> None:
    torch.manual_seed(0)
    peak = Peak(CPU)
    torch.manual_seed(0)
    a, b = torch.randn(2, 2048, 2048)
    # Sums of 2,048 products of unit size, in single precision: their size is 45, their rounding 1e-5 of that.
    torch.testing.assert_close(peak.products["torch.mm"](), a @ b, rtol=1e-4, atol=1e-2)
    if "oneDNN" in peak.products:
        torch.testing.assert_close(peak.products["oneDNN"](), a @ b.T, rtol=1e-4, atol=1e-2)
    assert peak.reached([[2.0, 1.0], [1.0, 4.0]]) == [peak.flops, peak.flops]


def test_a_row_that_is_not_here_or_fails_says_so_and_stops_no_other(figures) -> None:
    assert figures["absent"].ours is None
    assert figures["absent"].note.startswith("skipped: bench_absent is not installed; pip install")
    assert figures["broken"].ours is None
    assert figures["broken"].note == "failed: RuntimeError: no such solver"


def test_the_rounds_replace_what_was_provisional(figures) -> None:
    assert not any("provisional" in figure.note for figure in figures.values())


def test_a_ladder_cut_short_in_its_second_row_has_the_figure_of_the_first(tmp_path, monkeypatch) -> None:
    def cut_short(size):
        raise KeyboardInterrupt

    rows = (STOCK, replace(BY_HAND, start=cut_short))
    figures = story.ladder(CPU, tmp_path, QUICK, tiny().setting, rows, claims=())
    first = next(figures)
    with pytest.raises(KeyboardInterrupt):
        next(figures)
    assert (first.what, first.ours is not None) == (f"{STOCK.name}: step", True)


def test_a_row_far_from_its_reference_is_void(figures) -> None:
    assert "void, more than 0.01 nats" in figures["rough"].note


def test_a_claim_sets_two_rows_side_by_side_and_says_where_one_is_missing(figures) -> None:
    ours, stock = figures[BY_HAND.name], figures[STOCK.name]
    beside = figures[f"{BY_HAND.name}, beside {STOCK.name}"]
    assert (beside.ours, beside.theirs, beside.ratio) == (ours.ours, stock.ours, ours.ratio)
    assert beside.target == Target(0.5)
    assert figures["broken beside ffjord"].ours is None
    assert figures["rough beside ffjord"].ours is None  # void
    share = figures[f"{BY_HAND.name}: share of the matrix-product peak"]
    assert (share.ours, share.met) == (ours.peak_fraction, "no")
    assert len(figures) == len(Peak(CPU).products) + 5 + 4  # nothing of CUDA


@pytest.mark.parametrize("claims", [CLAIMS, PLANE_CLAIMS])
def test_a_claim_is_of_rows_that_there_are_on_its_device(claims) -> None:
    on = {row.key: row.on for row in ROWS}
    for claim in claims:
        assert all(claim.on in on[key] for key in (claim.key, *getattr(claim, "others", ())))


def test_a_chosen_grid_is_there_before_the_loss_is_held_against_its_reference() -> None:
    row = next(row for row in ROWS if row.key == "chosen-grid")
    problem = tiny(warm_steps=60)
    contender = story.Contender(row)
    contender.prepare(problem, story.warm(problem))
    assert contender.failure is None
    assert contender.error < 1e-4  # dopri5 at 1e-5, the mean of 16 examples


def test_every_rung_of_the_issue_is_there_once() -> None:
    keys = [row.key for row in ROWS]
    assert keys == [
        "ffjord", "ffjord-onednn", "seminorm", "backprop", "rk4", "grid-probe", "grid-exact", "by-hand", "chosen-grid",
        "default", "default-compiled", "default-graph", "compiled", "compiled-38", "graph", "triton", "triton-graph",
        "flow-matching", "matching-compiled", "matching-graph", "zuko", "torchode", "diffrax", "jax-rk4",
    ]  # fmt: skip
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_warm_weights_are_better_than_the_first() -> None:
    problem = tiny(warm_steps=60)
    assert problem.nll(story.warm(problem)) < problem.nll(problem.first_weights(0)) - 0.1
