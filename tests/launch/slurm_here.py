"""A SLURM of two nodes with accounting on this machine, started by hand: it needs root and Debian's packages."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd", "mariadb-install-db", "sbatch")
CONF = """\
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=17100
AuthType=auth/munge
SlurmUser=slurm
StateSaveLocation={place}/state
SlurmctldPidFile={place}/ctld.pid
SlurmctldLogFile={place}/ctld.log
SlurmdSpoolDir={place}/spool-%n
SlurmdPidFile={place}/%n.pid
SlurmdLogFile={place}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=20
KillWait=5
SchedulerParameters=sched_interval=5
AuthInfo=cred_expire=20
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=17101
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port=17001 CPUs=1 RealMemory=4000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port=17002 CPUs=1 RealMemory=4000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""
ACCOUNTING = """\
DbdHost=localhost
DbdPort=17101
SlurmUser=slurm
AuthType=auth/munge
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=17102
StorageUser=slurm
StoragePass=here
StorageLoc=slurm_acct
LogFile={place}/dbd.log
PidFile={place}/dbd.pid
"""


def missing() -> str:
    """Why it cannot be started here; empty where it can."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    absent = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if absent:
        return (
            f"SLURM is not here: {absent[0]}; apt-get install slurmctld slurmd slurm-client munge slurmdbd "
            "mariadb-server-core mariadb-client-core"
        )
    return "" if os.geteuid() == 0 else "only root can start SLURM"


class Here:
    """A running SLURM.

    Attributes:
        nodes: name -> its daemon.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self) -> None:
        """Starts all daemons and waits until both nodes are there."""
        place, host = self.place, socket.gethostname().split(".")[0]
        place.chmod(0o755)
        for folder, user in (("state", "slurm"), ("data", "slurm"), ("spool-n1", "root"), ("spool-n2", "root")):
            (place / folder).mkdir()
            owned(place / folder, user)
        owned(place, "slurm")
        (place / "slurm.conf").write_text(CONF.format(place=place, host=host))
        (place / "slurmdbd.conf").write_text(ACCOUNTING.format(place=place))
        owned(place / "slurmdbd.conf", "slurm")
        (place / "slurmdbd.conf").chmod(0o600)
        os.environ["SLURM_CONF"] = str(place / "slurm.conf")
        run = Path("/run/munge")
        run.mkdir(exist_ok=True)
        owned(run, "munge")
        run.chmod(0o755)
        if subprocess.run(["munge", "-n"], capture_output=True, check=False).returncode:
            subprocess.run(["runuser", "-u", "munge", "--", "munged"], check=True)
        data = place / "data"
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", "--user=slurm", f"--datadir={data}",
             "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True, capture_output=True,
        )  # fmt: skip
        self.daemon("mariadbd", "--no-defaults", "--user=slurm", f"--datadir={data}", f"--socket={data}/s.sock",
                    "--port=17102", "--bind-address=127.0.0.1")  # fmt: skip
        sql = (
            "create database slurm_acct; create user slurm@'127.0.0.1' identified by 'here'; "
            "grant all on slurm_acct.* to slurm@'127.0.0.1'"
        )
        until(lambda: subprocess.run(["mariadb", f"--socket={data}/s.sock", "-u", "root", "-e", sql],
                                     capture_output=True, check=False).returncode == 0)  # fmt: skip
        self.daemon("slurmdbd", "-D")
        until(lambda: answers("sacctmgr", "-n", "list", "cluster"))
        subprocess.run(["sacctmgr", "-i", "add", "cluster", "here"], capture_output=True, check=False)
        self.daemon("slurmctld", "-D")
        for name in ("n1", "n2"):
            self.begin_node(name)
        until(lambda: "idle" in said("sinfo", "-h", "-o", "%t %D"))
        until(lambda: said("sinfo", "-h", "-t", "idle", "-o", "%D").strip() == "2")

    def begin_node(self, name: str) -> None:
        """Starts the daemon of a node."""
        self.nodes[name] = self.daemon("slurmd", "-D", "-N", name)

    def daemon(self, *words: str) -> subprocess.Popen[bytes]:
        """Starts a program that stays."""
        with open(self.place / f"{words[0]}.out", "ab") as log:
            path = f"{os.environ['PATH']}:/usr/sbin"
            process = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, "PATH": path})
        self.daemons.append(process)
        return process

    def end(self) -> None:
        """Ends all daemons, the last begun first."""
        subprocess.run(["scancel", "-u", "root"], capture_output=True, check=False)
        for process in reversed(self.daemons):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        os.environ.pop("SLURM_CONF", None)


@contextlib.contextmanager
def slurm(place: Path) -> Iterator[Here]:
    """A running SLURM, its files in `place`."""
    here = Here(place)
    try:
        here.begin()
        yield here
    finally:
        here.end()


def owned(path: Path, user: str) -> None:
    """Gives a file to a user."""
    entry = pwd.getpwnam(user)
    os.chown(path, entry.pw_uid, entry.pw_gid)


def said(*words: str) -> str:
    """What a command prints."""
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def answers(*words: str) -> bool:
    """True where a command ends well."""
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def until(done, seconds: float = 60.0) -> None:  # type: ignore[no-untyped-def]
    """Waits until it is so.

    Raises:
        TimeoutError: it is not in time.
    """
    over = time.monotonic() + seconds
    while not done():
        if time.monotonic() > over:
            raise TimeoutError("a daemon of SLURM did not come up")
        time.sleep(0.2)
