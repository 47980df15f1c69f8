"""Pictures of a user's: folders, archives and arrays of bytes become the same data set, and a faulty one a line."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from bench.data import picture_folder
from bench.data.content import content_of
from bench.data.cutting import Cutting, parts_of
from bench.data.inspection import inspect
from bench.data.named_arrays import NamedArrays
from bench.data.spaces import Binary, DequantisedLogit
from bench.errors import BenchError
from tests.data.pictures_on_disk import content, encoded, in_folder, in_tar, in_zip, pixels, read


def refused(path, **options) -> str:
    with pytest.raises(BenchError) as refusal:
        read(path, **options)
    line = str(refusal.value)
    assert "\n" not in line
    assert len(line) < 300
    return line


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_labels_and_splits_are_those_of_the_files(tmp_path, channels) -> None:
    files = content(channels=channels)
    data = read(in_folder(tmp_path / "mine", files))
    names = sorted(files)
    rows = [int(name[5:8]) for name in names]
    flat = [pixels(row, channels=channels).reshape(4, 6, channels).transpose(2, 0, 1).reshape(-1) for row in rows]
    classes = np.array([name[:4] for name in names])
    parts = parts_of(NamedArrays({"": np.stack(flat)}, {"": classes}), Cutting(), "mine")
    for mine, its in zip((data.train, data.validation, data.test), parts.events, strict=True):
        assert torch.equal(mine, torch.from_numpy(its))
    for mine, its in zip(data.labels, parts.labels, strict=True):
        assert torch.equal(mine, its)
    first = torch.from_numpy(np.stack(flat)).eq(data.train[0]).all(1).nonzero().item()
    assert int(data.labels[0][0]) == int(names[first].startswith("dogs"))
    assert data.class_names == tuple(np.unique(classes))
    assert [len(data.train), len(data.validation), len(data.test)] == [56, 12, 12]
    assert data.image_shape == ((4, 6) if channels == 1 else (3, 4, 6))
    assert data.spec.image_shape == (channels, 4, 6)
    assert (data.spec.kind, data.spec.levels, data.train.dtype) == ("discrete", 256, torch.uint8)
    assert isinstance(data.space, DequantisedLogit)
    assert inspect(data).refusals == ()


def test_folder_zip_tar_and_array_hold_the_same_pictures(tmp_path) -> None:
    files = content(channels=3)
    folder = read(in_folder(tmp_path / "mine", files))
    whole = np.stack([pixels(int(name[5:8]), channels=3) for name in sorted(files)])
    labels = np.array([name[:4] for name in sorted(files)])
    np.savez(tmp_path / "mine.npz", images=whole, labels=labels)
    np.savez(tmp_path / "first.npz", images=whole.transpose(0, 3, 1, 2), labels=labels)
    others = [in_zip(tmp_path / "mine.zip", files), in_tar(tmp_path / "mine.tgz", files)]
    for path in (*others, tmp_path / "mine.npz", tmp_path / "first.npz"):
        data = read(path)
        assert torch.equal(data.train, folder.train)
        assert torch.equal(data.test, folder.test)
        assert all(torch.equal(mine, its) for mine, its in zip(data.labels, folder.labels, strict=True))
        assert data.files == (path,)


def test_names_and_bytes_of_a_folder_count_in_the_key_and_its_place_does_not(tmp_path) -> None:
    files = content()

    def key(place, files) -> dict:
        return content_of(read(in_folder(tmp_path / place, files)), "bench.data.picture_folder.images", {})

    first = key("a", files)
    assert first == key("b", files)
    moved = {name.replace("cats/001", "dogs/001"): each for name, each in files.items()}
    assert first != key("c", moved)
    assert first != key("d", {**files, "cats/001.png": encoded(pixels(999))})


def test_files_in_one_folder_have_no_labels(tmp_path) -> None:
    files = {name.replace("cats/", "all/").replace("dogs/", "all/"): each for name, each in content().items()}
    assert read(in_folder(tmp_path / "mine", files)).labels is None
    assert read(in_folder(tmp_path / "two", content()), labels=False).labels is None


def test_labels_are_shown_as_asked(tmp_path) -> None:
    data = read(in_folder(tmp_path / "mine", content()), labelled=10)
    assert data.labelled is not None
    assert (len(data.labelled), data.spec.classes) == (10, 2)


def test_hidden_files_and_texts_are_no_pictures(tmp_path) -> None:
    extra = {"README.txt": b"text", "cats/.DS_Store": b"x", "__MACOSX/cats/001.png": b"x", ".cache/a.png": b"x"}
    data = read(in_zip(tmp_path / "mine.zip", {**content(), **extra}))
    assert len(data.train) + len(data.validation) + len(data.test) == 80


def test_folders_called_by_splits_are_the_splits(tmp_path) -> None:
    parts = ["train"] * 50 + ["val"] * 14 + ["test"] * 16
    files = {f"set/{part}/{name}": each for part, (name, each) in zip(parts, sorted(content().items()), strict=True)}
    files = {f"set/{part}/{row % 2}/{row}.png": encoded(pixels(row)) for row, part in enumerate(parts)}
    data = read(in_folder(tmp_path / "mine", files), split="folders")
    assert [len(data.train), len(data.validation), len(data.test)] == [50, 14, 16]
    assert [int(part.max()) for part in data.labels] == [1, 1, 1]
    assert "lies in no folder called train" in refused(in_folder(tmp_path / "other", content()), split="folders")


def test_crop_size_channels_and_levels_are_as_asked(tmp_path) -> None:
    white = np.zeros((80, 6, 10, 3), dtype=np.uint8)
    white[:, 1:5, 3:7] = 255
    np.save(tmp_path / "mine.npy", white)
    square = read(tmp_path / "mine.npy", crop=4)
    assert bool((square.train == 255).all())
    small = read(tmp_path / "mine.npy", crop="square", size=3, channels=1, levels=4)
    assert small.image_shape == (3, 3)
    assert (small.spec.levels, int(small.train.max())) == (4, 3)
    # Of the square of 6 the middle 4 are white: a pixel of 2 x 2 at a corner has one white of four, 255 / 4 = 63.75.
    assert small.train[0].tolist() == [n * 4 // 256 for n in (64, 128, 64, 128, 255, 128, 64, 128, 64)]
    assert read(tmp_path / "mine.npy", size=[3, 5]).image_shape == (3, 3, 5)


def test_fewer_levels_are_the_highest_bits(tmp_path) -> None:
    data = read(in_folder(tmp_path / "mine", content()), levels=8)
    full = read(tmp_path / "mine")
    assert torch.equal(data.train, full.train >> 5)


def test_binary_pictures_are_drawn_from_their_levels(tmp_path) -> None:
    data = read(in_folder(tmp_path / "mine", content()), binary=True)
    assert (data.spec.kind, data.space) == ("binary", Binary(256))


def test_a_photograph_is_turned_as_its_exif_says(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    files = {f"{row}.jpg": encoded(pixels(row), "JPEG", exif=exif.tobytes()) for row in range(80)}
    assert read(in_folder(tmp_path / "mine", files)).image_shape == (6, 4)


SIXTEEN = np.arange(24, dtype=np.uint16).reshape(4, 6) * 1000


def palette() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels(0)).convert("P").save(stream, "PNG")
    return stream.getvalue()


def animated() -> bytes:
    stream = io.BytesIO()
    frames = [Image.fromarray(pixels(row)) for row in range(3)]
    frames[0].save(stream, "PNG", save_all=True, append_images=frames[1:])
    return stream.getvalue()


def bomb() -> bytes:
    """A PNG of 20,000 x 20,000 pixels by its header, and of nothing behind it."""
    body = b"IHDR" + struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    end = b"\x00\x00\x00\x00IEND\xaeB`\x82"
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + end


def sixteen_bit_colour() -> bytes:
    """A PNG of RGB with 16 bits a sample, which Pillow would read as 8."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\x00" + bytes(6 * 6) for _ in range(4))
    header = struct.pack(">IIBBBBB", 6, 4, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


FAULTY = {
    "larger.png": (encoded(pixels(0, 8, 12)), "is 8x12, and cats/001.png is 4x6; for a run set data.size="),
    "coloured.png": (
        encoded(pixels(0, channels=3)),
        "is coloured, and cats/001.png is grey; for a run set",
    ),
    "cut.jpg": (encoded(pixels(0), "JPEG")[:-40], "is broken ("),
    "half.png": (encoded(pixels(0, 40, 60))[:200], "is broken ("),
    "text.jpg": (b"no picture", "is no PNG or JPEG, or broken from its start"),
    "empty.png": (b"", "is no PNG or JPEG, or broken from its start"),
    "gif.png": (encoded(pixels(0), "GIF"), "is no PNG or JPEG, or broken from its start"),
    "bomb.png": (bomb(), "; take it away, or make it smaller"),
    "wide.png": (encoded(np.zeros((6000, 9000), dtype=np.uint8)), "has 6000x9000 pixels, more than 50000000 in all"),
    "camera.png": (
        encoded(np.zeros((1025, 1024), dtype=np.uint8)),
        "has 1049600 values, more than 1048576; set data.size=",
    ),
    "animated.png": (animated(), "is animated or holds several pictures"),
    "sixteen.png": (encoded(SIXTEEN), "has 16 bits a pixel; save it with 8"),
    "sixteen_colour.png": (sixteen_bit_colour(), "has 16 bits a pixel; save it with 8"),
    "palette.png": (palette(), "has a palette; save it as grey or RGB"),
    "alpha.png": (encoded(np.zeros((4, 6, 4), dtype=np.uint8)), "has an alpha channel"),
    "transparent.png": (encoded(pixels(0), transparency=0), "has an alpha channel"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_picture_that_is_not_like_the_others_is_named(tmp_path, name) -> None:
    bytes_of, said = FAULTY[name]
    path = in_folder(tmp_path / "mine", {**content(20), f"dogs/{name}": bytes_of})
    line = refused(path)
    assert line.startswith(f"{path}/dogs/{name}: ")
    assert said in line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": [8, 8]}, "is 4x6, which data.size=[8,8] would stretch; set data.crop=square"),
        ({"size": [2, 2]}, "is 4x6, which data.size=[2,2] would stretch; set data.crop=square"),
        ({"crop": 5}, "is 4x6, smaller than data.crop=[5,5]"),
        ({"size": "big"}, "data.size=big: give height and width, such as [32,32]"),
        ({"crop": [4]}, "data.crop=[4]: give height and width"),
        ({"levels": 1}, "data.levels=1: a byte has 2 to 256"),
        ({"levels": 512}, "data.levels=512: a byte has 2 to 256"),
        ({"alpha": 0.7}, "alpha=0.7"),
        ({"alpha": 0.1, "binary": True}, "data.alpha=0.1 has no effect on binary pictures; leave it out"),
        ({"split": [0.5, 0.5]}, "give three fractions of the sum 1"),
        (
            {"split": [0.8, 0.1, 0.1]},
            "mine: of 80 rows, split at random, seed 0, test gets 8, where at least 10 are needed",
        ),
        ({"labelled": 1}, "has 2 classes; ask for at least 2"),
        ({"labelled": 5, "labels": False}, "has no labels to show"),
    ],
)
def test_options_without_sense_are_refused(tmp_path, options, said) -> None:
    assert said in refused(in_folder(tmp_path / "mine", content()), **options)


def test_a_picture_alone_in_its_class_is_named(tmp_path) -> None:
    files = {**content(20), "birds/1.png": encoded(pixels(0))}
    line = refused(in_folder(tmp_path / "a", files))
    assert line.startswith(f"{tmp_path}/a/birds/1.png: stands alone in its class's folder; move it to another's")
    files["fish/1.png"] = encoded(pixels(1))
    assert "birds/1.png: stands alone in its class's folder (as 1 more);" in refused(in_folder(tmp_path / "b", files))


def test_a_picture_beside_the_classes_is_named(tmp_path) -> None:
    files = {**content(20), "stray.png": encoded(pixels(0))}
    line = refused(in_folder(tmp_path / "mine", files))
    assert (
        line == f"{tmp_path}/mine/stray.png: lies in no class's folder as others do; move it, or set data.labels=false"
    )


def test_places_without_pictures_are_named(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty") == f"{tmp_path}/empty: holds no .png, .jpg or .jpeg file; correct data.path"
    assert refused(tmp_path / "none") == f"{tmp_path}/none: no such folder or archive; correct data.path"
    (tmp_path / "text.zip").write_text("no archive")
    assert "cannot be read as zip or tar" in refused(tmp_path / "text.zip")
    assert "b.webp is neither PNG nor JPEG" in refused(in_folder(tmp_path / "a", {**content(4), "b.webp": b"x"}))
    one = refused(in_folder(tmp_path / "one", {"a.png": encoded(pixels(0))}))
    assert one.startswith("one: of 1 row, split at random, seed 0, ")


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((20, 4, 6)), "pictures of float64; give bytes (uint8) of 0 to 255, or take data=array"),
        (
            np.zeros((20, 4, 6, 4), dtype=np.uint8),
            "pictures of the shape 20x4x6x4; give rows, height, width and 1 or 3",
        ),
        (np.zeros((20, 24), dtype=np.uint8), "pictures of the shape 20x24"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(tmp_path, array, said) -> None:
    np.save(tmp_path / "mine.npy", array)
    line = refused(tmp_path / "mine.npy")
    assert line.startswith(f"{tmp_path}/mine.npy: ")
    assert said in line


def test_pictures_that_memory_cannot_hold_are_refused_while_they_are_decoded(tmp_path, monkeypatch) -> None:
    path = in_folder(tmp_path / "mine", content())
    read(path)
    monkeypatch.setattr(picture_folder, "memory", lambda: 79 * 24 * 4)
    assert "its pictures of 24 bytes each take more than a quarter of the memory" in refused(path)
