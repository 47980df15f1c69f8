"""The variants of a study: what tells a run from others of its data set, model and rung, in as few words as do."""

import hashlib
import json
from collections import Counter, defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.config import NOT_IDENTITY
from bench.record.reading import CONFIG_BYTES, Unreadable, text_of, yaml_mapping, yaml_sections
from bench.record.store import row_folder
from bench.record.typed import printable
from bench.report.committed_rows import VERSIONS
from bench.report.inert import said
from bench.report.run_settings import at, without_choices
from bench.report.study import Run, label, words_of

VARIANT_LENGTH = 250
"""Characters of the options that tell a run from others; of longer ones the rest stands as a hash."""

CONTENT = VERSIONS["data_hash"]
"""The name of the content of a run's data among its versions."""

NOT_A_SETTING = NOT_IDENTITY | {"seed", "device"}


def name_variants(runs: list[Run], runs_folder: Path, warnings: list[str]) -> None:
    """Gives each run the `variant` that tells it from others of its data set, model and rung."""
    groups: dict[tuple[Any, ...], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run["data"], run["model"], run.get("rung")].append(run)
    for group in groups.values():
        folders = [row_folder(runs_folder, run["run_id"]) for run in group]
        settings = [_settings(place / "config.yaml", warnings) for place in folders]
        each = versions(group)
        files = files_of(group, each)
        for own, setting in zip(each, settings, strict=True):
            setting |= own
            if files:
                setting["data.path"] = files[setting.pop(CONTENT)]
        without_choices(group, settings)
        for run, variant in zip(group, variants(settings), strict=True):
            run["variant"] = variant and shortened(variant)
        _tell_apart(group)


def versions(group: list[Run]) -> list[dict[str, str]]:
    """The versions of code and data that each run was made with, those of the run started last marked as current."""
    latest = max(group, key=lambda one: str(one.get("started") or ""))
    names = VERSIONS.items()
    return [
        {
            name: f"{run[column]}{' (current)' * bool(run[column] == latest.get(column))}"
            for column, name in names
            if run.get(column) is not None
        }
        for run in group
    ]


def files_of(group: list[Run], each: list[dict[str, str]]) -> dict[str, str]:
    """Content of data -> the file that commands name for it, where each content has one file of its own name.

    Empty for one content, or where some runs do not say: a file that changed is told by its content alone.
    """
    files: dict[str, set[str]] = defaultdict(set)
    for run, own in zip(group, each, strict=True):
        path = next((word.partition("=")[2] for word in words_of(run) if word.startswith("data.path=")), "")
        files[own.get(CONTENT, "")].add(Path(path).name)
    names = [name for own in files.values() for name in own]
    unknown = "" in files or "" in names
    if unknown or not 1 < len(set(names)) == len(names) == len(files):
        return {}
    return {content: name for content, (name,) in files.items()}


def variants(settings: list[dict[str, str]]) -> list[str | None]:
    """The options that tell each of these settings from the others, such as `beta=4.0`; None for the ordinary one.

    As few names as tell them apart, the model's own before the data's and those before what training and evaluation
    were given; of these only what differs from the value that more than half of the kinds share, where they do.
    """
    names = {name for setting in settings for name in setting}
    varied = sorted((n for n in names if len({s.get(n) for s in settings}) > 1), key=lambda n: (rank(n), n))
    telling: list[str] = []
    for name in varied:
        if kinds(settings, [*telling, name]) > kinds(settings, telling):
            telling.append(name)
    each = {tuple(setting.get(name) for name in telling) for setting in settings}
    usual = {
        name: Counter(values).most_common(1)[0] for name, values in zip(telling, zip(*each, strict=True), strict=True)
    }
    ordinary = {name: value for name, (value, count) in usual.items() if 2 * count > len(each)}
    return [
        ", ".join(
            f"{name.removeprefix('model.')}={setting.get(name)}"
            for name in telling
            if name not in ordinary or setting.get(name) != ordinary[name]
        )
        or None
        for setting in settings
    ]


def shortened(variant: str) -> str:
    """The variant in one line; the end of a long one is a hash of all of it."""
    one_line = " ".join(printable(variant).split())
    if len(one_line) <= VARIANT_LENGTH:
        return one_line
    return f"{one_line[:VARIANT_LENGTH]}… {hashlib.sha256(variant.encode(errors='replace')).hexdigest()[:8]}"


def kinds(settings: list[dict[str, str]], names: list[str]) -> int:
    """Into how many kinds these names divide the settings."""
    return len({tuple(setting.get(name) for name in names) for setting in settings})


def rank(name: str) -> int:
    """The place of a setting in the order in which they are tried for telling two models apart."""
    group = name.partition(".")[0]
    order = ("model", "data", "eval", "budget")
    ranked = order.index(group) if group in order else len(order)
    return 2 * ranked + (name.endswith(("examples", "samples", "steps", "chains")) and group == "eval")


def _tell_apart(group: list[Run]) -> None:
    """Runs that share even their seed, for want of a configuration, get their hash as variant."""
    seen: dict[tuple[Any, ...], int] = defaultdict(int)
    for run in group:
        seen[label(run), run["seed"], *at(run)] += 1
    clashing = [run for run in group if seen[label(run), run["seed"], *at(run)] > 1]
    for run in clashing:
        run["variant"] = run["run_id"].rsplit("-", 1)[-1]


def _settings(path: Path, warnings: list[str]) -> dict[str, str]:
    """The configuration of a run, flat (`budget.steps` -> `2000`), without what does not tell models apart."""
    try:
        sections = yaml_sections(text_of(path, CONFIG_BYTES))
        return {name: text for section in sections for name, text in _settings_in(section)}
    except (FileNotFoundError, Unreadable) as error:
        reason = "absent" if isinstance(error, FileNotFoundError) else error
        warnings.append(f"{said(path)} cannot be read ({reason}); its settings are not compared")
        return {}


@lru_cache(maxsize=10_000)  # runs of a study share most sections of their configurations
def _settings_in(section: str) -> list[tuple[str, str]]:
    pairs = [pair for key, value in yaml_mapping(section).items() for pair in _flat(str(key), value)]
    return [(name, text) for name, text in pairs if name not in NOT_A_SETTING and not name.startswith("tune.")]


def _flat(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in _flat(f"{name}.{key}", inner)]
    return [(name, value if isinstance(value, str) else json.dumps(value, default=str))]
