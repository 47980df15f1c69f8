from bench.cells.order import Order, from_plain
from bench.cells.worker import resolved, setting_of
from bench.setup import build
from bench.setup.cell import resolve
from bench.setup.compose import compose


def test_the_width_is_searched_once_and_goes_with_the_order(monkeypatch) -> None:
    cell = resolve(compose(["model=vae", "data=digits", "budget.parameters=5000"]))
    order = from_plain(Order(setting_of(cell), 3, 0, "bench run").plain())
    assert order.setting.width == cell.width

    def searched(*_: object) -> int:
        raise AssertionError

    monkeypatch.setattr(build, "sized_width", searched)
    again = resolved(order)
    assert again.width == cell.width
    assert again.run_id == order.run_id


def test_a_refused_cell_has_no_width() -> None:
    refused = resolve(compose(["model=cnf", "data=digits_binary"]))
    assert refused.refusal
    assert setting_of(refused).width is None
