from pathlib import Path

import pytest

from bench.machine import memory


def test_a_cgroup_limits_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "CGROUP_LIMITS", (str(limit), str(tmp_path / "none")))
    machine = memory.memory()
    assert machine > 2**28
    for text, expected in (("max\n", machine), ("1048576\n", 2**20), (str(2**70), machine)):
        limit.write_text(text)
        assert memory.memory() == expected
