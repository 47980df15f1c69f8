"""The published numbers and their counterparts: what they name is there, here and in published.csv."""

import math
from collections import Counter

import pytest
import yaml

from bench.record.columns import COLUMNS
from bench.report.published import COUNTERPARTS, KEY, Counterpart, counterparts, published_rows
from bench.setup.build import entry_class, model_options
from bench.setup.compose import compose
from tests.helpers import ROOT

HEADER = [
    "dataset", "protocol", "model", "metric", "unit", "better", "value", "error", "error_kind", "source", "certainty",
]  # fmt: skip
ALL = counterparts()


def choices(group: str) -> set[str]:
    return {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")}


def test_the_published_rows_are_whole() -> None:
    rows = published_rows()
    assert len(rows) == 254
    assert set(Counter(tuple(row[name] for name in KEY) for row in rows).values()) == {1}
    for row in rows:
        assert list(row) == HEADER
        assert row["better"] in {"higher", "lower"}
        assert row["certainty"] in {"read", "quoted", "recalled", "computed"}
        assert math.isfinite(float(row["value"]))
        assert not row["error"] or float(row["error"]) > 0
        assert row["source"]


def test_every_group_has_what_it_needs_and_nothing_else() -> None:
    for group in yaml.safe_load(COUNTERPARTS.read_text()):
        assert group.keys() - {"not_comparable"} == {"data", "protocol", "source", "columns", "differs", "entries"}
        for own in group["entries"].values():
            assert own.keys() <= {"entry", "options", "differs"}


def test_no_published_number_has_the_same_counterpart_twice() -> None:
    same = Counter((*(each.published[name] for name in KEY), each.model) for each in ALL)
    assert set(same.values()) == {1}


@pytest.mark.parametrize("each", ALL, ids=lambda each: f"{each.published['model']}-{each.model}-{each.column}")
def test_a_counterpart_can_be_run_and_its_column_is_of_the_unit(each: Counterpart) -> None:
    assert each.data in choices("data")
    assert COLUMNS[each.column].unit == each.published["unit"]
    assert each.differs
    if not each.model:
        assert each.column.startswith("oracle_")
        return
    assert each.model in choices("model")
    config = compose([f"data={each.data}", f"model={each.model}", *sorted(each.options)])
    held = model_options(config, entry_class(config))
    assert all(word.removeprefix("model.").split("=")[0] in held for word in each.options)


def test_every_toy_and_all_three_families_have_a_counterpart() -> None:
    toys = {"8gaussians", "checkerboard", "rings", "circles", "moons", "pinwheel", "2spirals", "swissroll"}
    assert toys == {each.data for each in ALL if not each.model}
    assert {"vae", "iwae", "svae", "vampprior", "vae_iaf", "realnvp", "maf", "cnf"} <= {each.model for each in ALL}


def test_every_published_table_of_the_official_files_has_counterparts() -> None:
    models = {"gaussian", "maf", "realnvp", "realnvp_paper", "cnf", "cnf_fast", "nsf", "nsf_ar", "flow_matching"}
    for data in ("power", "gas", "hepmass", "miniboone", "bsds300"):
        assert {each.model for each in ALL if each.data == data} == models


def row(**columns: str) -> Counterpart:
    published = {"value": "1", "error": "", "error_kind": "", "better": "lower"} | columns
    return Counterpart(published, "digits", "vae", frozenset(), "nll_nats")


@pytest.mark.parametrize(
    ("error", "kind", "runs", "half_width"),
    [
        ("", "exact", 3, 0.0),
        ("0.5", "Monte Carlo standard error", 3, 1.959964 * 0.5),
        ("0.5", "2 standard errors over test points", 3, 1.959964 * 0.25),
        ("0.5", "spread over runs", 3, 1.959964 * 0.5),
        ("0.5", "sd over 10 runs", 3, 2.262157 * 0.5 / math.sqrt(10)),
        ("0.5", "sd over 10 runs", 1, 2.262157 * 0.5 * math.sqrt(1.1)),
    ],
)
def test_an_error_becomes_an_interval_by_what_it_is_of(error, kind, runs, half_width) -> None:
    assert row(error=error, error_kind=kind).half_width(runs) == pytest.approx(half_width, rel=1e-6)


def test_without_an_error_there_is_no_interval() -> None:
    assert row().half_width(3) is None


def test_a_log_likelihood_is_turned_round_for_a_column_that_falls() -> None:
    assert row(value="-88.5", better="higher").value == 88.5
    assert row(value="88.5", better="lower").value == 88.5
