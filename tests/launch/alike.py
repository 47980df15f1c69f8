"""What a study elsewhere must have in common with the same study here: all numbers but clocks."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.helpers import TINY, records
from tests.launch.test_files import numbers


def hold_trials_and_packs(bench_call: Callable, folder: Path, own_conf: Path, launch: Sequence[str]) -> None:
    """Trials of tuning and packed seeds, made here and by a launcher."""
    trials = ["tune", "scratch", *TINY, "budget.ladder=[1/2,1]", "budget.parameters=null", "model.width=8"]
    packed = ["run", "-m", *TINY, "model=affine", "seed=0,1,2", "pack=seeds", "--config-dir", own_conf]
    for words in ([*trials, "model=realnvp"], packed):
        assert bench_call(*words, "results_dir=here").code == 0
        answer = bench_call(*words, "results_dir=there", *launch)
        assert answer.code == 0, answer
    for study in ("scratch", "scratch/tuning"):
        assert numbers(folder / "there" / study) == numbers(folder / "here" / study) != {}
    assert {record["packed"] for record in records(folder / "there/scratch").values()} == {3}
