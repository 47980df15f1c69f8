"""The user's own modules: their source counts in a run's key, and their text is kept beside its record.

A module is the user's where it lies neither in the standard library, nor in the bench, nor in a distribution that the
bench's metadata requires, extras and the requirements of requirements among them.
"""

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.paths import PACKAGE
from bench.trusted import library_folders, site_folders

DISTRIBUTION = "generative-bench"

LOADED_BEFORE = frozenset(name.partition(".")[0] for name in sys.modules)
"""Top-level modules that were here before any user's: what the bench's own start loads from site-packages is no
user's, though no distribution may claim it."""


COMPILED = ("torchinductor_", "/.triton/")
"""Parts of the paths under which compilers of torch write the modules that they generate."""


class Source:
    """The text of one module.

    Attributes:
        module: its dotted name.
        path: its file.
        content: the file's bytes.
    """

    def __init__(self, module: str, path: Path) -> None:
        self.module, self.path = module, path
        self.content = path.read_bytes()

    @property
    def fingerprint(self) -> str:
        """A hash of the syntax tree, so that comments and layout do not count; of the bytes where there is none."""
        return fingerprint(self.content)


@cache
def fingerprint(content: bytes) -> str:
    """The hash of a module's syntax tree, or of its bytes where they are no Python."""
    try:
        tree = canonical(ast.parse(content))
    except (SyntaxError, ValueError):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha256(repr(tree).encode()).hexdigest()


def user_sources() -> list[Source]:
    """The sources of all loaded modules that are the user's, by name."""
    modules = [(name, module) for name, module in sorted(sys.modules.items()) if isinstance(module, ModuleType)]
    files = [(name, path) for name, module in modules for path in file_of(name, module)]
    return [Source(name, path) for name, path in files if path.is_file()]


def distributions_of(sources: Iterable[Source]) -> list[str]:
    """The installed distributions that the user's modules belong to."""
    tops = {source.module.partition(".")[0] for source in sources}
    return sorted({name for top in tops for name in distributions().get(top, ())})


@cache
def distributions() -> dict[str, list[str]]:
    """top-level module -> the distributions that bring it."""
    return {module: list(names) for module, names in metadata.packages_distributions().items()}


def fingerprints(sources: Iterable[Source]) -> dict[str, str]:
    """module -> hash of its syntax tree."""
    return {source.module: source.fingerprint for source in sources}


def file_of(name: str, module: ModuleType) -> Iterator[Path]:
    """The module's file where the module is the user's, else nothing."""
    file = getattr(module, "__file__", None)
    if isinstance(file, str) and getattr(module, "__spec__", None) is not None and is_users(name, file):
        yield Path(file)


@cache
def is_users(name: str, file: str) -> bool:
    """True where the module of that name and file is the user's."""
    path = Path(file).resolve()
    if name in {"__main__", "__mp_main__"} or any(part in file for part in COMPILED) or path.is_relative_to(PACKAGE):
        return False
    installed = [path.relative_to(folder) for folder in site_folders() if path.is_relative_to(folder)]
    if installed:
        # By its place: what a distribution has vendored goes by names that no distribution claims.
        top = min(installed, key=lambda place: len(place.parts)).parts[0].removesuffix(".py")
        return top not in LOADED_BEFORE and not required_modules().get(top, False)
    return not any(path.is_relative_to(folder) for folder in library_folders())


@cache
def required_modules() -> dict[str, bool]:
    """top-level module -> whether a distribution that the bench requires brings it."""
    required = required_distributions()
    return {module: any(normal(name) in required for name in names) for module, names in distributions().items()}


@cache
def required_distributions() -> frozenset[str]:
    """Normalised names of all distributions that the bench requires, with all of its extras, transitively."""
    seen: set[str] = set()
    waiting = [(DISTRIBUTION, True, frozenset[str]())]
    while waiting:
        name, all_extras, extras = waiting.pop()
        for line in requirements(name):
            wanted = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", line)
            match = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:\[([^]]*)\])?", line)
            if match is None or (wanted and not all_extras and wanted[1] not in extras):
                continue
            asked = frozenset(part.strip() for part in (match[2] or "").split(",") if part.strip())
            if normal(match[1]) not in seen or asked:
                before = len(seen)
                seen.add(normal(match[1]))
                if len(seen) > before or asked - extras:
                    waiting.append((match[1], False, asked))
    return frozenset(seen | {normal(DISTRIBUTION)})


def requirements(distribution: str) -> list[str]:
    """The requirement lines of an installed distribution; none of one that is not here."""
    try:
        return metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return []


def normal(name: str) -> str:
    """A distribution's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def canonical(node: Any) -> Any:
    """A syntax tree as nested tuples without places, and without the empty fields that other Pythons add."""
    if isinstance(node, ast.AST):
        fields = [(name, canonical(value)) for name, value in ast.iter_fields(node) if name not in {"kind", "ctx"}]
        return type(node).__name__, tuple((name, value) for name, value in fields if value not in (None, ()))
    if isinstance(node, list):
        return tuple(canonical(item) for item in node)
    return None if node is None else (type(node).__name__, repr(node))
