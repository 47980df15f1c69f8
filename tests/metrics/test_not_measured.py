from bench.errors import NotMeasured
from bench.metrics.not_measured import joined, measured


def test_a_metric_that_is_not_measured_has_no_cell_but_a_warning() -> None:
    def never() -> float:
        raise NotMeasured("too few rows")

    assert measured({"one": lambda: 1.0, "two": never, "three": lambda: 3.0}) == {
        "one": 1.0,
        "three": 3.0,
        "warning": "two: too few rows",
    }


def test_warnings_of_records_stand_one_after_the_other_each_once() -> None:
    records = ({"a": 1, "warning": "x; y"}, {"a": 2}, {"warning": "y"}, {"b": 3, "warning": "z"})
    assert joined(*records) == {"a": 2, "b": 3, "warning": "x; y; z"}
    assert joined({"a": 1}, {"b": 2}) == {"a": 1, "b": 2}
