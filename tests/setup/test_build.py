import importlib
import sys
from typing import Literal

import pytest
import torch

from bench.errors import BenchError, NotApplicable
from bench.setup import build, extras
from bench.setup.compose import compose
from bench.setup.match import parameter_count
from bench.setup.options import held_against
from bench.spec import DataSpec
from tests.helpers import tiny
from tests.own_entries import Affine, Linear

PLANE = DataSpec((2,))


def refusal(*overrides: str, conf=None) -> str:
    with pytest.raises(BenchError) as raised:
        build.entry_of_width(compose(list(overrides), conf), PLANE, None)
    text = str(raised.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["model=cnf", "model.rtol=abc"], "model=cnf: rtol: Value 'abc' of type 'str' could not be converted to Float"),
        (["model=realnvp", "model.layers=1.5"], "model=realnvp: layers"),
        (["model=realnvp", "model.layers=null"], "model=realnvp: layers"),
        (["model=realnvp", "model.layers=0"], "model.layers=0"),
        (["model=realnvp", "model.layers=-3"], "model.layers=-3"),
        (["model=vae", "model.latent_size=0"], "model.latent_size=0"),
        (["model=vae", "model.importance_samples=9"], "unknown option 'importance_samples' in model=vae"),
        (["model=realnvp", "model.layer=3"], "unknown option 'layer' in model=realnvp; did you mean layers?"),
        (["model=realnvp", "model.mixing=lul"], "unknown model.mixing 'lul' in model=realnvp; did you mean lu"),
        (["model=cnf", "model.adjoint=7.5"], "model=cnf: adjoint"),
        (["model=vae", "model.width=abc"], "model=vae: width: Value 'abc'"),
        (["model=vae", "model.width=0"], "model.width=0: must be more than zero"),
        (["model=vae", "model.width.deep=3"], "model=vae: width"),
    ],
)
def test_an_entrys_own_options_are_held_against_its_signature(overrides: list[str], named: str) -> None:
    assert named in refusal(*overrides)


def test_a_model_without_width_is_told_so() -> None:
    assert refusal("model=vae", "~model.width") == "model=vae: option width has no value; set model.width="


def test_the_widths_type_is_checked_where_a_budget_replaces_it_too() -> None:
    with pytest.raises(BenchError, match="width: Value 'abc'"):
        build.entry_of_width(compose(["model=vae", "model.width=abc"]), PLANE, width=3)


def test_options_arrive_converted() -> None:
    config = compose(["model=cnf", "model.rtol=1", "model.width=30"])
    entry = build.entry_of_width(config, PLANE, None)
    assert type(entry).__name__ == "CNF"
    assert held_against(type(entry).__init__, {"width": 3, "rtol": 1}, "model=cnf") == {"width": 3, "rtol": 1.0}
    assert isinstance(held_against(type(entry).__init__, {"width": 3, "rtol": 1}, "model=cnf")["rtol"], float)


def test_annotations_of_every_kind_can_be_set() -> None:
    def function(
        *,
        several: list[int],
        pair: tuple[int, int],
        mode: Literal["a", "b"] | None = None,
        number: float | None = None,
        either: int | str = 1,
        plain=3,
    ) -> None: ...

    options = {"several": [1, 2], "pair": [3, 4], "mode": None, "number": None, "either": "x", "plain": {"deep": 1}}
    converted = held_against(function, options, "model=mine")
    assert converted == options
    assert held_against(function, {"several": [], "pair": [1, 2], "mode": "a"}, "model=mine")["mode"] == "a"
    with pytest.raises(BenchError, match=r"unknown model\.mode 'aa' in model=mine; did you mean a"):
        held_against(function, options | {"mode": "aa"}, "model=mine")
    with pytest.raises(BenchError, match="several"):
        held_against(function, options | {"several": ["x"]}, "model=mine")


def test_free_options_pass_and_named_ones_are_still_checked() -> None:
    def function(*, width: int, **own: object) -> None: ...

    assert held_against(function, {"width": 3, "own_one": "x"}, "model=mine") == {"width": 3, "own_one": "x"}
    with pytest.raises(BenchError, match="width"):
        held_against(function, {"width": "x"}, "model=mine")


def test_a_literal_with_none_takes_null(own_conf) -> None:
    entry = build.entry_of_width(compose(["model=linear", "model.activation=null"], own_conf), PLANE, None)
    assert isinstance(entry, Linear)


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("class Mine(:", "SyntaxError"),
        ("import a_module_that_nobody_has", "No module named 'a_module_that_nobody_has'"),
        ("raise ValueError('on import')", "ValueError: on import"),
        ("class Mine: ...", "user_entry.Mine is not an Entry"),
        ("Mine = 3", "user_entry.Mine is neither a class nor a function"),
        ("class Mien: ...", "unknown name 'Mine' in user_entry; did you mean Mien"),
    ],
)
def test_a_users_entry_that_cannot_be_imported(source: str, named: str, tmp_path, monkeypatch) -> None:
    (tmp_path / "user_entry.py").write_text(source)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("_target_: user_entry.Mine\nname: mine\nwidth: 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "user_entry", raising=False)
    text = refusal("model=mine", conf=tmp_path)
    assert named in text
    assert "user_entry" in text


def test_a_constructor_that_breaks_is_named(own_conf) -> None:
    text = refusal("model=unbuildable", conf=own_conf)
    assert text.startswith("model=unbuildable cannot be built (ZeroDivisionError: the constructor broke)")


def test_an_entry_that_does_not_apply_says_so() -> None:
    with pytest.raises(NotApplicable, match="at least 2 coordinates"):
        build.entry_of_width(compose(["model=realnvp"]), DataSpec((1,)), None)


def test_an_entry_has_the_width_of_the_budget_where_one_is_asked(own_conf) -> None:
    config = tiny(own_conf, "model=affine")
    spec = build.dataset(config).spec
    entry = build.entry(config, spec)
    assert parameter_count(entry) == pytest.approx(60, rel=0.02)
    assert parameter_count(build.entry_of_width(config, spec, None)) == 15
    assert parameter_count(build.entry(tiny(own_conf, "model=affine", "budget.parameters=null"), spec)) == 15


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["data=moons", "data.train=-5"], "train=-5"),
        (["data=moons", "data.train=abc"], "data=moons: train"),
        (["data=moons", "data.test=1"], "data=moons (bench.data.toy.toy): test has too few rows (1)"),
        (["data=moons", "data.trian=5"], "unknown option 'trian' in data=moons; did you mean train"),
        (["data=digits", "data.alpha=0.7"], "alpha=0.7"),
        (["data=moons", "data._target_=math.prod"], "data=moons"),
        (["data=moons", "data._target_=builtins.repr"], "data=moons"),
        (["data=moons", "data._target_=nowhere.moons"], "cannot import nowhere"),
    ],
)
def test_a_data_set_that_cannot_be_built(overrides: list[str], named: str) -> None:
    with pytest.raises(BenchError) as raised:
        build.dataset(compose(overrides))
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_a_data_function_returns_is_a_dataset(tmp_path, monkeypatch) -> None:
    (tmp_path / "user_data.py").write_text(
        "def mine(name: str):\n    return [1, 2]\ndef broken(name: str):\n    1 / 0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BenchError, match="returned a list; let it return a Dataset"):
        build.dataset(compose(["data=moons", "data._target_=user_data.mine"]))
    with pytest.raises(BenchError, match=r"data=moons cannot be built \(ZeroDivisionError"):
        build.dataset(compose(["data=moons", "data._target_=user_data.broken"]))


class ExtraState(Affine):
    """Remembers what no tensor holds."""

    def get_extra_state(self):
        return {"a": 1}


class SparseBuffer(Affine):
    def __init__(self, data, *, width: int):
        super().__init__(data, width=width)
        self.register_buffer("mask", torch.eye(3).to_sparse())


class SparseInside(Affine):
    def __init__(self, data, *, width: int):
        super().__init__(data, width=width)
        self.inner = ExtraState(data, width=width)


@pytest.mark.parametrize(
    ("cls", "named"),
    [
        (ExtraState, "model=mine: ExtraState has get_extra_state; keep that state in buffers, as dense tensors"),
        (SparseInside, "model=mine: inner has get_extra_state"),
        (SparseBuffer, "model=mine: mask is of layout torch.sparse_coo; keep it as a dense tensor"),
    ],
)
def test_state_that_no_checkpoint_keeps_is_refused_at_building(cls, named: str) -> None:
    with pytest.raises(BenchError) as raised:
        build.built(cls, {"width": 3}, PLANE, "mine")
    assert str(raised.value).startswith(named)


def test_a_missing_extra_makes_an_entry_not_applicable_by_name(monkeypatch) -> None:
    config = compose(["model=vae", "model._target_=needs_extra.Mine"])
    monkeypatch.setattr(extras, "requirements", lambda name: ["torch", "pythae>=0.1.2; extra == 'speed'"])

    def missing(name: str, *_: object) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name="pythae.models")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(NotApplicable) as raised:
        build.entry_class(config)
    assert str(raised.value) == (
        "model=vae needs pythae, which is not installed; the extra brings it: pip install -e '.[speed]'"
    )
    monkeypatch.setattr(extras, "requirements", lambda name: ["torch"])
    with pytest.raises(BenchError, match="model=vae: cannot import needs_extra"):
        build.entry_class(config)


def test_a_file_that_a_librarys_module_hides_is_named(tmp_path, monkeypatch) -> None:
    (tmp_path / "statistics.py").write_text("raise SystemExit('executed')\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with pytest.raises(BenchError) as raised:
        build.entry_class(compose(["model=vae", "model._target_=statistics.Mine"]))
    assert str(raised.value) == (
        f"model=vae: {tmp_path / 'statistics.py'} has the name of a library's module, which goes first; rename it"
    )


def test_a_file_with_the_name_of_an_extra_is_not_executed_by_a_library(tmp_path, monkeypatch) -> None:
    (tmp_path / "absent_extra.py").write_text("raise SystemExit('executed')\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setattr(extras, "requirements", lambda name: ["absent-extra>=1; extra == 'speed'", "torch"])
    build.entry_class(compose(["model=vae"]))
    assert sys.modules.pop("absent_extra", "not hidden") is None
    with pytest.raises(BenchError, match=r"absent_extra\.py has the name of a library's module"):
        build.entry_class(compose(["model=vae", "model._target_=absent_extra.Mine"]))
    del sys.modules["absent_extra"]
