"""The READMEs: every marked number is the study's own, rounded once; links and paths exist; the front page is short.

A number in a results README is followed by its address, `96.1<!-- digits @ realnvp @ nll_nats -->`, and a table stands
under a line with one address a column, `<!-- table: data | model | nll_nats | digits @ . @ steps -->`. A dot is taken
from the row. `README.md` and others outside a study name it first: `<!-- quick: digits @ realnvp @ nll_nats -->`.
Of two models, `realnvp - vae`, or two columns, `c2st - c2st_floor`, it is the difference paired by seed. Of a model at
several budgets and settings it is the one at the largest budget, tuned; `vae [1/4, default]` names another.
"""

import ast
import re
import subprocess
from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import pandas as pd
import pytest

from bench import DataSpec, config
from bench.report.intervals import t_interval
from bench.report.published import counterparts

ROOT = Path(__file__).resolve().parent.parent
READMES = sorted(
    path
    for path in (ROOT / "README.md", *ROOT.glob("bench/**/*.md"), *ROOT.glob("results/**/*.md"))
    if path.name in {"README.md", "CHANGELOG.md"}
)
UNCOMMITTED = {"smoke", "scratch"}
"""Studies that git ignores: CI makes the first."""

STUDIES = sorted(path.parent.name for path in ROOT.glob("results/*/table.csv") if path.parent.name not in UNCOMMITTED)
BOUNDED = {"nll_nats", "bits_per_dim", "kl_to_truth"}
TIMES = {"train_seconds", "step_milliseconds", "eval_seconds"}
CELL = re.compile(
    r"(?P<bold>\*\*)?(?P<bound>≤ )?(?P<mean>-?[\d,]+(?:\.\d+)?(?:e-\d+)?)"
    r"(?: ± (?P<half>[\d,]+(?:\.\d+)?(?:e-\d+)?))?(?P<marks>(?: [†§¶])*)(?(bold)\*\*)"
)
MARK = re.compile(r"<!-- (?:(\w+): )?(?!table)([^|>]+? @ [^|>]+? @ \w+(?: - \w+)?) -->")
TABLE = re.compile(r"<!-- (?:(\w+) )?table: (.+) -->\n(\|.*\n)\|[-| ]+\|\n((?:\|.*\n)+)")


class Quantity(NamedTuple):
    """A number of a study: mean and half-width of its 95 % interval, and the marks that belong to it."""

    mean: float
    half_width: float | None
    bound: bool = False
    best: bool = False
    shared: bool = False
    loose: bool = False


@cache
def summary(study: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / "results" / study / "summary.csv").copy()  # read in pieces: pandas warns of those


@cache
def table(study: str) -> pd.DataFrame:
    """A study's rows as text, and the `label` of each: its model and what tells it from others of that model."""
    runs = pd.read_csv(ROOT / "results" / study / "table.csv", keep_default_na=False, dtype=str)
    return runs.assign(label=runs["model"] + runs["variant"].map(lambda variant: f" ({variant})" if variant else ""))


def loose_cells(study: str) -> set[tuple[str, str]]:
    loose = table(study)[table(study)["warning"].str.contains("bound is loose")]
    return set(zip(loose["data"], loose["label"], strict=True))


def looked_up(study: str, data: str, model: str, metric: str) -> Quantity | None:
    """The quantity at an address; None where the study has none."""
    if metric == "difference":
        return difference(study, data, *model.split(" - "))
    if metric == "published":
        return published(data, model)
    if " - " in model or " - " in metric:
        return paired(study, data, model.split(" - "), metric.split(" - "))
    rows = at_place(summary(study), model)
    if data == "mean":
        return Quantity(float(rows[metric].dropna().mean()), None)
    rows = rows[rows["data"] == data]
    assert len(rows) == 1, f"{study} has {len(rows)} rows of {data}, {model}"
    row = rows.iloc[0]
    if pd.isna(row[metric]):
        return None
    half_width = row[f"{metric}_ci95"]
    bounded = metric in BOUNDED
    return Quantity(
        float(row[metric]),
        None if pd.isna(half_width) or half_width == 0 else float(half_width),
        bounded and str(row["nll_is_bound"]) == "True",
        bounded and str(row["best_nll"]) == "True",
        metric in TIMES and str(row["shared_machine"]) == "True",
        bounded and is_loose(study, row),
    )


def is_loose(study: str, row: pd.Series) -> bool:
    """True for a bound whose slack is large or not known; of older studies one that a row warns of."""
    if "rung" not in row:
        return (row["data"], row["model"]) in loose_cells(study)
    slack = row["nll_slack_nats"]
    return str(row["nll_is_bound"]) == "True" and (pd.isna(slack) or float(slack) > 0.1)


def at_place(rows: pd.DataFrame, address: str) -> pd.DataFrame:
    """The rows of a model, of each data set one: at the budget and setting in brackets, else at the final ones."""
    model, _, place = address.partition(" [")
    rows = rows[rows["model"] == model]
    if "rung" not in rows:
        return rows
    words = [word.strip() for word in place.rstrip("]").split(",") if word]
    for word in words:
        if word[0].isdigit():
            rows = rows[abs(rows["rung"] - float(Fraction(word))) < 1e-9]
        else:
            rows = rows[rows["setting"].fillna("").map(lambda setting, word=word: word in setting.split("="))]
    ordered = rows.assign(tuned=rows["setting"].fillna("").str.contains("tuned"))
    return ordered.sort_values(["rung", "tuned"], na_position="first").groupby("data", sort=False).tail(1)


def difference(study: str, data: str, a: str, b: str) -> Quantity:
    """NLL of `a` minus that of `b`, of which one is the best at the final budget and setting."""
    pairs = pd.read_csv(ROOT / "results" / study / "differences.csv")
    if "best" in pairs:
        final = pairs[pairs["data"] == data].assign(tuned=pairs["setting"].fillna("").str.contains("tuned"))
        final = final.sort_values(["rung", "tuned"], na_position="first")
        for best, other, sign in ((b, a, 1), (a, b, -1)):
            rows = final[(final["best"] == best) & (final["model"] == other)]
            if len(rows):
                row = rows.iloc[-1]
                return Quantity(sign * float(row["difference_nats"]), float(row["ci95"]))
        raise AssertionError(f"{study} has no difference of {a} and {b} on {data}")
    for first, second, sign in ((a, b, 1), (b, a, -1)):
        rows = pairs[(pairs["data"] == data) & (pairs["model_a"] == first) & (pairs["model_b"] == second)]
        if len(rows):
            row = rows.iloc[0]
            return Quantity(sign * float(row["difference_nats"]), float(row["ci95"]))
    raise AssertionError(f"{study} has no difference of {a} and {b} on {data}")


def paired(study: str, data: str, models: list[str], columns: list[str]) -> Quantity:
    """The difference of two models in a column, or of two columns of a model, over their common seeds."""
    runs = table(study)[table(study)["data"] == data]
    values = [
        {run["seed"]: float(run[column]) for _, run in runs[runs["label"] == model].iterrows()}
        for model in models
        for column in columns
    ]
    assert len(values) == 2, f"{models}, {columns}: not a difference of two"
    interval = t_interval([values[0][seed] - values[1][seed] for seed in sorted(values[0].keys() & values[1].keys())])
    return Quantity(interval.mean, interval.half_width)


def published(data: str, label: str) -> Quantity | None:
    """The first published likelihood that stands beside a model and can be compared."""
    model, _, variant = label.rstrip(")").partition(" (")
    beside = [
        each
        for each in counterparts()
        if (each.data, each.model, each.column) == (data, model, "nll_nats")
        and (not variant or f"model.{variant}" in each.options)
        and not each.not_comparable
    ]
    if not beside:
        return None
    error = beside[0].published["error"]
    return Quantity(beside[0].value, float(error) if error else None)


def as_written(value: float, written: str) -> str:
    """A value with as many digits as a number has that is written, and in its notation."""
    digits = len(written.partition("e")[0].partition(".")[2])
    return f"{value:,.{digits}{'e' if 'e' in written else 'f'}}"


def faults(text: str, quantity: Quantity | None) -> str:
    """What is wrong with a number as it is written; empty where it is right."""
    if quantity is None:
        return "" if not text else "the study has no such number"
    if not text:
        return "the number is missing"
    parts = CELL.fullmatch(text)
    if parts is None:
        return "not a number"
    for name, value in (("mean", quantity.mean), ("half", quantity.half_width)):
        written = parts[name]
        if (written is None) != (value is None):
            return "the interval is missing" if written is None else "there is no interval"
        if value is not None and written != as_written(value, written):
            return f"{name} is {value}"
    marks = {
        "≤": (parts["bound"] is not None, quantity.bound),
        "bold": (parts["bold"] is not None, quantity.best),
        "†": ("†" in parts["marks"], quantity.shared),
        "§": ("§" in parts["marks"], quantity.loose),
    }
    return ", ".join(f"{mark} should be {should}" for mark, (there, should) in marks.items() if there != should)


def own_study(path: Path) -> str:
    return path.parent.name if path.parent.name in STUDIES else ""


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def tabled(path: Path) -> list[tuple[str, Quantity | None]]:
    """Every number of the marked tables of a file, as written and as it should be."""
    pairs = []
    for study, addresses, header, body in TABLE.findall(path.read_text()):
        study = study or own_study(path)
        columns = cells(addresses)
        assert len(columns) == len(cells(header)), f"{path}: {addresses}"
        data = next(iter(summary(study)["data"].unique()))
        for line in body.splitlines():
            row = dict(zip(columns, cells(line), strict=True))
            data = row.get("data", "").strip("`") or data
            model = row.get("model", "").strip("`")
            for column, text in row.items():
                if column not in {"data", "model", "text"}:
                    where, who, metric = column.split(" @ ") if "@" in column else (".", ".", column)
                    place = (data if where == "." else where, model if who == "." else who)
                    pairs.append((text, looked_up(study, *place, metric)))
    return pairs


def marked(path: Path) -> list[tuple[str, Quantity | None]]:
    """Every number of the prose that is followed by its address."""
    text, pairs = path.read_text(), []
    for match in MARK.finditer(text):
        before = text[: match.start()].replace("\n", " ")
        numbers = [number for number in CELL.finditer(before) if number.end() == len(before)]
        assert numbers, f"{path}: no number before {match[0]}"
        data, model, metric = match[2].split(" @ ")
        pairs.append((numbers[0][0], looked_up(match[1] or own_study(path), data, model, metric)))
    return pairs


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_numbers_are_those_of_the_study_rounded_once(path: Path) -> None:
    pairs = tabled(path) + marked(path)
    wrong = [f"{text!r}: {fault}" for text, quantity in pairs if (fault := faults(text, quantity))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", [ROOT / "README.md", *(ROOT / "results" / study / "README.md" for study in STUDIES)])
def test_no_interval_stands_unmarked(path: Path) -> None:
    assert tabled(path), "no table"
    prose = TABLE.sub("", path.read_text())
    assert not re.findall(r"± [\d.,]*\d(?![\d.,]|(?:\*\*| [†§])*<!--)", prose)


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_says_how_it_is_made(study: str) -> None:
    text = (ROOT / "results" / study / "README.md").read_text()
    assert not re.search(r"^\|", TABLE.sub("", text), re.MULTILINE), "a table without addresses"
    assert f"bench run study={study}" in text
    assert f"bench report {study}" in text


def test_a_number_with_its_marks_is_right() -> None:
    assert not faults("≤ 0.150 ± 0.035", Quantity(0.1498, 0.0349, bound=True))
    assert not faults("**1,234.6 ± 1.2 † §**", Quantity(1234.56, 1.23, False, True, True, True))
    assert not faults("", None)
    assert not faults("7.9e-16 ± 5.4e-17", Quantity(7.946e-16, 5.42e-17))
    assert faults("7.9e-16 ± 5.4e-17", Quantity(7.8e-16, 5.42e-17))


def test_two_columns_of_a_model_are_paired_by_seed() -> None:
    runs = table("latent")[table("latent")["label"] == "m2"]
    gains = runs["accuracy"].astype(float) - runs["accuracy_supervised"].astype(float)
    gain = looked_up("latent", "digits", "m2", "accuracy - accuracy_supervised")
    assert gain is not None
    assert gain.mean == pytest.approx(gains.mean())
    assert gain.half_width == pytest.approx(4.302653 * gains.std() / 3**0.5)


@pytest.mark.parametrize(
    "text",
    [
        "≤ 0.145 ± 0.034",
        "≤ 0.15 ± 0.03",
        "0.145 ± 0.035",
        "≤ 0.145",
        "**≤ 0.145 ± 0.035**",
        "≤ 0.145 ± 0.035 †",
        "≤ 0.145 ± 0.035 §",
        "",
    ],
)
def test_a_wrong_number_is_found(text: str) -> None:
    assert faults(text, Quantity(0.1449, 0.0349, bound=True))


def test_a_number_that_the_study_does_not_have_is_found() -> None:
    assert faults("0.150", None)


def test_the_front_page_is_short() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    assert len(text.split()) <= 1_300


def tracked() -> set[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout")
    return set(listed.stdout.splitlines())


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """A picture is in git; another link is too, or the paragraph names the command that writes its target."""
    files = tracked()
    for paragraph in path.read_text().split("\n\n"):
        for picture, target in re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", paragraph):
            if re.match(r"https?:|#", target):
                continue
            name = str((path.parent / target.partition("#")[0]).resolve().relative_to(ROOT))
            there = name in files or any(file.startswith(f"{name.rstrip('/')}/") for file in files)
            written = not picture and name.startswith("results/") and f"bench report {name.split('/')[1]}" in paragraph
            assert there or written, f"{path}: {target}"


def test_every_room_that_bench_readme_names_exists() -> None:
    text = (ROOT / "bench" / "README.md").read_text()
    questions = re.findall(r"^\| .*\? \| `([\w/.]+)` \|$", text, re.MULTILINE)
    assert len(questions) >= 20
    missing = [name for name in re.findall(r"`((?:bench|conf|tests)/[\w/.]+\w)`", text) if not (ROOT / name).exists()]
    assert not missing


def room(path: Path) -> str:
    """A file's folder in the package, or the file where it lies at the package's root."""
    parts = path.relative_to(ROOT / "bench").parts
    return f"{parts[0]}/" if len(parts) > 1 else parts[0]


def imported(path: Path) -> set[str]:
    """Rooms that a file imports, inside functions too."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "bench":
            names = [node.module] if node.module != "bench" else [f"bench.{alias.name}" for alias in node.names]
            for name in map(str, names):
                top = name.split(".")[1]
                rooms.add(f"{top}/" if (ROOT / "bench" / top).is_dir() else f"{top}.py")
    return rooms


def test_the_picture_of_the_rooms_is_that_of_the_imports() -> None:
    picture = (ROOT / "bench" / "README.md").read_text().split("```")[1]
    drawn = [re.findall(r"\b[a-z]+(?:/|\.py)(?= |$)", line) for line in picture.splitlines()]
    line_of = {name: number for number, names in enumerate(drawn) for name in names}
    words = max(line_of.values())
    files = [path for path in sorted((ROOT / "bench").rglob("*.py")) if path != ROOT / "bench" / "__init__.py"]
    assert {room(path) for path in files} == line_of.keys()
    up = [
        f"{path.relative_to(ROOT)} imports {other}"
        for path in files
        for other in imported(path) - {room(path)}
        if not (line_of[room(path)] < line_of[other] or line_of[room(path)] == line_of[other] == words)
    ]
    assert not up, "\n".join(up)


def dotted(schema: type, prefix: str = "") -> list[str]:
    """Every option of a dataclass, those of its groups with the group's name before them."""
    hints, names = get_type_hints(schema), []
    for item in fields(schema):
        hint = hints[item.name]
        name = f"{prefix}{item.name}"
        names += dotted(hint, f"{name}.") if is_dataclass(hint) else [name]
    return names


def test_every_option_is_explained_and_no_other() -> None:
    text = (ROOT / "bench" / "README.md").read_text()
    explained = re.findall(r"^\| `([\w.]+)` \| .+ \| .+ \|$", text, re.MULTILINE)
    assert sorted(explained) == sorted(dotted(config.Config))


def test_every_field_of_a_data_spec_is_explained_and_no_other() -> None:
    text = (ROOT / "bench" / "README.md").read_text()
    table = text.partition("gets a `DataSpec`")[2].partition("Events come flat")[0]
    explained = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    assert sorted(explained) == sorted([*(item.name for item in fields(DataSpec)), "dim"])


def test_the_data_set_of_the_reference_works() -> None:
    """The example under "How to add" builds a data set whose splits are disjoint parts of 3,000 draws."""
    text = (ROOT / "bench" / "README.md").read_text()
    example = re.search(r"```python\n(import torch\n.+?)```", text, re.DOTALL)
    assert example
    names: dict[str, Any] = {}
    exec(example[1], names)
    data = names["mine"]("mine", scale=2.0)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [2_000, 500, 500]
