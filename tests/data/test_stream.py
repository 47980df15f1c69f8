from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.data import stream
from bench.errors import BenchError

ROWS = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.save(tmp_path / "rows.npy", ROWS)
    return tmp_path / "rows.npy"


def test_a_mapped_file_has_its_rows_and_stays_as_it_is(path: Path) -> None:
    before = path.read_bytes()
    rows = stream.mapped(path)
    assert torch.equal(rows, torch.from_numpy(ROWS))
    rows[3] = 0.0
    assert path.read_bytes() == before
    assert torch.equal(stream.mapped(path), torch.from_numpy(ROWS))


def fortran(path: Path) -> None:
    np.save(path, np.asfortranarray(ROWS))


def swapped(path: Path) -> None:
    np.save(path, ROWS.astype(">f4"))


def words(path: Path) -> None:
    np.save(path, np.array(["a", "b"]))


def objects(path: Path) -> None:
    np.save(path, np.array([{}, {}], dtype=object), allow_pickle=True)


def cut_off(path: Path) -> None:
    np.save(path, ROWS)
    path.write_bytes(path.read_bytes()[:-20])


def archive(path: Path) -> None:
    np.savez(path.with_suffix(".npz"), x=ROWS)
    path.with_suffix(".npz").rename(path)


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (fortran, "its columns stand one after another"),
        (swapped, "its bytes are swapped"),
        (words, "is no .npy file of numbers"),
        (objects, "cannot be read as a .npy file"),
        (cut_off, "cannot be read as a .npy file"),
        (archive, "is no .npy file of numbers"),
        (lambda path: None, "cannot be read as a .npy file"),
        (lambda path: path.write_text("a,b"), "cannot be read as a .npy file"),
    ],
)
def test_what_cannot_be_mapped_is_named(make, fault: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    place = tmp_path / "mine.npy"
    make(place)
    with pytest.raises(BenchError, match=f"{place} .*{fault}") as error:
        stream.mapped(place)
    assert "\n" not in str(error.value)


def test_size_decides_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "memory", lambda: 4_000)
    assert [stream.is_streamed(None, size) for size in (1_000, 1_001)] == [False, True]
    assert [stream.is_streamed(True, size) for size in (1_000, 10**15)] == [False, False]
    assert [stream.is_streamed(False, size) for size in (0, 10**15)] == [True, True]


def pieces(of: Tensor) -> Iterator[Tensor]:
    yield from torch.split(of, 7)


def test_pieces_make_a_file_that_is_mapped(tmp_path: Path) -> None:
    rows = torch.from_numpy(ROWS)
    kept = stream.stored(tmp_path / "streams" / "a.npy", (50, 3), pieces(rows))
    assert torch.equal(kept, rows)
    assert np.array_equal(np.load(tmp_path / "streams" / "a.npy"), ROWS)
    assert sorted(each.name for each in (tmp_path / "streams").iterdir()) == ["a.npy", "a.npy.sha256"]


def never() -> Iterator[Tensor]:
    raise AssertionError
    yield


def test_a_file_that_is_there_is_taken(path: Path) -> None:
    stream.stored(path, (50, 3), pieces(torch.from_numpy(ROWS)))
    assert torch.equal(stream.stored(path, (50, 3), never()), torch.from_numpy(ROWS))
    path.touch()
    copy = path.with_name("copy.npy")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)
    for _ in range(2):
        assert torch.equal(stream.stored(path, (50, 3), never()), torch.from_numpy(ROWS))


def unsealed(path: Path) -> None:
    path.with_name(f"{path.name}.sha256").unlink()


def broken_seal(path: Path) -> None:
    path.with_name(f"{path.name}.sha256").write_text("[]")


def other_values(path: Path) -> None:
    np.save(path, ROWS + 1)


def other_shape(path: Path) -> None:
    stream.stored(path.with_name("b.npy"), (3, 50), [torch.from_numpy(ROWS.T.copy())])
    for name in ("b.npy", "b.npy.sha256"):
        path.with_name(name).replace(path.with_name(name.replace("b", "rows", 1)))


@pytest.mark.parametrize("change", [other_values, other_shape, cut_off, unsealed, broken_seal])
def test_a_file_that_is_not_what_was_written_is_written_anew(change, path: Path) -> None:  # type: ignore[no-untyped-def]
    rows = torch.from_numpy(ROWS)
    stream.stored(path, (50, 3), pieces(rows))
    change(path)
    assert torch.equal(stream.stored(path, (50, 3), pieces(rows)), rows)
    assert torch.equal(stream.stored(path, (50, 3), never()), rows)


def test_a_file_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[Tensor]:
        yield torch.from_numpy(ROWS)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream.stored(tmp_path / "a.npy", (99, 3), broken())
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match=r"cannot write .*a.npy"):
        stream.stored(tmp_path / "file" / "a.npy", (50, 3), pieces(torch.from_numpy(ROWS)))
