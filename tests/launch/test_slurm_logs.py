"""Where submitit writes: a real one, whose `sbatch` is a script that answers as SLURM's own does."""

import os
from pathlib import Path

import pytest

from bench.launch import slurm
from bench.launch.launcher import launcher_of

SBATCH = """\
#!/bin/sh
echo >> {place}/calls
echo Submitted batch job $(wc -l < {place}/calls)
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> slurm.SlurmCluster:
    pytest.importorskip("submitit", reason="submitit is an extra: pip install -e '.[slurm]'")
    for name in ("sbatch", "srun"):
        (tmp_path / name).write_text(SBATCH.format(place=tmp_path))
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(slurm, "GROUP", 4)
    return launcher_of({"_target_": "bench.launch.slurm.Slurm"}).cluster(tmp_path / "study", 1)  # type: ignore[attr-defined]


def submitted(cluster: slurm.SlurmCluster, jobs: int, place: Path) -> list[str]:
    folders = [place / f"process-{number}" for number in range(jobs)]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    return cluster.submit(folders)


def logs(cluster: slurm.SlurmCluster) -> list[str]:
    return sorted(str(path.relative_to(cluster.logs)) for path in cluster.logs.rglob("*"))


@pytest.mark.cluster
def test_no_folder_of_logs_has_more_jobs_than_a_group(cluster: slurm.SlurmCluster, tmp_path: Path) -> None:
    """Arrays of 2, 2 and 3 jobs, of which 4 have room in a folder."""
    handles = [handle for jobs in (2, 2, 3) for handle in submitted(cluster, jobs, tmp_path)]
    assert handles == ["1_0", "1_1", "2_0", "2_1", "3_0", "3_1", "3_2"]
    groups = {"0000": handles[:4], "0001": handles[4:]}
    wanted = [f"{group}/{handle}_submitted.pkl" for group, jobs in groups.items() for handle in jobs]
    assert logs(cluster) == sorted([*groups, *wanted])


@pytest.mark.cluster
def test_logs_of_jobs_that_ended_well_go_and_others_stay(cluster: slurm.SlurmCluster, tmp_path: Path) -> None:
    """The next command does not write among those that stayed, and fills a folder that was left empty."""
    handles = submitted(cluster, 4, tmp_path) + submitted(cluster, 1, tmp_path)
    assert handles[-1] == "2", "one job alone is no array"
    for handle in handles:
        cluster.forget(handle, int(handle == "1_2"))
    cluster.close()
    assert logs(cluster) == ["0000", "0000/1_2_submitted.pkl", "0001"]
    later = slurm.SlurmCluster(cluster.executor, cluster.logs)
    submitted(later, 2, tmp_path)
    assert logs(later)[3:] == ["0001/3_0_submitted.pkl", "0001/3_1_submitted.pkl"]
