"""Plots that need not be drawn again: beside the page stands, by data set, a hash of what they were drawn from."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bench.record.writing import write_atomically
from bench.report.plot import Plot
from bench.report.sheet import OVER_ALL, Sheet
from bench.report.study import Array

NAME, PLOTS = ".drawn.json", "plots"
WORDS = tuple(name for name in Plot._fields if name != "files")


def hashes(sheets: Mapping[str, Sheet]) -> dict[str, str]:
    """Data set -> the hash of all that its plots are drawn from, the code that draws them included."""
    found = {
        data: _hash(code(), vars(sheet.study), sheet.cells, sheet.pairs, sheet.families, sheet.formats)
        for data, sheet in sheets.items()
    }
    return found | {OVER_ALL: _hash(list(found.values()))}


@cache
def code() -> str:
    """A hash of the code that draws, and of the library that it draws with."""
    sources = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return _hash(sources, version("matplotlib"), np.__version__)


def _hash(*parts: object) -> str:
    """A hash of values; of arrays it is that of their numbers."""
    digest = hashlib.blake2b(digest_size=16)
    for part in _flat(parts):
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode() + np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode(errors="surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()


def _flat(part: object) -> Iterable[object | Array]:
    if type(part) in {list, tuple}:
        for inner in part:  # type: ignore[attr-defined]
            yield from _flat(inner)
    elif type(part) is dict:
        yield from _flat(sorted(part.items()))
    else:
        yield part


def kept(study: Path, wanted: Mapping[str, str]) -> dict[str, list[Plot]]:
    """The plots in a study's folder of each data set whose hash is the wanted one, where their files are as written."""
    folder = study / PLOTS
    try:
        stored = json.loads((study / NAME).read_text(encoding="utf-8"))
        return {
            data: [_read(folder, words) for words in stored[data]["plots"]]
            for data, own in wanted.items()
            if data in stored and stored[data]["hash"] == own and _whole(folder, stored[data]["plots"])
        }
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _whole(folder: Path, plots: list[dict[str, Any]]) -> bool:
    paths = {folder / f"{words['name']}.{form}": of for words in plots for form, of in words["files"].items()}
    return all(
        path.parent == folder and path.is_file() and not path.is_symlink() and _hash(path.read_bytes()) == of
        for path, of in paths.items()
    )


def _read(folder: Path, words: dict[str, Any]) -> Plot:
    texts = {name: str(words[name]) for name in WORDS}
    files = {form: (folder / f"{texts['name']}.{form}").read_bytes() for form in words["files"]}
    return Plot(**texts, files=files)


def keep(study: Path, wanted: Mapping[str, str], plots: Mapping[str, list[Plot]]) -> None:
    """Writes down what the plots of each data set were drawn from."""
    stored = {
        data: {
            "hash": wanted[data],
            "plots": [
                {name: getattr(plot, name) for name in WORDS}
                | {"files": {form: _hash(content) for form, content in plot.files.items()}}
                for plot in own
            ],
        }
        for data, own in plots.items()
    }
    write_atomically(study / NAME, json.dumps(stored, indent=1, sort_keys=True) + "\n")
