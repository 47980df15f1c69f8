"""The user's own modules of a stored run: as they are here where they did not change, else as stored, by consent.

Loading a module runs it. So a stored text is loaded only where the user says so.
"""

import ast
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from bench.data.content import PROJECT
from bench.errors import BenchError
from bench.record.reading import Unreadable, opened
from bench.setup.sources import fingerprint

SOURCES = "sources"
SOURCE_BYTES = 5_000_000
CONSENT = "--trust-sources (in Python trust_sources=True)"


def stored_sources(folder: Path) -> dict[str, bytes]:
    """Dotted name -> text of the user's modules that a run's folder keeps.

    Raises:
        Unreadable: one is a link or too large.
    """
    found = {}
    for path in sorted((folder / SOURCES).glob("*.py")):
        with opened(path, SOURCE_BYTES) as file:
            found[path.stem] = file.read()
    return found


def make_importable(target: str, folder: Path, trust: bool) -> None:
    """Sees to it that the module of a class can be imported as it was when the run was made.

    Args:
        target: dotted path of the class, from the run's configuration.
        folder: of the run.
        trust: whether its stored modules may be loaded.

    Raises:
        BenchError: the module is another one by now, or not here, and there is no consent; or none is stored.
    """
    if target.startswith(PROJECT):
        return
    try:
        sources = stored_sources(folder)
    except Unreadable as error:
        raise BenchError(f"{folder.name}: {SOURCES}: {error}") from error
    module = target.rpartition(".")[0]
    if module not in sources:
        raise BenchError(f"{folder.name}: its model is {target}, whose text is not stored; only bench.* is loaded so")
    if trust:
        sys.meta_path.insert(0, StoredModules(sources))
        for name in [name for name in sys.modules if name in sources]:
            del sys.modules[name]
        return
    for name in needed(module, sources):
        here = file_here(name)
        if here is None:
            raise BenchError(f"{folder.name}: no module {name} here; {CONSENT} runs the text stored with the run")
        if fingerprint(here.read_bytes()) != fingerprint(sources[name]):
            raise BenchError(f"{folder.name}: {here} is not as it was; {CONSENT} runs the text stored with the run")


def needed(module: str, sources: Mapping[str, bytes]) -> list[str]:
    """The stored modules that a stored module imports, directly or through others, itself first.

    Modules that it does not import, such as those of the run's data, have no say. Of a text that is no Python all do.
    """
    found, waiting = [], [module]
    while waiting:
        name = waiting.pop(0)
        if name in found:
            continue
        found.append(name)
        try:
            imported = list(imports(ast.parse(sources[name]), name))
        except (SyntaxError, ValueError):
            return sorted(sources)
        parents = [".".join(name.split(".")[:place]) for place in range(1, name.count(".") + 1)]
        waiting += [other for other in sources if other in imported or other in parents]
    return found


def imports(tree: ast.AST, module: str) -> Iterator[str]:
    """Dotted names that a module's text imports anywhere, and the packages above them.

    A package's own text and a module's go by the same name, so that a relative import is read in both ways.
    """
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [item.name for item in node.names]
        elif isinstance(node, ast.ImportFrom):
            steps = module.split(".")
            bases = [""]
            if node.level:
                bases = [".".join(steps[: len(steps) - drop]) for drop in (node.level, node.level - 1)]
            starts = [".".join(filter(None, (base, node.module))) for base in bases]
            names = [".".join(filter(None, (start, item.name))) for start in starts for item in node.names] + starts
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:place]) for place in range(1, len(parts) + 1))


def file_here(module: str) -> Path | None:
    """The file that a module would be imported from, none of it executed; None where there is none."""
    *parents, _ = module.split(".")
    places = [Path(entry or ".") for entry in sys.path]
    for place in places:
        base = place.joinpath(*module.split("."))
        if len(parents) and not place.joinpath(*parents).is_dir():
            continue
        for file in (base / "__init__.py", base.with_suffix(".py")):
            if file.is_file():
                return file
    return None


class StoredModules(MetaPathFinder, Loader):
    """Modules by the text that a run's folder keeps, found before any file."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        self.sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's spec where its text, or that of a module inside it, is stored."""
        inner = any(name.startswith(f"{fullname}.") for name in self.sources)
        if fullname not in self.sources and not inner:
            return None
        return importlib.util.spec_from_loader(fullname, self, is_package=inner)

    def create_module(self, spec: ModuleSpec) -> None:
        """None: an ordinary module."""

    def exec_module(self, module: ModuleType) -> None:
        """Runs the stored text."""
        name = module.__name__
        text = self.sources.get(name, b"")
        exec(compile(text, f"<{SOURCES}/{name}.py>", "exec"), module.__dict__)
