"""Pictures standardised by pixel, by image or not at all report the same nats in the same space."""

from typing import get_args

import pytest
import torch

from bench.data.digits import digits
from bench.data.spaces import DequantisedLogit
from bench.data.toy import toy
from bench.setup.cell import resolve
from bench.setup.compose import compose
from bench.spec import Standardise

WAYS = get_args(Standardise)


def logit_space(x: torch.Tensor, space: DequantisedLogit) -> torch.Tensor:
    return x * space.scale + space.shift


@pytest.mark.parametrize("how", WAYS)
def test_one_map_written_in_two_spaces_reports_the_same_nats(how: Standardise) -> None:
    """log p(v) = log N(v; 1, 4 I) of the plain logits v, written for each space by its own change of variables."""
    plain = digits("digits")
    own = plain.as_asked(False, how)
    law = torch.distributions.Normal(1.0, 2.0)

    def reported(data: object) -> torch.Tensor:
        assert isinstance(data, type(plain))
        assert isinstance(data.space, DequantisedLogit)
        x = data.fixed(data.test, 3).double()
        space = DequantisedLogit(17, data.space.alpha, data.space.shift.double(), data.space.scale.double())
        log_density = law.log_prob(logit_space(x, space)).sum(1) + space.scale.log().sum()
        return log_density + space.log_det(x)

    # float32 logits, 64 of up to 6 each, rounded at 1e-7 of their size in two ways.
    torch.testing.assert_close(reported(own), reported(plain), rtol=0, atol=2e-3)
    pixels = [data.space.to_data(data.fixed(data.test, 3)) for data in (own, plain)]
    torch.testing.assert_close(*pixels, rtol=0, atol=1e-6)


def test_by_image_all_pixels_together_have_mean_0_and_spread_1() -> None:
    own = digits("digits").as_asked(False, "image")
    x = own.fixed(own.train, 3)
    assert abs(float(x.mean())) < 0.01
    # The spread counts pixels that are black in all of the training split by the least scale that they are given.
    assert float(x.std()) == pytest.approx(1, abs=0.1)
    assert len(own.space.shift.unique()) == len(own.space.scale.unique()) == 1  # type: ignore[attr-defined]
    none = digits("digits").as_asked(False, "none").space
    assert (float(none.shift.abs().max()), float(none.scale.min())) == (0, 1)  # type: ignore[attr-defined]


def test_it_holds_in_their_own_shape_and_in_every_fold() -> None:
    plain = digits("digits")
    both = plain.as_asked(True, "image")
    assert both.spec.event_shape == (1, 8, 8)
    again = both.of_seed(2)
    flat = plain.of_seed(2).as_asked(False, "image")
    assert again.standardise == "image"
    assert torch.equal(again.fixed(again.test, 0).flatten(1), flat.fixed(flat.test, 0))


def test_what_has_no_such_choice_is_left_as_it_is() -> None:
    moons, binary = toy("moons", train=4, validation=4, test=4), digits("digits", binary=True)
    assert moons.as_asked(True, "image") is moons
    assert binary.as_asked(False, "none") is binary
    shaped = binary.as_asked(True, "image")
    assert shaped.standardise == "pixel"
    assert shaped.as_asked(True, "pixel") is shaped


def test_pixels_of_their_own_do_not_come_back() -> None:
    with pytest.raises(ValueError, match="standardised by image"):
        digits("digits").as_asked(False, "image").as_asked(False, "pixel")


def test_a_run_gets_what_its_entry_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = resolve(compose(["data=digits", "model=realnvp", "budget.parameters=5000"]))
    assert plain.dataset.standardise == "pixel"
    monkeypatch.setattr(plain.entry_class, "standardise", "none")
    asked = resolve(compose(["data=digits", "model=realnvp", "budget.parameters=5000"]))
    assert asked.dataset.standardise == "none"
    assert asked.run_id == plain.run_id, "the version of an entry says that its numbers are others"
