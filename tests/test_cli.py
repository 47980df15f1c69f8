import gzip
import subprocess
import sys
import tomllib
from collections import Counter

import pytest
import torch
import yaml

import bench
from bench.cells.closing import Swept
from bench.cli import main
from bench.paths import conf_dir, group_choices
from bench.record.columns import COLUMNS
from tests.helpers import ROOT, TINY, environment, files_under

EXPOST = ["model=ae_expost", "budget.parameters=null"]
GMVAE = ["model=gmvae", "budget.parameters=null", "train.batch_size=2"]


@pytest.fixture
def refused(bench_call, tmp_path):
    """Calls `bench`, which must answer 2 with one line on stderr and write nothing."""

    def call(*words: str) -> str:
        before = files_under(tmp_path)
        answer = bench_call(*words)
        assert answer.code == 2, answer
        assert answer.out == ""
        assert len(answer.err.splitlines()) == 1, answer.err
        assert answer.err.startswith("bench: ")
        assert len(answer.err) < 400
        assert files_under(tmp_path) == before
        return answer.err

    return call


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["model=vea"], "did you mean vae"),
        (["data=digit"], "did you mean digits"),
        (["study=quik"], "did you mean quick"),
        (["sed=0"], "did you mean seed"),
        (["budget.step=5"], "did you mean steps"),
        (["model.layer=5"], "did you mean layers"),
        (["data.trian=5"], "unknown option 'trian' in data=linear_gaussian; did you mean train"),
        (["seed=abc"], "could not be converted to Integer"),
        (["model=cnf", "model.rtol=abc"], "rtol: Value 'abc'"),
        (["model=cnf", "model.activation=relu"], "activation"),
        (["model.mixing=lul"], "did you mean lu"),
        (["train.batch_size=0"], "train.batch_size=0: must be more than zero"),
        (["data.train=-1"], "train=-1"),
        (["budget.parameters=10"], "nearest is"),
        (["seed=0,1"], "add -m"),
        (["device=cud"], "did you mean cuda"),
        (["results_dir=file/inside"], "file is a file; choose another results_dir="),
        (["--config-dir", "nowhere"], "--config-dir nowhere: no such folder"),
        (["model"], "cannot read 'model'; write name=value"),
        ([*EXPOST, "model.components=257"], "model.components=257: there are 256 codes to fit"),
        ([*EXPOST, "model.density=kde", "model.components=-3"], "model.components=-3 has no meaning with"),
        ([*GMVAE, "model.components=17"], "model.components=17: train.batch_size=2 gives 16 draws of z"),
        (["model=ae_moment", "model.penalty=mmd", "train.batch_size=1", "budget.parameters=null"], "give batches of 2"),
        (["model=vae_iaf", "model.shape=[]"], "model.shape=[] is no list of proportions"),
        (["model=vae", "model.beta=inf"], "model.beta=inf is negative, infinite or NaN"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(overrides, named, refused, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    assert named in refused("run", *TINY, "model=realnvp", *overrides)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_where_there_is_none(refused) -> None:
    assert "no CUDA device" in refused("run", *TINY, "model=realnvp", "device=cuda")


def test_missing_data_say_what_fetches_them(refused, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    assert "run `bench data fetch mnist --data-root" in refused("run", "data=mnist", f"data_root={tmp_path / 'empty'}")


def test_corrupt_data_say_so(refused, tmp_path) -> None:
    file = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    file.parent.mkdir()
    file.write_bytes(gzip.compress(bytes(10_000))[:-20])
    line = refused("run", "data=mnist", f"data_root={tmp_path}")
    assert str(file) in line
    assert "bench data fetch mnist" in line


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("class Mine(:", "SyntaxError"),
        ("import nobody_has_this", "nobody_has_this"),
        ("class Mine: ...", "not an Entry"),
    ],
)
def test_a_users_entry_that_does_not_import(source, named, refused, tmp_path, monkeypatch) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text("_target_: cli_entry.Mine\nname: mine\nwidth: 3\n")
    (tmp_path / "cli_entry.py").write_text(source)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "cli_entry", raising=False)
    assert named in refused("run", *TINY, "--config-dir", "conf", "model=mine")


def test_a_crash_of_the_package_itself_is_not_hidden(bench_call, monkeypatch) -> None:
    from bench import commands

    def crash(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(commands, "run_command", crash)
    with pytest.raises(ZeroDivisionError):
        bench_call("run", "model=vae")


def test_ctrl_c_answers_130(bench_call, monkeypatch) -> None:
    from bench import commands

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run_command", interrupt)
    answer = bench_call("run", "model=vae")
    assert answer.code == 130
    assert answer.err == "bench: interrupted; the same command goes on from here\n"


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "model=affine", "seed=0,1", "--config-dir", "CONF"],
        ["model=affine", "-m", "seed=0,1", "--config-dir", "CONF"],
        ["model=affine", "--config-dir", "CONF", "seed=0,1", "--multirun"],
    ],
)
def test_options_may_stand_anywhere(words, own_conf, bench_call, monkeypatch) -> None:
    from bench import commands

    monkeypatch.setattr(commands, "launched", lambda cells, *_: Swept(Counter(ok=len(cells))))
    answer = bench_call("run", *TINY, *[own_conf if word == "CONF" else word for word in words])
    assert "2 runs: 2 ok" in answer.out


@pytest.mark.parametrize(
    "words", [["run", "--nope"], ["list", "models", "--nope"], ["nope"], ["run", "a=1", "--cfg", "x"]]
)
def test_what_argparse_does_not_know_is_a_mistake(words, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys, "path", sys.path[:])
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("bench")
    assert said.endswith("--help\n")
    assert said.count("\n") == 1


def test_cfg_shows_the_configuration_and_runs_nothing(bench_call, tmp_path) -> None:
    answer = bench_call("run", "model=vae", "budget.steps=123", "--cfg", "job", "data.alpha=0.01")
    assert answer.code == 0
    shown = yaml.safe_load(answer.out)
    assert shown["budget"]["steps"] == 123
    assert shown["data"]["alpha"] == 0.01
    assert files_under(tmp_path) == set()


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("model.widht=3", "unknown option 'widht' in model=vae; did you mean width"),
        ("model.width=abc", "model=vae: width: Value 'abc'"),
        ("data.trian=5", "unknown option 'trian' in data=moons; did you mean train"),
    ],
)
def test_cfg_shows_no_configuration_that_could_not_run(typed: str, named: str, bench_call) -> None:
    answer = bench_call("run", "model=vae", "data=moons", typed, "--cfg", "job")
    assert (answer.code, answer.out) == (2, "")
    assert named in answer.err


@pytest.mark.parametrize(("what", "group"), [("models", "model"), ("data", "data"), ("studies", "study")])
def test_a_list_has_a_line_for_each_file(what: str, group: str, bench_call) -> None:
    answer = bench_call("list", what)
    lines = [line.split(maxsplit=1) for line in answer.out.splitlines()]
    assert [name for name, _ in lines] == sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))
    assert all(len(text) > 20 for _, text in lines)


def test_metrics_are_listed_with_their_units(bench_call) -> None:
    lines = bench_call("list", "metrics").out.splitlines()
    assert [line.split()[0] for line in lines] == list(COLUMNS)
    assert any("nll_nats" in line and "[nats]" in line for line in lines)


def test_a_list_of_all_and_of_ones_own(bench_call, own_conf, tmp_path) -> None:
    everything = bench_call("list").out
    assert all(f"\n{heading}\n" in f"\n{everything}" for heading in ("models", "data", "studies", "metrics"))
    own = bench_call("list", "models", "--config-dir", own_conf).out
    assert "affine" in own
    assert "realnvp" in own
    assert bench_call("list", "--config-dir", "nowhere").code == 2


def test_every_shipped_name_is_its_files() -> None:
    for group in ("model", "data"):
        for choice in group_choices(group):
            content = yaml.safe_load((conf_dir() / group / f"{choice.name}.yaml").read_text())
            assert content["name"] == choice.name
            assert choice.description


def test_help_is_cheap() -> None:
    """Neither torch nor hydra is imported, whatever the machine's speed."""
    code = (
        "import sys\nfrom bench.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as stopped:\n    assert stopped.code == 0\n"
        "heavy = {'torch', 'hydra', 'omegaconf', 'numpy', 'pandas', 'matplotlib', 'rich', 'shtab'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("run", "report", "list", "check", "new", "data", "speed", "reproduce"):
        assert f"\n    {command}" in done.stdout


def test_python_runs_the_package_as_the_command_does() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "--version"], capture_output=True, text=True, env=environment(), check=True
    )
    assert ended.stdout == f"bench {bench.__version__}\n"


def test_the_command_alone_shows_help_and_the_version_is_said(bench_call, capsys) -> None:
    answer = bench_call()
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("usage: bench")
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"bench {bench.__version__}\n"


def test_the_next_step_of_a_new_model_can_be_pasted(bench_call, tmp_path) -> None:
    line = bench_call("new", "mymodel", "--dir", "my files").out.splitlines()[-1]
    assert line == "next: cd 'my files' && bench check mymodel --config-dir conf"


def test_the_installed_command_is_this_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"]["bench"] == "bench.cli:main"
