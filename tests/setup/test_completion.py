"""`bench completion`, in a real bash on a terminal."""

import shutil
import subprocess
import sys

import pytest

from bench.setup.completion import completion
from bench.words import parser
from tests.helpers import environment
from tests.terminal import Terminal

pytest.importorskip("shtab")


@pytest.fixture(scope="module")
def bash(tmp_path_factory) -> Terminal:
    folder = tmp_path_factory.mktemp("completion")
    (folder / "bench.bash").write_text(completion(parser(), "bash"))
    (folder / "results" / "mine of today").mkdir(parents=True)
    (folder / "results" / "mystudy").mkdir()
    terminal = Terminal(folder, ["bash", "--norc", "--noprofile", "-i"], 100, PS1="> ", HISTFILE="/dev/null")
    terminal.type("source bench.bash; bind 'set completion-query-items 0'; bind 'set page-completions off'\n")
    terminal.type("bind 'set bell-style none'; echo ready$((1+1))\n")
    terminal.wait_for("ready2")
    return terminal


def completed(bash: Terminal, typed: str, expected: str) -> str:
    """The screen behind two tabs, on which the line begins with what is expected."""
    bash.type("\x15\x0c")  # no line, an empty screen
    bash.read(0.3)
    bash.type(f"{typed}\t\t")
    return bash.wait_for(expected, 20)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("bench repr", "> bench reproduce"),
        ("bench report qu", "> bench report quick"),
        ("bench report mys", "> bench report mystudy"),
        ("bench list mo", "> bench list models"),
        ("bench run mod", "> bench run model="),
        ("bench run model=vae_fl", "> bench run model=vae_flowprior"),
        ("bench run -m model=vae,cnf_f", "> bench run -m model=vae,cnf_fast"),
        ("bench run data=8ga", "> bench run data=8gaussians"),
        ("bench run study=qui", "> bench run study=quick"),
        ("bench run budget.st", "> bench run budget.steps="),
        ("bench run --dry", "> bench run --dry-run"),
        ("bench check checkerb", "> bench check checkerboard"),
    ],
)
def test_a_word_is_completed(bash: Terminal, typed: str, line: str) -> None:
    assert line in completed(bash, typed, line)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_all_that_may_follow_is_listed(bash: Terminal) -> None:
    assert "reproduce" in completed(bash, "bench r", "retime")
    shown = completed(bash, "bench run model=realnvp", "realnvp_paper")
    assert "> bench run model=realnvp" in shown


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_no_space_comes_behind_a_groups_name(bash: Terminal) -> None:
    bash.type("\x15\x0c")
    bash.read(0.3)
    bash.type("bench run mod\tvae_fl\t")
    assert "> bench run model=vae_flowprior" in bash.wait_for("> bench run model=vae_flowprior", 20)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")
def test_zsh_reads_its_script() -> None:
    script = completion(parser(), "zsh")
    done = subprocess.run(["zsh", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_zsh_knows_the_names() -> None:
    script = completion(parser(), "zsh")
    assert script.startswith("#compdef bench")
    assert "vae_flowprior" in script
    assert ":_bench_overrides" in script


def test_without_shtab_a_line_says_what_to_install(tmp_path) -> None:
    code = "import sys\nsys.modules['shtab'] = None\nfrom bench.cli import main\nsys.exit(main(['completion', 'bash']))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("bench: bench completion: shtab is not installed")
    assert done.stderr.endswith("pip install -e '.[completion]'\n")
    assert len(done.stderr.splitlines()) == 1
