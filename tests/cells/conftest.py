import re
from pathlib import Path

import pytest

from tests.own_entries import Affine


@pytest.fixture(scope="session")
def rough_conf(own_conf: Path) -> Path:
    """The tests' entries and, beside them, those of `tests.cells.entries`."""
    from tests.cells import entries

    for name, value in vars(entries).items():
        if isinstance(value, type) and issubclass(value, Affine) and value is not Affine:
            file = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
            text = f"# {value.__doc__}\n_target_: tests.cells.entries.{name}\nname: {file}\nwidth: 4\n"
            (own_conf / "model" / f"{file}.yaml").write_text(text)
    return own_conf
