"""Warnings that all rows of a data set share stand at the head of the page."""

from bench.report.data_warnings import data_warnings
from bench.report.report import report
from tests.report.synthetic import record, write_run

TIES = "a, b have ties; a likelihood grows without bound"


def test_what_all_rows_of_a_data_set_warn_of_is_said_once() -> None:
    runs = [
        record("toy", "vae", 0, warning=f"{TIES}; the bound is loose"),
        record("toy", "cnf", 0, warning=TIES),
        record("digits", "cnf", 0, warning=TIES),
        record("digits", "vae", 0, warning=None),
        record("moons", "vae", 0, warning="the bound is loose"),
    ]
    assert data_warnings(runs) == [f"toy: {TIES}"]
    assert data_warnings([]) == []


def test_a_row_that_did_not_end_well_hides_no_warning(tmp_path) -> None:
    for model in ("vae", "realnvp"):
        write_run(tmp_path / "s", record("toy", model, 0, warning=TIES))
    write_run(tmp_path / "s", record("toy", "cnf", 0, status="diverged", nll_nats=None))
    assert f"toy: {TIES}" in report("s", tmp_path)
    assert TIES in (tmp_path / "s" / "report.html").read_text()
