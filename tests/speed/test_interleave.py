import time

import pytest
import torch

from bench.speed.interleave import Effort, Spread, interleave, ratios, smoothed_mean

CPU = torch.device("cpu")


def test_blocks_take_turns_after_a_warm_up_and_each_second_round_runs_backwards() -> None:
    calls: list[str] = []
    blocks = [lambda: calls.append("a"), lambda: calls.append("b"), lambda: calls.append("c")]
    seconds = interleave(blocks, CPU, Effort(seconds=0, rounds=3))
    assert "".join(calls) == "abc" + "abc" + "cba" + "abc"
    assert [len(each) for each in seconds] == [3, 3, 3]


def test_seconds_belong_to_their_blocks() -> None:
    seconds = interleave([lambda: time.sleep(0.02), lambda: None], CPU, Effort(seconds=0, rounds=4))
    assert min(seconds[0]) >= 0.02  # sleep never returns early
    assert sorted(seconds[1])[0] < 0.02


def test_rounds_go_on_until_the_time_is_up() -> None:
    seconds = interleave([lambda: time.sleep(0.001)], CPU, Effort(seconds=0.1, rounds=2))
    assert len(seconds[0]) > 2


def test_ratios_are_taken_round_by_round() -> None:
    # The machine slows down tenfold half way; the ratio of the sides does not change.
    assert ratios([2.0, 2.0, 20.0, 20.0], [4.0, 4.0, 40.0, 40.0]) == Spread(0.5, 0.5, 0.5)


def test_a_spread_is_the_median_and_the_quartiles() -> None:
    spread = Spread.of([5.0, 1.0, 2.0, 4.0, 3.0])
    assert (spread.low, spread.median, spread.high) == pytest.approx((2.0, 3.0, 4.0))


def test_a_smoothed_mean_leaves_out_one_slow_block_and_counts_a_phase_by_its_length() -> None:
    assert smoothed_mean([2.0, 2.0, 90.0, 2.0, 2.0]) == 2.0
    assert smoothed_mean([1.0] * 7 + [11.0] * 3) == pytest.approx(0.7 * 1 + 0.3 * 11)
    assert smoothed_mean([3.0]) == 3.0
