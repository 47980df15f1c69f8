"""The cost of a computation: floating-point operations, peak memory, seconds per thousand examples."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from bench.machine.clock import Stopwatch

_ATEN = torch.ops.aten
_FORMULAS = flop_registry | {  # torch's registry lacks the CPU's attention kernel
    getattr(_ATEN, f"_scaled_dot_product_flash_attention_for_cpu{way}"): flop_registry[
        getattr(_ATEN, f"_scaled_dot_product_flash_attention{way}")
    ]
    for way in ("", "_backward")
}
_FORMULAS[torch.ops.mkldnn._linear_pointwise] = lambda x, *_, out_val, **__: 2 * x.numel() * out_val.shape[-1]
_FORMULAS |= {getattr(_ATEN, f"{name}_"): flop_registry[getattr(_ATEN, name)] for name in ("addmm", "baddbmm")}


class _FlopCount(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up torch's formulas for the operations that pass, whatever module or gradient they come from."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        formula = _FORMULAS.get(func.overloadpacket)
        if formula is None:
            with self:  # in inference mode a composite such as `linear` arrives whole
                result = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if result is NotImplemented else result
        result = func(*args, **kwargs)
        self.total += formula(*args, **kwargs, out_val=result)
        return result


def count_flops(function: Callable[[], object]) -> int:
    """Floating-point operations of `function`: matrix products, convolutions and attention, forward and backward.

    A multiply and an add count as two; element-wise work is not counted, nor matrix-vector products, nor what a
    compiled graph does. Never count while timing: every operation passes through Python.
    """
    with _FlopCount() as count:
        function()
    return int(count.total)


class PeakMemory:
    """The largest memory in use since construction.

    On CUDA what torch's allocator held on the device; on the CPU of a Linux machine what the whole process had
    resident, after the C library gave back what it holds unused (`man malloc_trim`) and the kernel set back its
    high-water mark (`man proc_pid_clear_refs`).
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self._known = True
        else:
            self._known = device.type == "cpu" and _reset_high_water_mark()

    def read_bytes(self) -> int | None:
        """Peak bytes; None where the system does not report them."""
        if not self._known:
            return None
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device))
        lines = Path("/proc/self/status").read_text().splitlines()
        kilobytes = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
        return None if kilobytes is None else int(kilobytes) * 1024


def seconds_per_1k(function: Callable[[], object], n: int, device: torch.device, repeats: int = 3) -> float:
    """Seconds per 1,000 examples: the median over `repeats` calls of `function`, each of which handles `n`."""
    watches = [Stopwatch(device) for _ in range(repeats)]
    for watch in watches:
        with watch:
            function()
    return 1000 / n * median(watch.seconds for watch in watches)


def _reset_high_water_mark() -> bool:
    """Sets VmHWM back to the memory now in use; False where the kernel refuses."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True
