"""From a user's file to a row by the command; a file of no use is one line, exit 2, and nothing is written."""

from pathlib import Path

import numpy as np
import pytest

from tests.data.pictures_on_disk import content, encoded, in_folder, in_zip, pixels
from tests.helpers import TINY_EVAL, files_under, records

WORDS = ["model=gaussian", "train.batch_size=32", *TINY_EVAL]


def row(bench_call, *words: str) -> dict:
    """The row of the only run of a command."""
    answer = bench_call("run", *words, *WORDS)
    assert answer.code == 0, answer.out + answer.err
    ((_, record),) = records(Path("results/scratch")).items()
    assert record["status"] == "ok"
    return record


def test_coloured_pictures_of_an_archive_make_a_row(tmp_path, bench_call) -> None:
    in_zip(tmp_path / "my photos (1).zip", content(120, channels=3))
    record = row(bench_call, "data=images", "data.path='my photos (1).zip'", "data.levels=16", "data.size=[2,3]")
    # A pixel is the mean of four bytes, of 256 / sqrt(12) / 2 = 37 deviation, 2.3 levels: of entropy 2.25 nats. A
    # Gaussian of 18 coordinates that is fitted to 84 rows costs up to half a nat a coordinate more.
    assert 18 * 2.25 - 2 < record["nll_nats"] < 18 * 2.75
    assert record["data"] == "images"


def test_an_array_makes_a_row_and_its_place_is_not_in_the_id(tmp_path, bench_call) -> None:
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).normal(size=(300, 2, 3)))
    row(bench_call, "data=array", "data.path=mine.npy")
    (tmp_path / "moved.npy").write_bytes((tmp_path / "mine.npy").read_bytes())
    assert "finished before: ok" in bench_call("run", "data=array", "data.path=moved.npy", *WORDS).out
    np.save(tmp_path / "moved.npy", np.random.default_rng(1).normal(size=(300, 2, 3)))
    assert "finished before" not in bench_call("run", "data=array", "data.path=moved.npy", *WORDS).out


def faulty(folder: Path) -> dict[str, list[str]]:
    """Words of a command -> what the line says; the files lie in the folder."""
    np.save(folder / "hole.npy", np.array([[0.0, 1.0], [np.nan, 2.0]] * 50))
    np.save(folder / "few.npy", np.random.default_rng(0).normal(size=(30, 2)))
    np.savez(folder / "objects.npz", x=np.array([{}, []], dtype=object))
    in_folder(folder / "mixed", {**content(80), "cats/large.png": encoded(pixels(0, 8, 8))})
    in_folder(folder / "broken", {**content(80), "cats/a.jpg": encoded(pixels(0), "JPEG")[:200]})
    in_zip(folder / "slip.zip", {**content(80), "../slip.png": encoded(pixels(0))})
    (folder / "empty").mkdir()
    return {
        "data=array": ["option path has no value; set data.path="],
        "data=array data.path=hole.npy": ["hole.npy: row 1, coordinate 0 is nan"],
        "data=array data.path=few.npy": [
            "few.npy: of 30 rows, split at random, seed 0, test gets 4, where at least 10 are needed"
        ],
        "data=array data.path=objects.npz": ["objects.npz: holds pickled objects"],
        "data=array data.path=none.npz": ["none.npz: no such file"],
        "data=array data.path=few.npy data.levls=3": ["unknown option 'levls'", "did you mean levels"],
        "data=array data.path=few.npy data.kind=real": ["unknown data.kind 'real'"],
        "data=images data.path=mixed": ["mixed/cats/large.png: is 8x8, and cats/001.png is 4x6"],
        "data=images data.path=broken": ["broken/cats/a.jpg: is broken"],
        "data=images data.path=slip.zip": ["slip.zip: member ../slip.png leads out of the archive"],
        "data=images data.path=empty": ["empty: holds no .png, .jpg or .jpeg file"],
        "data=images data.path=mixed data.channels=2": ["unknown data.channels '2'"],
        "data=python": ["option function has no value; set data.function="],
        "data=python data.function=nowhere:load": ["data.function=nowhere:load: cannot import nowhere"],
    }


@pytest.mark.long
def test_data_of_no_use_are_one_line_and_leave_nothing(tmp_path, bench_call) -> None:
    for words, said in faulty(tmp_path).items():
        before = files_under(tmp_path)
        answer = bench_call("run", *words.split(), *WORDS)
        assert (answer.code, answer.out) == (2, ""), words
        (line,) = answer.err.splitlines()
        assert all(each in line for each in said), line
        assert files_under(tmp_path) == before, words
