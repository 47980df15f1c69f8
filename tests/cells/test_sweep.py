"""The line of a run that ended."""

from bench.cells.sweep import record_line


def test_what_compiling_took_is_said() -> None:
    record = {"status": "ok", "parameters": 9, "steps": 3, "train_seconds": 0.04, "compile_seconds": 16.2}
    assert record_line(record) == "ok  9 parameters  3 steps in 0.0 s  compiled in 16.2 s"
    assert record_line(record | {"compile_seconds": None}) == "ok  9 parameters  3 steps in 0.0 s"
