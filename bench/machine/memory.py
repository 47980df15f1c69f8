"""The memory that this process may use."""

import os
from pathlib import Path

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
CGROUPS = "/sys/fs/cgroup"


def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or less where a cgroup limits it."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [Path(path) for path in (*CGROUP_LIMITS, *own_limits())]
    texts = [path.read_text(encoding="ascii").strip() for path in limits if path.is_file()]
    return min([machine, *(int(text) for text in texts if text.isdigit())])


def own_limits() -> list[str]:
    """Files of the limits on this process's own control group and on those above it; none where it is in none."""
    own = Path("/proc/self/cgroup")
    lines = own.read_text(encoding="ascii").splitlines() if own.is_file() else []
    groups = [Path(line.removeprefix("0::")) for line in lines if line.startswith("0::")]
    return [f"{CGROUPS}{place}/memory.max" for group in groups for place in (group, *group.parents) if place.name]
