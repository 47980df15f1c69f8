"""A command in a group of limited memory; skipped where no group can be made."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.speed.memory_limit import memory_limit, within

TAKES = "import sys; held = bytearray(int(sys.argv[1])); held[::4096] = b'1' * len(held[::4096])"


def ended(group: Path | None, size: int) -> int:
    return subprocess.run(within(group, [sys.executable, "-c", TAKES, str(size)]), capture_output=True).returncode


def test_a_command_beyond_the_limit_is_killed() -> None:
    with memory_limit(100 * 2**20) as group:
        if group is None:
            pytest.skip("no control group can be made here")
        assert ended(group, 20 * 2**20) == 0
        assert ended(group, 400 * 2**20) != 0
    assert not group.exists()


def test_without_a_group_the_command_stays_as_it_is() -> None:
    assert within(None, ["a", "b c"]) == ["a", "b c"]
    assert ended(None, 20 * 2**20) == 0
