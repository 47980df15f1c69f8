from pathlib import Path
from typing import Any

import pytest

from tests.faults.study import undisturbed


@pytest.fixture(scope="session")
def whole(own_conf: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The undisturbed study."""
    return undisturbed(tmp_path_factory.mktemp("whole") / "place", own_conf)
