import math
from typing import Any

import pytest

from bench.record.reading import Unreadable
from bench.record.typed import PROSE_LENGTH, typed

RUN: dict[str, Any] = {"run_id": "a", "status": "ok", "data": "toy", "model": "vae", "seed": 0}


@pytest.mark.parametrize(("name", "text"), [(2024, "2024"), (False, "False"), (1.5, "1.5"), (" a\tb\n", "a b")])
def test_a_scalar_in_a_text_column_becomes_text(name: Any, text: str) -> None:
    assert typed({**RUN, "data": name})["data"] == text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": "../../../x"}, "data is '../../../x', which is no name"),
        ({"model": ".."}, "which is no name"),
        ({"model": " "}, "which is no name"),
        ({"model": "x" * 300}, "which is no name"),
        ({"model": ["vae"]}, "model is ['vae']"),
        ({"status": "fine"}, "status is 'fine'"),
        ({"status": {}}, "status is {}"),
        ({"seed": 10**400}, "seed is 1000"),
        ({"seed": 2**63}, "seed is 9223372036854775808"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"seed": True}, "seed is True"),
        ({"nll_nats": "3"}, "nll_nats is '3'"),
        ({"nll_standard_error": -0.1}, "nll_standard_error, a spread, is -0.1"),
        ({"c2st_floor_sd": -1}, "c2st_floor_sd, a spread, is -1"),
        ({"nll_nats": math.nan}, "nll_nats is not finite"),
        ({"nll_nats": -1e101}, "nll_nats is -1e+101, beyond 1e+100"),
        ({"nll_is_bound": 1}, "nll_is_bound is 1"),
        ({"k_curve": [[1, math.inf]]}, "k_curve is not finite"),
        ({"own": {"deep": [math.nan]}}, "own is not finite"),
        ({"run_id": "a\x1b[31m"}, "run_id is"),
        ({f"own{n}": n for n in range(900)}, "columns"),
    ],
)
def test_what_no_run_writes_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unreadable) as raised:
        typed({**RUN, **change})
    assert reason in str(raised.value)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 120


def test_texts_can_be_printed_anywhere() -> None:
    changed = typed({**RUN, "error": "a\x1b[31m\ud800\r\nb\u202e", "own\x00": ["\ud800", {"\ud800": "\x07"}]})
    assert changed["error"] == "a\ufffd[31m\ufffd\nb\ufffd"
    assert changed["own\ufffd"] == ["\ufffd", {"\ufffd": "\ufffd"}]


def test_long_messages_are_cut_with_a_mark() -> None:
    error = typed({**RUN, "error": "x" * 200_000})["error"]
    assert len(error) == PROSE_LENGTH
    assert error.startswith("xxx")
    assert error.endswith("x … (cut, 200,000 characters)")
    assert typed({**RUN, "error": error})["error"] == error
    assert typed({**RUN, "error": "x" * PROSE_LENGTH})["error"] == "x" * PROSE_LENGTH
    command = "bench run " + "x" * 10_000
    assert typed({**RUN, "command": command})["command"] == command


def test_what_tells_a_row_from_others_is_one_short_line() -> None:
    assert typed({**RUN, "variant": "beta=1,\n  path=/a"})["variant"] == "beta=1, path=/a"
    assert len(typed({**RUN, "variant": "9" * 5_000})["variant"]) == 300


def test_whole_numbers_that_no_table_holds_become_fractional_ones() -> None:
    flops = typed({**RUN, "train_flops": 10**20})["train_flops"]
    assert isinstance(flops, float)
    assert flops == 1e20
