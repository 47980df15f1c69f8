import pytest

from bench.record.warnings import UNBOUNDED
from bench.report.markup import tex
from bench.report.study import validated
from bench.report.summary import summarise
from bench.report.tables import Table, TableCell, study_tables
from tests.report.synthetic import record

RUNS = [validated(record("toy", model, seed)) for model in ("cnf", "vae") for seed in range(3)]


def row(table: Table, model: str) -> dict[str, TableCell]:
    (found,) = [row for row in table.rows if row[1].text == model]
    return dict(zip(table.headings, found, strict=True))


def test_bounds_are_marked_and_exact_values_are_not() -> None:
    likelihood = study_tables(summarise(RUNS))[0]
    for heading in ("NLL, nats", "KL to truth, nats"):
        assert row(likelihood, "vae")[heading].text.startswith("≤ ")
        assert "≤" not in row(likelihood, "cnf")[heading].text
    assert any("upper bound" in note for note in likelihood.notes)


def test_timings_of_a_shared_machine_are_marked() -> None:
    cost = study_tables(summarise(RUNS))[2]
    assert row(cost, "cnf")["training, s"].text.endswith("†")
    assert "†" not in row(cost, "vae")["training, s"].text
    assert "†" not in row(cost, "cnf")["parameters"].text


def test_times_of_packed_runs_are_marked() -> None:
    runs = [validated(record("toy", "realnvp", seed, packed=packed)) for seed, packed in enumerate((8, 8, 1))]
    cost = study_tables(summarise([*RUNS, *runs]))[2]
    assert row(cost, "realnvp")["training, s"].text.endswith(" ‡")
    assert row(cost, "realnvp")["step, ms"].text.endswith(" ‡")
    assert "‡" not in row(cost, "realnvp")["1,000 samples, s"].text
    assert "‡" not in row(cost, "cnf")["training, s"].text
    assert sum("‡" in note for note in cost.notes) == 1
    assert not any("‡" in note for note in study_tables(summarise(RUNS))[2].notes)
    assert r"$^\ddagger$" in tex([cost])


@pytest.mark.parametrize("change", [{"device": "NVIDIA H200"}, {"threads": 64}])
def test_times_of_another_machine_than_most_rows_are_marked(change: dict[str, object]) -> None:
    runs = [validated(record("toy", "realnvp", seed, **(change if seed else {}))) for seed in range(2)]
    cost = study_tables(summarise([*RUNS, *runs]))[2]
    assert row(cost, "realnvp")["training, s"].text.endswith(" ◊")
    assert "◊" not in row(cost, "realnvp")["parameters"].text
    assert "◊" not in row(cost, "cnf")["training, s"].text
    assert sum("◊" in note for note in cost.notes) == 1
    assert not any("◊" in note for note in study_tables(summarise(RUNS))[2].notes)
    assert r"$^\diamond$" in tex([cost])


def test_the_machine_of_most_rows_is_that_of_all_data_sets() -> None:
    """They share the columns of a table: a data set that ran elsewhere alone is not seconds to compare with."""
    elsewhere = [validated(record("other", model, 0, threads=64)) for model in ("cnf", "vae")]
    cost = study_tables(summarise([*RUNS, *elsewhere]))[2]
    column = cost.headings.index("training, s")
    marked = {(line[0].text, "◊" in line[column].text) for line in cost.rows}
    assert marked == {("toy", False), ("other", True)}


def test_empty_columns_are_left_out_and_empty_cells_sort_last() -> None:
    likelihood, _, cost, _ = study_tables(summarise(RUNS))
    assert "bits/dim" not in likelihood.headings
    assert row(likelihood, "cnf")["ELBO, nats"] == TableCell("", None)
    assert row(cost, "vae")["field evaluations per step"] == TableCell("", None)


def test_models_that_tell_classes_apart_have_a_table_of_their_own() -> None:
    one = record("toy", "m2", 0, labelled=100, accuracy=0.93, accuracy_supervised=0.89)
    *others, classes = study_tables(summarise([*RUNS, validated(one)]))
    assert [table.name for table in others] == ["likelihood", "quality", "cost", "reconstruction"]
    assert [line[1].text for line in classes.rows] == ["m2"]
    assert row(classes, "m2")["accuracy"].text == "0.9300"
    assert row(classes, "m2")["labels seen"].text == "100"
    assert "clustering NMI" not in classes.headings


def test_a_loose_bound_is_marked_where_the_likelihood_is_read() -> None:
    runs = [validated(record("toy", "vae", seed, nll_slack_nats=0.3 if seed else 0.0)) for seed in range(2)]
    (likelihood, *_) = study_tables(summarise([*runs, validated(record("toy", "cnf", 0))]))
    assert " §" in row(likelihood, "vae")["NLL, nats"].text
    assert "§" not in row(likelihood, "cnf")["NLL, nats"].text
    assert any(note.startswith("§") for note in likelihood.notes)
    assert not any(note.startswith("§") for table in study_tables(summarise(RUNS)) for note in table.notes)
    assert tex([likelihood]).isascii()


def test_tables_of_the_latent_and_of_sharpness_hold_the_models_that_have_them() -> None:
    plain = validated(record("toy", "realnvp", 0))
    latent = validated(
        record("toy", "vae", 0)
        | {"active_units": 3, "rate_nats": 2.0, "aggregate_kl_nats": 0.5, "aggregate_kl_floor": 0.1}
        | {"sharpness_samples": 0.8, "sharpness_data": 0.9}
    )
    found = {table.name: table for table in study_tables(summarise([plain, latent]))}
    assert [row[1].text for row in found["latent"].rows] == ["prior draws", "vae"]
    assert [row[1].text for row in found["sharpness"].rows] == ["vae"]
    place = found["latent"].headings.index("aggregate to prior, KL of moments, nats")
    assert [row[place].text for row in found["latent"].rows] == ["0.1000", "0.5000"]
    assert any("two sets of draws from the prior" in note for note in found["latent"].notes)
    assert "latent" not in {table.name for table in study_tables(summarise([plain]))}


def test_a_likelihood_that_grows_without_bound_is_never_shown_in_silence() -> None:
    runs = [validated(record("mine", "cnf", seed, warning=f"x has ties, {UNBOUNDED}: dequantise")) for seed in range(3)]
    likelihood, quality, *_ = study_tables(summarise([*RUNS, *runs]))
    (note,) = [note for note in likelihood.notes if "without bound" in note]
    assert note.startswith("Columns of mine have ties")
    assert not any("without bound" in note for note in quality.notes)
    assert not any("without bound" in note for note in study_tables(summarise(RUNS))[0].notes)
