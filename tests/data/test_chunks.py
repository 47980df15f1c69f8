import pytest
import torch

from bench.data import chunks


def test_pieces_are_the_rows_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "AT_ONCE", 24)
    split = torch.arange(7 * 6).reshape(7, 2, 3)
    found = list(chunks.chunks(split))
    assert [(start, rows.shape) for start, rows in found] == [(0, (4, 6)), (4, (3, 6))]
    assert torch.equal(torch.cat([rows for _, rows in found]), split.flatten(1))


@pytest.mark.parametrize("at_once", [1, 30, 10_000])
def test_the_deviation_is_that_of_all_rows(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "AT_ONCE", at_once)
    split = torch.randn(101, 5) + 1e4
    torch.testing.assert_close(chunks.deviation(split), split.double().std(0), rtol=1e-12, atol=0)


def test_moments_are_those_of_all_rows_and_the_same_of_the_same_pieces() -> None:
    split = torch.randn(101, 5, dtype=torch.float64) - 30.0
    mean, variance = chunks.moments(lambda: torch.split(split, 7))
    torch.testing.assert_close(mean, split.mean(0), rtol=1e-13, atol=0)
    torch.testing.assert_close(variance, split.var(0, correction=0), rtol=1e-11, atol=0)
    again = chunks.moments(lambda: (piece.clone() for piece in torch.split(split, 7)))
    assert torch.equal(mean, again[0])
    assert torch.equal(variance, again[1])
