"""What a configuration may name: the bench, the user's own folders, and packages that say that they are made for it.

A configuration is code: a `_target_` is imported and called. One that came from elsewhere shall not reach all that is
installed, so that a module of Python or of a package is refused before anything of it is imported.
"""

import importlib.util
import os
import site
import sysconfig
from functools import cache
from importlib import metadata
from pathlib import Path

from bench.errors import BenchError
from bench.paths import BROUGHT_BY

PARTS = ("bench.models.", "bench.data.", "bench.launch.", "bench.track.")
"""Of the bench: what configurations name, and nothing else."""

INSTALLED = {"site-packages", "dist-packages"}
"""Names of folders that hold what was installed, wherever they lie."""

TRUSTED = "BENCH_TRUST"
"""Environment variable: further modules that may be named, with commas between them. A YAML cannot set it."""


def check_trusted(module: str, where: str) -> None:
    """Refuses a module that a configuration may not name; nothing of it is imported.

    Args:
        module: its dotted name.
        where: who an error is about, such as `model=vae`.

    Raises:
        BenchError: it is part of Python, or of a package that does not say that it is made for this.
    """
    top = module.partition(".")[0]
    named = {name.strip() for name in os.environ.get(TRUSTED, "").split(",")}
    if f"{module}.".startswith(PARTS) or top in named or top in declared() or (top != "bench" and is_own(top)):
        return
    raise BenchError(
        f"{where}: {module} is neither of the bench nor of your own folders, and a configuration may run what it"
        f" names; where you mean it, set {TRUSTED}={top}"
    )


@cache
def declared() -> frozenset[str]:
    """The modules of installed packages that bring configurations, by an entry point of the group `bench.conf`."""
    points = list(metadata.entry_points(group=BROUGHT_BY))
    brought = {point.value.partition(":")[0].partition(".")[0] for point in points}
    if points:  # the classes of a package may lie in another module than its configurations
        theirs = {point.dist.name for point in points if point.dist is not None}
        brought |= {top for top, names in metadata.packages_distributions().items() if theirs & set(names)}
    return frozenset(brought)


def is_own(top: str) -> bool:
    """True where a module lies outside the folders of Python and its packages, or nowhere, as its import then says."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return True
    if spec is None:
        return True
    places = [*(spec.submodule_search_locations or []), *([spec.origin] if spec.has_location and spec.origin else [])]
    if not places:  # built in or frozen, or of a loader of its own, such as that of modules stored with a run
        return spec.origin not in ("built-in", "frozen")
    installed = site_folders() + library_folders()
    paths = [Path(place).resolve() for place in places]
    return any(not INSTALLED & set(path.parts) and not any(map(path.is_relative_to, installed)) for path in paths)


@cache
def site_folders() -> tuple[Path, ...]:
    """The folders that distributions are installed into."""
    paths = [*site.getsitepackages(), site.getusersitepackages()]
    paths += [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    return tuple({Path(path).resolve() for path in paths})


@cache
def library_folders() -> tuple[Path, ...]:
    """The folders of the standard library."""
    return tuple({Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")})
