"""Cells on a real Ray, private and of two nodes, all on this machine."""

import contextlib
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.launch.launcher import launcher_of
from bench.launch.ray import check_listens, cpus_of_a_cell
from tests.helpers import TINY, assert_none_left, locks_at_work, records, start
from tests.launch.alike import hold_trials_and_packs
from tests.launch.test_files import numbers

RAY = {"_target_": "bench.launch.ray.Ray"}


def test_without_ray_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BenchError, match=r"launch=ray needs Ray .*pip install -e '\.\[ray\]'"):
        launcher_of(RAY)


@pytest.fixture(scope="module")
def ray() -> Any:
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    return pytest.importorskip("ray", reason="Ray is an extra: pip install -e '.[ray]'")


@pytest.fixture
def cluster(ray: Any) -> Iterator[Any]:
    """A head without CPUs, and a node with two."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    made.first = made.add_node(num_cpus=2)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.mark.cluster
def test_options_out_of_range_are_refused(ray: Any) -> None:
    for option, said in (("cpus", "give 0 or more"), ("retries", "give 0 or more"), ("processes", "give at least 1")):
        with pytest.raises(BenchError, match=rf"launch\.{option}: {said}"):
            launcher_of({**RAY, option: -1})


@pytest.mark.cluster
def test_a_study_on_a_private_cluster_is_the_study_here(
    ray: Any, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    words = ["run", "-m", *TINY, "study=scratch", "model=affine,crashing", "seed=0,1,2", "--config-dir", own_conf]
    assert bench_call(*words, "results_dir=here").code == 1
    answer = bench_call(*words, "results_dir=there", "launch=ray")
    assert answer.code == 1, answer
    assert numbers(tmp_path / "there/scratch") == numbers(tmp_path / "here/scratch")
    assert not ray.is_initialized(), "a private cluster ends with the command"


@pytest.mark.cluster
def test_trials_and_packed_seeds_on_a_cluster_are_those_here(
    ray: Any, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    hold_trials_and_packs(bench_call, tmp_path, own_conf, ["launch=ray"])


def node(cpus: float, gpus: float | None = None, alive: bool = True) -> dict[str, Any]:
    """As `ray.nodes()` has it, without what no launcher reads."""
    return {"Alive": alive, "Resources": {"CPU": cpus} if gpus is None else {"CPU": cpus, "GPU": gpus}}


MACHINES = [node(8.0), node(2.0, 1.0), node(16.0, 4.0, alive=False)]


def test_one_machine_has_all_that_a_cell_asks_for() -> None:
    for asked, gpus, cpus in ((8.0, 0.0, 8.0), (2.0, 1.0, 2.0), (0.5, 0.25, 0.5), (None, 0.0, 8.0), (None, 1.0, 2.0)):
        assert cpus_of_a_cell(MACHINES, asked, gpus) == cpus, (asked, gpus)


@pytest.mark.parametrize(
    ("asked", "gpus", "said"),
    [
        (8.0, 1.0, "launch.cpus=8 launch.gpus=1: "),
        (9.0, 0.0, "launch.cpus=9 launch.gpus=0: "),
        (1.0, 1.5, "launch.cpus=1 launch.gpus=1.5: "),
        (None, 2.0, "launch.exclusive=true launch.gpus=2: "),
    ],
)
def test_what_no_one_machine_has_would_wait_for_ever(asked: float | None, gpus: float, said: str) -> None:
    """The CPUs of one machine and the GPUs of another are no place for a cell."""
    with pytest.raises(BenchError) as caught:
        cpus_of_a_cell(MACHINES, asked, gpus)
    rest = "no machine of the cluster has both, only 2 CPUs and 1 GPUs; 8 CPUs and 0 GPUs; ask for less"
    assert str(caught.value) == said + rest


@pytest.mark.cluster
def test_what_no_node_could_run_is_refused_at_once(ray: Any, bench_call: Callable, tmp_path: Path) -> None:
    began = time.monotonic()
    answer = bench_call("run", *TINY, "model=gaussian", "launch=ray", "launch.gpus=0.5")
    assert answer.code == 2
    assert answer.err.startswith("bench: launch.cpus=1 launch.gpus=0.5: no machine of the cluster has both, only ")
    assert "launch.cpus=9999" in bench_call("run", *TINY, "model=gaussian", "launch=ray", "launch.cpus=9999").err
    assert time.monotonic() - began < 60
    assert not (tmp_path / "results").exists() or not records(tmp_path / "results/scratch")


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:{port}", "no Ray cluster there: "),
        ("ray://127.0.0.1:{port}", "no Ray cluster there: "),
        ("no-such-host.invalid:{port}", "no Ray cluster there: "),
        ("127.0.0.1", "no address of a cluster; give host:port, auto or local"),
        ("ray://head", "no address of a cluster"),
        ("127.0.0.1:port", "no address of a cluster"),
    ],
)
def test_an_address_where_nobody_listens_is_refused_at_once(
    ray: Any, bench_call: Callable, address: str, said: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = address.format(port=taken.getsockname()[1])
        began = time.monotonic()
        answer = bench_call("run", *TINY, "model=gaussian", "launch=ray", f"launch.address={address}")
    assert answer.code == 2
    assert answer.err.startswith(f"bench: launch.address={address}: {said}")
    assert answer.err.count("\n") == 1
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (None, ": timed out; start it"),
        (b"", ", another program; give that of its head"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ", another program;"),
    ],
)
def test_what_listens_and_is_no_cluster_is_refused_at_once(words: bytes | None, said: str) -> None:
    """Ray itself tries for two minutes. None takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"

        def say_and_go() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(words or b"")
                connection.recv(100)

        if words is not None:
            threading.Thread(target=say_and_go, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(BenchError) as caught:
            check_listens(address)
    assert str(caught.value).startswith(f"launch.address={address}: no Ray cluster there{said}")
    assert time.monotonic() - began < 10


def test_a_server_of_grpc_is_let_pass() -> None:
    """As Ray's are. What it serves is Ray's to say."""
    grpc = pytest.importorskip("grpc", reason="gRPC comes with TensorBoard, an extra: pip install -e '.[dev]'")
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
            check_listens(address)
    finally:
        server.stop(None)


@pytest.mark.cluster
def test_a_command_for_what_listens_and_says_nothing_ends_soon(ray: Any, bench_call: Callable) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        answer = bench_call("run", *TINY, "model=gaussian", "launch=ray", f"launch.address={address}")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert answer.err.startswith(f"bench: launch.address={address}: no Ray cluster there: timed out")
    assert time.monotonic() - began < 20


@pytest.mark.cluster
def test_an_address_without_a_cluster_is_one_line(ray: Any, bench_call: Callable) -> None:
    answer = bench_call("run", *TINY, "model=gaussian", "launch=ray", "launch.address=auto")
    assert answer.code == 2
    assert answer.err.startswith("bench: launch.address=auto: no Ray cluster there")
    assert answer.err.count("\n") == 1


@pytest.mark.cluster
def test_a_node_that_dies_loses_no_run(ray: Any, cluster: Any, own_conf: Path, bench_call: Callable, tmp_path) -> None:
    """Its cells begin again on the node that comes in its place, from their checkpoints, to the same records."""
    rest = ["train.checkpoint_seconds=0.0001", "train.validate_every=2"]
    words = [*TINY, *rest, "model=slow", "model.seconds=0.1", "seed=0,1,2", "--config-dir", str(own_conf)]
    there = tmp_path / "there"
    there.mkdir()
    process = start(there, "run", "-m", *words, "launch=ray", f"launch.address={cluster.address}")
    runs, over = there / "results/scratch/runs", time.monotonic() + 120
    while not list(runs.glob("*/*/checkpoint.safetensors")):
        assert time.monotonic() < over, "no cell began"
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    cluster.add_node(num_cpus=2)
    cluster.remove_node(cluster.first, allow_graceful=False)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, out + err
    assert bench_call("run", "-m", *words).code == 0
    assert numbers(there / "results/scratch") == numbers(tmp_path / "results/scratch")
    assert not list(runs.rglob(".*")), "locks, or pieces of files"
    assert_none_left(there)


@pytest.mark.cluster
def test_a_killed_driver_ends_its_cells_and_the_same_command_goes_on(
    ray: Any, cluster: Any, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    words = [*TINY, "train.checkpoint_seconds=0.0001", "train.validate_every=2", "model=slow", "model.seconds=0.05"]
    command = ["run", *words, "--config-dir", str(own_conf), "launch=ray", f"launch.address={cluster.address}"]
    process = start(tmp_path, *command)
    runs, over = tmp_path / "results/scratch/runs", time.monotonic() + 120
    while not list(runs.glob("*/*/checkpoint.safetensors")):
        assert time.monotonic() < over, "no cell began"
        time.sleep(0.05)
    (lock,) = runs.rglob(".*.lock")
    pid = json.loads(lock.read_text())["pid"]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    over = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and time.monotonic() < over:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists(), "its cell ends with it"
    again = start(tmp_path, *command)
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0, out + err
    assert [record["status"] for record in records(tmp_path / "results/scratch").values()] == ["ok"]


KILLS = int(os.environ.get("RAY_KILLS", "3"))


@pytest.mark.cluster
@pytest.mark.long
def test_what_runs_on_ray_killed_at_random_makes_the_undisturbed_study(
    ray: Any, cluster: Any, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    """A cell, a node and the driver in turn; `RAY_KILLS=40` asks for forty."""
    random.seed(0)
    seeds = ",".join(map(str, range(max(4, KILLS // 2))))
    rest = ["train.checkpoint_seconds=0.0001", "train.validate_every=2"]
    words = [*TINY, *rest, "model=slow", "model.seconds=0.2", f"seed={seeds}", "--config-dir", str(own_conf)]
    there = tmp_path / "there"
    there.mkdir()
    command = ["run", "-m", *words, "launch=ray", f"launch.address={cluster.address}"]
    process, node, kills = start(there, *command), cluster.first, 0
    runs, over = there / "results/scratch/runs", time.monotonic() + 60 * KILLS + 120
    while kills < KILLS:
        assert time.monotonic() < over, "it took too long"
        locks = locks_at_work(runs)
        if process.poll() is not None:
            ok = [record for record in records(there / "results/scratch").values() if record["status"] == "ok"]
            assert len(ok) < len(seeds.split(",")), f"all over after {kills} kills"
            process = start(there, *command)
        if not locks:
            time.sleep(0.05)
            continue
        time.sleep(random.uniform(0, 1))
        with contextlib.suppress(OSError, ValueError):
            if kills % 3 == 0:
                os.kill(json.loads(random.choice(locks).read_text())["pid"], signal.SIGKILL)
            elif kills % 3 == 1:
                new = cluster.add_node(num_cpus=2)
                cluster.remove_node(node, allow_graceful=False)
                node = new
            else:
                process.kill()
                process.communicate()
            kills += 1
            time.sleep(1.0)
    process.communicate(timeout=600)
    assert bench_call("run", "-m", *words).code == 0
    last = start(there, *command)
    out, err = last.communicate(timeout=600)
    assert last.returncode == 0, out + err
    assert numbers(there / "results/scratch") == numbers(tmp_path / "results/scratch")
    assert not list(runs.rglob(".*")), "locks, or pieces of files"
    assert_none_left(there)
