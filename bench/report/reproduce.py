"""`bench reproduce`: what a study obtained beside what was published, from its stored table alone."""

from pathlib import Path

import pandas as pd

from bench.errors import BenchError
from bench.report.intervals import t_interval
from bench.report.study import TABLE, load, study_folder

PUBLISHED = Path(__file__).with_name("published.csv")


def reproduce(study: str, results_dir: Path) -> list[str]:
    """One line for each published number that the study has a counterpart of.

    The published models differ in size and training; the difference says how far apart the two numbers are, not that
    one of them is wrong. Where no error was published, that side has none.

    Raises:
        BenchError: the study is unknown or has no table, or nothing published stands beside it.
    """
    folder = study_folder(study, results_dir)
    if not (folder / TABLE).exists():
        raise BenchError(f"{folder} has no {TABLE}; make it with: bench report {study}")
    runs = pd.DataFrame([run for run in load(folder).runs if run["status"] == "ok"])
    lines = []
    for row in pd.read_csv(PUBLISHED, dtype=str, keep_default_na=False).to_dict("records"):
        oracle = row["model"] == ""
        found = runs[(runs["data"] == row["data"]) & ((runs["model"] == row["model"]) | oracle)][row["column"]].dropna()
        values = [float(value) for value in (found.unique() if oracle else found)]
        if not values:
            continue
        mean, half_width, n = t_interval(values)
        interval = "" if half_width is None else f" ± {half_width:.4f} (n={n})"
        error = f" ± {row['error']}" if row["error"] else ""
        lines.append(
            f"{row['data']} {row['model'] or 'oracle'} {row['column']}: obtained {mean:.4f}{interval}, "
            f"published {row['value']}{error}, difference {mean - float(row['value']):+.4f} "
            f"({row['who']}; {row['source']}; {row['certainty']})"
        )
    if not lines:
        raise BenchError(f"nothing published stands beside the data of study {study}; see {PUBLISHED.name}")
    return lines
