from pathlib import Path

from bench.record.runs import entries, run_path, run_paths, runs_above

NAME = "moons-realnvp-s0-59340f21"


def test_a_run_lies_by_its_hash_and_one_of_before_stays(tmp_path: Path) -> None:
    assert run_path(tmp_path, NAME) == tmp_path / "59" / NAME
    (tmp_path / NAME).mkdir()
    assert run_path(tmp_path, NAME) == tmp_path / NAME
    assert run_path(tmp_path, "a") == tmp_path / "a"
    assert run_path(tmp_path, "a-XY340f21") == tmp_path / "a-XY340f21"


def test_the_folder_of_all_runs_is_above_both_kinds(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert runs_above(runs / "59" / NAME) == runs
    assert runs_above(runs / "59" / f".{NAME}.lock") == runs
    assert runs_above(runs / NAME) == runs


def test_all_that_lies_there_is_found_in_the_order_of_names(tmp_path: Path) -> None:
    assert entries(tmp_path / "none") == []
    for name in ("b-00000000", "a-ff000000"):
        run_path(tmp_path, name).mkdir(parents=True)
    (tmp_path / "c-00000000").mkdir()
    (tmp_path / "00" / ".b-00000000.lock").touch()
    assert [path.name for path in entries(tmp_path)] == [".b-00000000.lock", "a-ff000000", "b-00000000", "c-00000000"]
    assert [path.name for path in run_paths(tmp_path)] == ["a-ff000000", "b-00000000", "c-00000000"]


def test_of_a_run_that_lies_twice_that_of_before_counts(tmp_path: Path) -> None:
    run_path(tmp_path, NAME).mkdir(parents=True)
    (tmp_path / NAME).mkdir()
    assert run_paths(tmp_path) == [tmp_path / NAME] == [run_path(tmp_path, NAME)]


def test_files_in_the_place_of_folders_hold_no_runs(tmp_path: Path) -> None:
    (tmp_path / "59").touch()
    assert run_paths(tmp_path) == []
    assert run_paths(tmp_path / "59") == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere, runs = tmp_path / "elsewhere", tmp_path / "runs"
    run_path(elsewhere, NAME).mkdir(parents=True)
    runs.mkdir()
    (runs / "59").symlink_to(elsewhere / "59")
    assert [path.name for path in run_paths(runs)] == ["59"]


def test_no_folder_is_long_at_ten_thousand_runs(tmp_path: Path) -> None:
    names = (f"moons-realnvp-s{seed}-{seed * 2654435761 % 2**32:08x}" for seed in range(10_000))
    paths = [run_path(tmp_path, name) for name in names]
    parents = [path.parent for path in paths]
    assert len(set(parents)) <= 256
    assert max(map(parents.count, set(parents))) < 100
