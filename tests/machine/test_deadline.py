import time

import pytest

from bench.errors import TimedOut
from bench.machine.deadline import Deadline


def test_it_lets_pass_until_its_time_is_over() -> None:
    deadline = Deadline(0.05)
    deadline.check()
    time.sleep(0.06)
    with pytest.raises(TimedOut, match=r"budget\.timeout_seconds=0\.05 passed"):
        deadline.check()


def test_none_never_ends() -> None:
    Deadline(None).check()
