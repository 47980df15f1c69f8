import contextlib
import hashlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

import pytest

from bench.data import fetch, sources
from bench.data.sources import RemoteFile, Source, data_root
from bench.errors import BenchError

# More than two chunks of the transfer.
CONTENT = bytes(range(256)) * 2_300
LABELS = b"labels"


class Server(ThreadingHTTPServer):
    """Serves `files` on the loopback, as well or as badly as told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"images.gz": CONTENT, "labels.gz": LABELS}
        self.knows_ranges = True
        self.breaks_off_after: int | None = None
        self.endless = False
        self.claims: int | None = None
        self.requests: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/set/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name, span = self.path.removeprefix("/set/"), self.headers["Range"]
        self.server.requests.append((name, span))
        content = self.server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        if self.server.endless:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                while True:
                    self.wfile.write(content)
            return
        start = 0
        if span is not None and self.server.knows_ranges:
            start = int(span.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(self.server.claims or len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : self.server.breaks_off_after])

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, and a row for the set that it serves."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    files = (
        RemoteFile("images.gz", f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"),
        RemoteFile("labels.gz", f"md5:{hashlib.md5(LABELS).hexdigest()}"),
    )
    monkeypatch.setattr(sources, "SOURCES", (*sources.SOURCES, Source("small", server.url, "none", files)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def message(error: pytest.ExceptionInfo[BenchError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


WHOLE = {"images.gz": CONTENT, "labels.gz": LABELS}


def test_fetched_files_are_whole_in_their_place_and_reported(server: Server, tmp_path: Path) -> None:
    lines: list[str] = []
    folder = fetch.fetch("small", str(tmp_path / "new"), report=lines.append)
    assert folder == tmp_path / "new" / "small"
    assert contents(folder) == WHOLE
    assert any(f"{folder / 'images.gz'}: fetched" in line for line in lines)
    assert server.requests == [("images.gz", None), ("labels.gz", None)]


def test_files_that_are_right_are_not_fetched_again(server: Server, tmp_path: Path) -> None:
    fetch.fetch("small", str(tmp_path))
    (tmp_path / "small" / "labels.gz").unlink()
    server.requests.clear()
    fetch.fetch("small", str(tmp_path))
    assert server.requests == [("labels.gz", None)]


def test_a_mirror_takes_the_place_of_the_official_address(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sources.source("small").files
    monkeypatch.setattr(sources, "SOURCES", (Source("small", "http://127.0.0.1:9/", "none", files),))
    for base in (server.url, server.url.rstrip("/")):
        folder = fetch.fetch("small", str(tmp_path / base[-1]), base_url=base)
        assert contents(folder) == WHOLE


def test_a_transfer_that_broke_off_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    server.breaks_off_after = 300_000
    with pytest.raises(BenchError) as error:
        fetch.fetch("small", str(tmp_path))
    assert "broke off after 300,000 of 588,800 bytes; fetch again" in message(error)
    assert contents(tmp_path / "small") == {"images.gz.part": CONTENT[:300_000]}
    server.breaks_off_after = None
    server.requests.clear()
    fetch.fetch("small", str(tmp_path))
    assert server.requests[0] == ("images.gz", "bytes=300000-")
    assert contents(tmp_path / "small") == WHOLE


def test_a_server_without_ranges_sends_everything_again(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "images.gz.part").write_bytes(CONTENT[:1_000])
    server.knows_ranges = False
    fetch.fetch("small", str(tmp_path))
    assert server.requests[0] == ("images.gz", "bytes=1000-")
    assert contents(folder) == WHOLE


@pytest.mark.parametrize("surplus", [b"", b"more"])
def test_a_part_that_is_as_long_as_the_file_or_longer_is_started_again(
    surplus: bytes, server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "images.gz.part").write_bytes(b"x" * len(CONTENT) + surplus)
    fetch.fetch("small", str(tmp_path))
    assert [span for name, span in server.requests if name == "images.gz"] == [
        f"bytes={len(CONTENT) + len(surplus)}-",
        None,
    ]
    assert contents(folder) == WHOLE


def test_a_part_that_is_already_whole_is_only_put_in_its_place(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "images.gz.part").write_bytes(CONTENT)
    fetch.fetch("small", str(tmp_path))
    assert server.requests == [("labels.gz", None)]
    assert contents(folder) == WHOLE


def test_wrong_bytes_are_thrown_away_and_named(server: Server, tmp_path: Path) -> None:
    server.files["images.gz"] = CONTENT[::-1]
    with pytest.raises(BenchError) as error:
        fetch.fetch("small", str(tmp_path))
    text = message(error)
    assert f"expected sha256:{hashlib.sha256(CONTENT).hexdigest()}" in text
    assert f"obtained sha256:{hashlib.sha256(CONTENT[::-1]).hexdigest()}" in text
    assert contents(tmp_path / "small") == {}


def test_a_wrong_file_is_found_by_verify_and_replaced_by_fetch(server: Server, tmp_path: Path) -> None:
    fetch.fetch("small", str(tmp_path))
    assert [line.split(":")[0] for line in fetch.verify("small", str(tmp_path))] == [
        str(tmp_path / "small" / name) for name in WHOLE
    ]
    (tmp_path / "small" / "images.gz").write_bytes(CONTENT + b"!")
    (tmp_path / "small" / "labels.gz").unlink()
    with pytest.raises(BenchError) as error:
        fetch.verify("small", str(tmp_path))
    text = message(error)
    assert re.search(r"images\.gz has sha256:\w{64}, expected sha256:\w{64}; labels\.gz is missing", text)
    assert f"bench data fetch small --data-root {tmp_path}" in text
    fetch.fetch("small", str(tmp_path))
    assert contents(tmp_path / "small") == WHOLE


def test_a_file_that_the_server_lacks_is_named(server: Server, tmp_path: Path) -> None:
    del server.files["images.gz"]
    with pytest.raises(BenchError) as error:
        fetch.fetch("small", str(tmp_path))
    assert f"cannot fetch {server.url}images.gz: HTTP Error 404" in message(error)


def test_a_server_that_is_not_there_is_named(server: Server, tmp_path: Path) -> None:
    # Port 9 is the discard service, which nobody runs.
    with pytest.raises(BenchError) as error:
        fetch.fetch("small", str(tmp_path), base_url="http://127.0.0.1:9")
    assert "cannot fetch http://127.0.0.1:9/images.gz" in message(error)


@pytest.mark.parametrize("address", ["elsewhere", "file:///etc", "ftp://host/"])
def test_only_web_addresses_are_taken(address: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="must start with http"):
        fetch.fetch("mnist", str(tmp_path), base_url=address)


@pytest.mark.parametrize("address", ["http://", "http://[::", "http://host:port"])
def test_a_malformed_address_is_one_line(address: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError) as error:
        fetch.fetch("mnist", str(tmp_path), base_url=address)
    message(error)


def test_a_root_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BenchError) as error:
        fetch.fetch("small", str(tmp_path / "file"))
    assert f"cannot write small to {tmp_path / 'file' / 'small'}" in message(error)
    assert server.requests == []


def test_a_folder_in_the_place_of_a_file_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "small" / "images.gz").mkdir(parents=True)
    with pytest.raises(BenchError, match="cannot write small"):
        fetch.fetch("small", str(tmp_path))
    with pytest.raises(BenchError, match=r"images\.gz cannot be read \(Is a directory\)"):
        fetch.verify("small", str(tmp_path))


def test_sets_without_files_need_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    assert fetch.fetch("digits", str(tmp_path), report=lines.append) == tmp_path
    assert lines == ["digits: nothing to download"]
    assert fetch.verify("digits", str(tmp_path)) == ["digits: nothing to verify, it is not downloaded"]


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    for call in (fetch.fetch, fetch.verify):
        with pytest.raises(BenchError, match=r"unknown data source 'mnits'.*did you mean mnist"):
            call("mnits", str(tmp_path))


def test_the_table_tells_what_is_there_its_terms_and_checksums(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz").touch()
    text = fetch.source_table(str(tmp_path))
    rows = {line.split()[0]: line for line in text.splitlines() if line}
    assert re.search(r"1 of 4 +https://ossci\S+/mnist/ +CC BY-SA 3\.0", rows["mnist"])
    assert re.search(r"0 of 4 +http://fashion\S+/ +MIT$", rows["fashion_mnist"])
    assert "no need" in rows["digits"]
    assert rows["mnist/train-images-idx3-ubyte.gz"].endswith("md5:f68b3c2dcbeaaa9fbdd348bbdeb94873")
    assert str(tmp_path) in text


def test_the_data_root_is_the_argument_then_the_variable_then_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BENCH_DATA", "/variable")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data_root("/argument") == Path("/argument")
    assert data_root("~/data") == tmp_path / "data"
    assert data_root(None) == Path("/variable")
    monkeypatch.delenv("BENCH_DATA")
    assert data_root(None) == Path("/cache/generative-bench")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_root(None) == tmp_path / ".cache" / "generative-bench"


def test_fetching_does_not_wait_for_torch() -> None:
    code = "import sys, bench.data.fetch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_two_fetches_of_one_file_do_not_write_over_each_other(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes while the first is half-way: it is told so, and the first ends as if alone."""
    answers = []
    transfer = fetch._transfer

    def and_again(url: str, out: BinaryIO) -> None:
        if not answers:
            with pytest.raises(BenchError) as raised:
                fetch.fetch("small", str(tmp_path), report=str)
            answers.append(str(raised.value))
        transfer(url, out)

    monkeypatch.setattr(fetch, "_transfer", and_again)
    fetch.fetch("small", str(tmp_path), report=str)
    part = tmp_path / "small" / "images.gz.part"
    assert answers == [f"{part}: another process is fetching it; wait for that one, then fetch again"]
    assert fetch.verify("small", str(tmp_path))


@pytest.mark.parametrize("claims", [None, 10**15])
def test_a_server_that_sends_more_than_any_set_is_one_line(server, claims, tmp_path: Path, monkeypatch) -> None:
    server.endless, server.claims = claims is None, claims
    monkeypatch.setattr(fetch, "LARGEST_BYTES", 5_000_000)
    with pytest.raises(BenchError, match=r"sends more than 5,000,000 bytes, .*nothing was kept") as error:
        fetch.fetch("small", str(tmp_path), report=lambda line: None)
    assert "\n" not in str(error.value)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) == 0
    server.endless, server.claims = False, None
    fetch.fetch("small", str(tmp_path), report=lambda line: None)
    assert fetch.verify("small", str(tmp_path))
