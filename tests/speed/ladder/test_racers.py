from dataclasses import replace

from bench.speed.ladder.racers import at_rate, racers
from bench.speed.ladder.rows import BY_HAND, STOCK
from bench.speed.method import InProcess
from tests.speed.ladder.helpers import tiny


def test_a_row_at_another_rate_differs_in_nothing_else() -> None:
    faster = at_rate(BY_HAND, 0.25)
    problem = tiny()
    before, after = BY_HAND.start(problem), faster.start(problem)
    assert isinstance(before, InProcess)
    assert isinstance(after, InProcess)
    assert after.trainer.settings == replace(before.trainer.settings, learning_rate=0.25)
    assert faster.key != BY_HAND.key
    assert faster.name == f"{BY_HAND.name}, learning rate 0.25"
    assert replace(faster, key=BY_HAND.key, name=BY_HAND.name, start=BY_HAND.start) == BY_HAND


def test_ffjord_goes_first_and_every_row_has_a_file_of_its_own() -> None:
    field = racers()
    rows = [racer.row for racer in field]
    assert rows[0] is STOCK
    assert {key for racer in field for key in racer.beside} <= {row.key for row in rows}
    assert all(STOCK.key in racer.beside for racer in field)  # the one that is sure to arrive
    assert len({row.key for row in rows}) == len({row.name for row in rows}) == len(rows)
