"""`bench check NAME` and `bench list data NAME` of data sets, and `--cfg job` of a grid."""

import sys

import pytest
import yaml

SOURCE = """
import torch
from bench import Dataset, DataSpec
from bench.data.spaces import Identity


def mine(name: str, *, scale: float = 1.0, same: bool = False) -> Dataset:
    \"\"\"Two columns of normal numbers.\"\"\"
    x = torch.randn(900, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, scale])
    spec = DataSpec((2,), "continuous")
    return Dataset(name, spec, Identity(), train=x[:500], validation=x[:500] if same else x[500:700], test=x[700:])
"""


@pytest.fixture
def own_data(tmp_path, monkeypatch) -> None:
    """A data set of a user's beside the command."""
    (tmp_path / "conf" / "data").mkdir(parents=True)
    (tmp_path / "conf" / "data" / "mine.yaml").write_text("# Mine\n_target_: listed_data.mine\nscale: 2.0\n")
    (tmp_path / "listed_data.py").write_text(SOURCE)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "listed_data", raising=False)


def test_a_sound_data_set_is_checked(own_data, bench_call) -> None:
    answer = bench_call("check", "mine", "--config-dir", "conf")
    assert answer.code == 0, answer.err
    first, *contracts, last = answer.out.splitlines()
    assert first == "mine: continuous, 2 columns; rows: train 500, validation 200, test 200"
    assert {line.split()[0] for line in contracts} == {"ok"}
    assert last == "mine: sound, 0 warnings"


def test_all_faults_of_a_data_set_come_at_once(own_data, bench_call) -> None:
    answer = bench_call("check", "mine", "data.same=true", "data.scale=0", "--config-dir", "conf")
    assert answer.code == 1
    first, second = (line for line in answer.out.splitlines() if line.startswith("FAIL "))
    assert first == "FAIL rows: validation and train are the same rows; give splits that share none"
    assert second.startswith("FAIL columns: column 1 is constant (0) in train")
    assert answer.out.splitlines()[-1] == "mine: refused (rows, columns), 0 warnings"


def test_warnings_leave_a_data_set_sound(own_data, bench_call) -> None:
    answer = bench_call("check", "mine", "data.scale=1000", "--config-dir", "conf")
    assert answer.code == 0
    assert "warn column 1 is " in answer.out
    assert "mine: sound, 1 warning\n" in answer.out


def test_options_and_sizes_of_a_data_set_are_listed(own_data, bench_call) -> None:
    lines = bench_call("list", "data", "mine", "--config-dir", "conf").out.splitlines()
    unexplained = "      No explanation; see its docstring."
    options = ["  data.scale=2.0", unexplained, "  data.same=false", unexplained]
    assert lines[:5] == ["mine: Two columns of normal numbers.", *options]
    assert lines[-1] == "mine: sound, 0 warnings"


@pytest.mark.parametrize(
    ("name", "option"), {"table": "path", "array": "path", "images": "path", "python": "function"}.items()
)
def test_options_of_data_of_ones_own_are_explained_before_any_is_named(bench_call, name, option) -> None:
    answer = bench_call("list", "data", name)
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert f"  data.{option}=" in lines
    assert "No explanation" not in answer.out
    assert lines[-1] == f"data.{option}= has no value, so that nothing was read"


def test_a_name_that_is_neither_model_nor_data(bench_call) -> None:
    answer = bench_call("check", "mons")
    assert answer.code == 2
    assert answer.err.startswith("bench: unknown model or data set 'mons' in conf; did you mean moons")


def test_a_name_of_another_list_is_a_mistake(bench_call) -> None:
    answer = bench_call("list", "metrics", "nll_nats")
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)


def test_a_refused_data_set_is_a_mistake_of_the_run_in_one_line(own_data, bench_call) -> None:
    answer = bench_call("run", "--config-dir", "conf", "model=gaussian", "data=mine", "data.same=true")
    assert answer.code == 2
    assert answer.err == (
        "bench: data=mine (listed_data.mine): validation and train are the same rows; give splits that share none\n"
    )


def test_cfg_of_a_grid_shows_every_cell_and_its_command(bench_call) -> None:
    answer = bench_call("run", "-m", "model=vae,realnvp", "seed=0,1", "--cfg", "job")
    assert answer.code == 0
    shown = list(yaml.safe_load_all(answer.out))
    assert [(one["model"]["name"], one["seed"]) for one in shown] == [
        ("vae", 0), ("vae", 1), ("realnvp", 0), ("realnvp", 1)
    ]  # fmt: skip
    assert "# bench run model=realnvp seed=1\n" in answer.out
    assert len(list(yaml.safe_load_all(bench_call("run", "-m", "study=smoke", "--cfg", "job").out))) == 12


def test_cfg_of_a_list_without_its_flag_says_what_to_add(bench_call) -> None:
    answer = bench_call("run", "model=vae", "seed=0,1", "--cfg", "job")
    assert (answer.code, answer.out) == (2, "")
    assert "add -m to run each of them" in answer.err


def test_two_folders_are_refused(bench_call, tmp_path) -> None:
    answer = bench_call("list", "models", "--config-dir", tmp_path, "--config-dir", "b")
    assert answer.code == 2
    assert answer.err == f"bench: --config-dir {tmp_path} and b: give one folder, with all of your files in it\n"


def test_modules_beside_a_folder_elsewhere_can_be_imported(own_data, bench_call, tmp_path, monkeypatch) -> None:
    (tmp_path / "my").mkdir()
    for name in ("conf", "listed_data.py"):
        (tmp_path / name).rename(tmp_path / "my" / name)
    assert bench_call("check", "mine", "--config-dir", "my/conf").code == 0


def test_a_file_with_a_librarys_name_is_not_executed(bench_call, tmp_path) -> None:
    for name in ("pandas", "statistics", "torch", "yaml", "hydra"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('executed')\n")
    (tmp_path / "conf").mkdir()
    assert bench_call("list", "models", "--config-dir", "conf").code == 0
    assert bench_call("check", "moons").code == 0
