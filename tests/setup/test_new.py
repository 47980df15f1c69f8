"""`bench new` writes an entry that passes `bench check`, and never half of one."""

import importlib
import re
import sys
from pathlib import Path

import pytest
import torch

from bench.contract.check import check_entry
from bench.errors import BenchError
from bench.models.entry import Entry
from bench.setup import new
from bench.setup.build import entry_of_width
from bench.setup.compose import compose
from bench.setup.new import write_new
from bench.spec import DataSpec
from tests.helpers import TINY_EVAL


@pytest.fixture
def mixture(tmp_path, monkeypatch) -> type[Entry]:
    write_new(["my_mixture"], tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("my_mixture").MyMixture
    del sys.modules["my_mixture"]


def test_outside_the_project_it_runs_from_its_own_folder(tmp_path, mixture):
    config = compose(["model=my_mixture"], tmp_path / "conf")
    built = entry_of_width(config, DataSpec((2,)), None)
    assert type(built) is mixture
    assert built.logits.shape == (64,)
    assert check_entry(lambda spec, width: entry_of_width(config, spec, width), report=lambda line: None) == []


def test_the_yaml_opens_with_a_description_and_its_command(tmp_path, mixture):
    text = (tmp_path / "conf/model/my_mixture.yaml").read_text()
    assert text.splitlines()[0].endswith("bench run --config-dir conf model=my_mixture")


def test_the_entry_is_short(tmp_path, mixture):
    assert len((tmp_path / "my_mixture.py").read_text().splitlines()) <= 55


def test_inside_the_project_it_joins_the_models(tmp_path, monkeypatch):
    (tmp_path / "conf/model").mkdir(parents=True)
    monkeypatch.setattr(new, "project_dir", lambda: tmp_path)
    assert write_new(["mine"]) == [tmp_path / "bench/models/mine.py", tmp_path / "conf/model/mine.yaml"]
    assert "_target_: bench.models.mine.Mine\nname: mine\n" in (tmp_path / "conf/model/mine.yaml").read_text()


def test_its_density_is_that_of_torchs_mixture(mixture):
    torch.manual_seed(1)
    model = mixture(DataSpec((3,)), width=5)
    torch.nn.init.normal_(model.logits)
    torch.nn.init.normal_(model.log_scale)
    parts = torch.distributions.Independent(torch.distributions.Normal(model.mean, model.scale()), 1)
    truth = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(logits=model.logits), parts)
    x = torch.randn(50, 3)
    # Expanded squares lose some digits of 32-bit numbers where scales are small.
    torch.testing.assert_close(model.log_prob(x).value, truth.log_prob(x), atol=1e-3, rtol=1e-4)


def test_thousands_of_components_in_64_dimensions_stay_finite_and_learn(mixture):
    torch.manual_seed(1)
    model = mixture(DataSpec((64,), "discrete", levels=17), width=4000)
    centres = torch.randn(4, 64)
    data = centres[torch.randint(4, (256,))] + 0.3 * torch.randn(256, 64)
    adam = torch.optim.Adam(model.parameters(), lr=2e-2)
    losses = []
    for _ in range(30):
        adam.zero_grad()
        loss = model.loss(data).mean()
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    assert all(torch.isfinite(p).all() for p in model.parameters())
    # A single standard normal costs 64/2 (ln 2π + 1.09 + ...) > 100 nats; the learned components are below.
    assert losses[-1] < losses[0] - 20


@pytest.mark.parametrize("name", ["2d", "my-flow", "a b", "class", "", "../x", "yes", "é"])
def test_a_name_that_cannot_be_imported_is_refused(tmp_path, name):
    with pytest.raises(BenchError, match="cannot name a model") as refusal:
        write_new([name], tmp_path)
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["json", "torch", "bench"])
def test_a_name_that_hides_a_module_is_refused(tmp_path, name):
    with pytest.raises(BenchError, match="would hide an installed module"):
        write_new([name], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_a_model_is_refused(tmp_path):
    with pytest.raises(BenchError, match="model 'vae' exists already"):
        write_new(["vae"], tmp_path)


def test_a_second_time_is_refused_and_changes_nothing(tmp_path):
    module, yaml = write_new(["mine_again"], tmp_path)
    module.write_text("edited")
    with pytest.raises(BenchError, match="exists"):
        write_new(["mine_again"], tmp_path)
    assert module.read_text() == "edited"
    module.unlink()
    with pytest.raises(BenchError, match="exists"):
        write_new(["mine_again"], tmp_path)
    assert not module.exists()
    assert yaml.exists()


def test_nothing_half_written_stays(tmp_path):
    (tmp_path / "conf").write_text("a file where a folder should be")
    with pytest.raises(BenchError):
        write_new(["mine"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["conf"]


def test_a_wheel_needs_a_folder(monkeypatch):
    monkeypatch.setattr(new, "project_dir", lambda: None)
    with pytest.raises(BenchError, match="add --dir DIR"):
        write_new(["mine"])


def test_templates_lie_in_the_package():
    assert {path.name for path in new.TEMPLATES.iterdir()} == {
        f"{stem}.{kind}.txt" for stem in ("entry", "data") for kind in ("py", "yaml")
    }
    assert Path(new.__file__).parent in new.TEMPLATES.parents


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["flow", "mine"], "unknown thing to write 'flow' in bench new"),
        (["data", "mine", "too"], "give one name, behind model or data"),
        (["data", "moons"], "data set 'moons' exists already"),
        (["data", "2d"], "cannot name a data set: use letters, digits and _, a letter first, such as my_data"),
    ],
)
def test_other_words_are_refused(tmp_path, words, said):
    with pytest.raises(BenchError, match=re.escape(said)):
        write_new(words, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_holds_its_contract_and_trains(tmp_path, bench_call, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    answer = bench_call("new", "data", "my_points", "--dir", ".")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[-1] == "next: cd . && bench check my_points --config-dir conf"
    text = (tmp_path / "conf/data/my_points.yaml").read_text()
    assert text.splitlines()[0].endswith("bench run --config-dir conf data=my_points")
    checked = bench_call("check", "my_points", "--config-dir", "conf")
    assert (checked.code, checked.out.splitlines()[-1]) == (0, "my_points: sound, 0 warnings")
    words = ["data=my_points", "data.rows=600", "model=gaussian", *TINY_EVAL]
    ran = bench_call("run", "--config-dir", "conf", *words)
    assert ran.code == 0, ran.err


def test_a_data_set_inside_the_project_joins_the_others(tmp_path, monkeypatch):
    (tmp_path / "conf/data").mkdir(parents=True)
    monkeypatch.setattr(new, "project_dir", lambda: tmp_path)
    module, yaml = write_new(["data", "mine"])
    assert module == tmp_path / "bench/data/mine.py"
    assert "_target_: bench.data.mine.mine\nname: mine\n" in yaml.read_text()
    assert len(module.read_text().splitlines()) <= 45
