"""Numbers in plots have a true minus, as axes have."""

from matplotlib import style

from bench.report.intervals import Interval
from bench.report.plots_latent import rate_distortion
from bench.report.plots_likelihood import dots
from bench.report.plots_numbers import plain, quantity
from bench.report.plots_palette import styles
from bench.report.study import validated
from bench.report.style import RC, vector
from bench.report.summary import summarise
from tests.helpers import ROOT
from tests.report.synthetic import record


def test_a_minus_is_no_hyphen() -> None:
    assert plain(-1.5) == "\N{MINUS SIGN}1.500"
    assert quantity(Interval(-2.0, 0.5, 3)) == "\N{MINUS SIGN}2.00 ± 0.50"
    assert plain(1.5) == "1.500"


def test_no_plot_takes_numbers_from_elsewhere() -> None:
    plots = [path for path in (ROOT / "bench" / "report").glob("plots_*.py") if path.name != "plots_numbers.py"]
    assert len(plots) > 10
    assert not [path.name for path in plots if "bench.report.numbers" in path.read_text()]


def test_words_of_a_plot_have_it_inside_and_below() -> None:
    nlls = {"a": -900.0, "b": -901.0, "c": -902.0, "d": -3.0}
    unknown = {"kl_to_truth": None, "oracle_nll_nats": None}
    near = {"rate_nats": 1.0, "distortion_nats": -5.0}
    runs = [validated(record("toy", m, 0, nll_nats=nll, **unknown, **near)) for m, nll in nlls.items()]
    cells = summarise(runs)
    look = styles(dict.fromkeys(nlls, "flow"))
    with style.context(["default", RC]):
        for drawing in (dots(cells, look), rate_distortion(cells, look)):
            assert drawing is not None
            text = vector(drawing.figure, "svg").decode()
            assert "\N{MINUS SIGN}" in drawing.alt
            for number in ("-3", "-4", "-5", "-90"):
                assert f">{number}" not in text
                assert f" {number}" not in drawing.alt
