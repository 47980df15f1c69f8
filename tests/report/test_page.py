import base64
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape
from PIL import Image

from bench.record.columns import COLUMNS
from bench.report.page import FILES, TRUTH, is_tall, render, scales_of
from bench.report.plot import Plot
from bench.report.ranking import differences
from bench.report.report import report
from bench.report.study import Run, Study, load, validated
from bench.report.summary import summarise
from tests.helpers import ROOT
from tests.report.synthetic import drawn, record


@pytest.fixture
def page(made: Path) -> str:
    return (made / "report.html").read_text()


def test_nothing_is_fetched(page: str) -> None:
    assert not re.search(r"https?://|@import|url\(|<iframe|<object", page)
    sources = re.findall(r'(?:src|<link[^>]*href)="([^"]*)"', page)
    assert all(source.startswith(("data:,", "data:image/png;base64,", "plots/")) for source in sources)


def test_a_page_says_the_scales_of_its_own_data_alone() -> None:
    digits, toy = (validated(record(data, "vae", 0)) for data in ("digits", "toy"))
    mine = {**toy, "nll_space": "nats of standardised columns", "oracle_nll_nats": None}
    assert [words.partition(":")[0] for words in scales_of([digits])] == ["Images"]
    assert scales_of([digits, toy])[-1] == TRUTH
    assert [words.partition(":")[0] for words in scales_of([mine])] == ["Columns"]


def test_the_page_links_the_plots_beside_it(page: str, made: Path) -> None:
    linked = re.findall(r'<img src="(plots/[^"]*)"', page)
    assert sorted(linked) == sorted(f"plots/{path.name}" for path in (made / "plots").glob("*.png"))
    offered = re.findall(r'<a href="(plots/[^"]*)" download>(PNG|SVG|PDF)<', page)
    assert sorted(name for name, _ in offered) == sorted(f"plots/{path.name}" for path in (made / "plots").iterdir())
    assert all(name.endswith(f".{form.lower()}") for name, form in offered)


def test_panels_above_one_another_take_the_room_of_two_figures() -> None:
    sizes = {"wide": (800, 460), "tall": (800, 1700)}
    plots = [Plot(name, "digits", name, name, name, {"png": png_of(*size)}) for name, size in sizes.items()]
    assert [is_tall(plot) for plot in plots] == [False, True]
    runs = [validated(record("digits", "vae", 0))]
    page = render(Study("made", runs, {}, {}, {}), summarise(runs), [], plots)
    assert re.findall(r'<figure class="tall">\s*<h4>([^<]*)', page) == ["tall"]


def png_of(width: int, height: int) -> bytes:
    """A black picture of that size."""
    buffer = io.BytesIO()
    Image.new("1", (width, height)).save(buffer, format="PNG")
    return buffer.getvalue()


def test_a_single_file_holds_its_plots_and_files(made: Path) -> None:
    study = load(made)
    cells = summarise(study.runs)
    plots = drawn(study, cells)
    files = {name: (made / name).read_text() for name in FILES}
    page = render(study, cells, differences(cells, {}), plots, files=files)
    figures = re.findall(r'class="zoom"[^>]*><img src="data:image/png;base64,([^"]*)"', page)
    assert [base64.b64decode(source) for source in figures] == [plot.png for plot in plots]
    held = re.findall(r'<a href="data:[^;]*;charset=utf-8;base64,([^"]*)" download="made-([^"]*)"', page)
    assert {name: base64.b64decode(content).decode() for content, name in held} == files
    assert "plots/" not in page


def test_the_files_beside_the_page_are_offered(page: str, made: Path) -> None:
    offered = re.findall(r'<a href="([^"]*)" download="made-', page)
    assert offered == list(FILES)
    assert all((made / name).exists() for name in offered)


def test_each_data_set_has_a_card_and_a_ranked_table(page: str) -> None:
    for data in ("digits", "eight_gaussians"):
        assert f'<article class="card sure" data-data="{data}">' in page
        assert f'id="ranked-{data}"' in page
    assert page.index('class="card') < page.index("<table")


def test_tables_are_of_one_data_set_each(page: str) -> None:
    """So that no press on a heading compares likelihoods of different data; that of all runs keeps them together."""
    tables = re.findall(r'<table class="([^"]*)" id="([^"]*)"><?.*?</thead>', page.replace("\n", ""))
    kinds = {name: kind.split() for kind, name in tables}
    assert {"ranked-digits", "likelihood-digits", "cost-eight_gaussians", "runs"} <= kinds.keys()
    assert "grouped" in kinds["runs"]
    for name in kinds.keys() - {"runs"}:
        head = page.partition(f'id="{name}"')[2].partition("</thead>")[0]
        assert ">data<" not in head


def test_every_heading_of_a_column_has_the_words_of_the_glossary(page: str) -> None:
    head = page.partition('id="ranked-digits"')[2].partition("</thead>")[0]
    assert head.count("<th ") == head.count("data-tip=") > 8
    assert f'data-tip="{escape(COLUMNS["nll_nats"].meaning)}">NLL, nats<' in head


def test_every_heading_but_values_of_a_grid_has_its_meaning(tmp_path: Path) -> None:
    """Of a page with tuning, on which learning rates and rungs are headings too."""
    shutil.copytree(ROOT / "results" / "quick", tmp_path / "quick", ignore=shutil.ignore_patterns("plots", "best"))
    report("quick", tmp_path)
    heads = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', (tmp_path / "quick/report.html").read_text(), re.DOTALL)
    plain = {re.sub(r"<[^>]+>", "", head).strip() for head in heads if "data-tip" not in head}
    assert len(heads) > 50
    assert {head for head in plain if not re.fullmatch(r"(rung )?[\d.]+", head)} == set()


def test_messages_are_escaped(page: str) -> None:
    assert "RuntimeError: &lt;b&gt;shape&lt;/b&gt; &amp; size" in page
    assert "<b>shape" not in page


def test_it_says_what_failed_how_to_read_it_and_where_it_came_from(page: str) -> None:
    origin = ("0123456 (22 runs)", "bench run study=made")
    for words in ("loss is NaN at step 2000", "upper bound", "test examples together", *origin):
        assert words in page
    assert all(column in page for column in COLUMNS)


class Outline(HTMLParser):
    """Checks that tags close in order and images have words."""

    VOID = frozenset({"meta", "link", "img", "input", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images = 0
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "img":
            self.images += 1
            assert found.get("alt")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_is_well_formed_and_every_picture_has_words(page: str, made: Path) -> None:
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    assert outline.images > len(list((made / "plots").glob("*.png"))) > 0
    assert len(set(outline.ids)) == len(outline.ids)
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(outline.ids)


def failed_rows(runs: list[Run]) -> list[list[str]]:
    """The cells of the table of runs that did not end well, its headings first."""
    page = render(Study("made", runs, {}, {}, {}), summarise(runs), [], [])
    table = page.partition('<section id="failures">')[2].partition("</table>")[0]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]
    return [[re.sub(r"<[^>]*>", "", cell) for cell in row] for row in rows]


def diverged(rung: float | None, **changes: Any) -> Run:
    return validated(record("toy", "vae", 0, status="diverged", error="NaN", rung=rung, **changes))


def test_failed_runs_of_several_budgets_say_which() -> None:
    well = validated(record("toy", "vae", 1, rung=1.0))
    assert failed_rows([diverged(1 / 16), diverged(0.25), well]) == [
        ["data", "budget", "model", "seed", "status", "error"],
        ["toy", "1/16", "vae", "0", "diverged", "NaN"],
        ["toy", "1/4", "vae", "0", "diverged", "NaN"],
    ]
    assert failed_rows([diverged(0.25, setting="tuned"), well | {"setting": "default"}])[1][:3] == [
        "toy", "1/4", "tuned"
    ]  # fmt: skip


def test_all_runs_of_several_budgets_say_which() -> None:
    runs = [validated(record("toy", "vae", 0, rung=rung)) for rung in (1 / 16, 1.0)]
    page = render(Study("made", runs, {}, {}, {}), summarise(runs), [], [])
    table = page.partition('id="runs"')[2]
    headings = re.findall(r"<th [^>]*>(?:<[^>]*>)*([^<]*)", table)
    assert headings[:3] == ["data", "model", "budget"]
    rows = json.loads(table.partition('id="runs-rows">')[2].partition("</script>")[0])
    assert [row[:3] for row in rows] == [["toy", "vae", ["1/16", 1 / 16]], ["toy", "vae", ["1", 1.0]]]


@pytest.mark.parametrize("rung", [None, 1.0])
def test_failed_runs_of_one_budget_have_no_column_of_it(rung: float | None) -> None:
    well = validated(record("toy", "vae", 1, rung=rung))
    assert failed_rows([diverged(rung), well])[0] == ["data", "model", "seed", "status", "error"]


def test_mixed_devices_and_versions_of_libraries_are_shown_with_their_runs() -> None:
    origins = [("CPU", "2.13.0"), ("GPU", "2.13.0"), ("GPU", "2.12.0")]
    runs = [
        validated(record("digits", model, seed, device=device, torch_version=torch))
        for seed, (device, torch) in enumerate(origins)
        for model in ("vae", "cnf")
    ]
    page = render(Study("mixed", runs, {}, {}, {}), summarise(runs), [], [])
    for words in ("CPU (2 runs)", "GPU (4 runs)", "2.13.0 (4 runs)", "2.12.0 (2 runs)"):
        assert f"<dd>{words}</dd>" in page


def test_what_all_rows_of_data_warn_of_is_folded_behind_the_cards() -> None:
    said = "copies of rows stand in two splits"
    runs = [validated(record("mine", "cnf", seed, warning=said)) for seed in range(2)]
    page = render(Study("made", runs, {}, {}, {}), summarise(runs), [], [], ["a notice"])
    folded = page.index("<summary>What to know of the data (1 of 1)</summary>")
    assert page.index("a notice") < page.index('<div class="cards">') < folded < page.index(f"mine: {said}")
