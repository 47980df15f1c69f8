"""`make bench`: what it would do."""

import shutil
import subprocess

import pytest

from tests.helpers import ROOT


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_a_users_run_is_ignored_by_git_and_shown_beside_the_committed_one() -> None:
    words = ["make", "--dry-run", "bench", "VENV=nowhere"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = " ".join(done.stdout.split())
    assert "bench run study=quick tune=yes workers=2 results_dir=outputs;" in lines
    assert "bench report quick --results-dir outputs --beside results" in lines
    ignored = ["git", "check-ignore", "--quiet", "outputs/quick/table.csv"]
    if (ROOT / ".git").exists():
        assert subprocess.run(ignored, cwd=ROOT, check=False).returncode == 0
