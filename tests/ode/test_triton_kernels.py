import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.ode.kernel_passes import TILE
from bench.ode.kernel_solve import MAX_DIM, MAX_WIDTH, kernel_refusal, solve_by_kernel
from bench.ode.perceptron import ACTIVATIONS
from bench.ode.plan import planned
from bench.ode.runge_kutta import uniform
from bench.ode.tableau import TABLEAUS
from tests.ode.kernel_cases import SMALL, Case, field_and_start, plan_of, value_and_gradients

needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="needs Triton: pip install -e '.[triton]'")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

WIDE = [
    *SMALL,
    Case(batch=512, dim=2, hidden=(64, 64)),
    Case(batch=512, dim=2, hidden=(64, 64), activation="softplus", tableau="tsit5"),
    Case(batch=5000, dim=2, hidden=(32, 32), tableau="bosh3"),
    Case(batch=1000, dim=13, hidden=(50, 60), tableau="rk38"),
    Case(batch=300, dim=MAX_DIM, hidden=(MAX_WIDTH, MAX_WIDTH), activation="softplus"),
    Case(batch=300, dim=6, hidden=(MAX_WIDTH, 16), tableau="dopri5"),
]


def assert_exact_to_float32(found: list[Tensor], case: Case) -> None:
    """Holds float32 results against a solve in float64.

    Both solves in float32 are off by roundings of 6e-8 that add up over some hundred sums in an order of their own: the
    kernel may be off by four times what the fused solve is, or by 2e-6, which leaves room for exp and division to two
    roundings each. A wrong term would be off by more than 1e-3, TF32 by about 3e-4.
    """
    right = value_and_gradients(case, None, dtype=torch.float64)
    fused = value_and_gradients(case, None)
    for a, b, truth in zip(found, fused, right, strict=True):
        allowed = 4 * (b - truth).norm() + 2e-6 * truth.norm()
        assert (a - truth).norm() <= allowed


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> list[list[Tensor]]:
    """What the kernels give for `SMALL` in Triton's interpreter."""
    file = tmp_path_factory.mktemp("interpreted") / "results.pt"
    command = [sys.executable, "-m", "tests.ode.kernel_cases", str(file)]
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        command, cwd=root, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return torch.load(file)


@needs_triton
@pytest.mark.parametrize("index", range(len(SMALL)), ids=map(str, SMALL))
def test_interpreted_kernels_are_the_fused_solve(index: int, interpreted: list[list[Tensor]]) -> None:
    assert_exact_to_float32(interpreted[index], SMALL[index])


@needs_triton
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_kernels_compile_without_a_gpu_to_products_from_shared_memory_and_without_tf32(activation: str) -> None:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from bench.ode.triton_kernels import solve_backward, solve_forward

    constants = {"TILE": TILE, "SLOPES": 4, "DIM": 16, "WIDTH1": 32, "WIDTH2": 16, "ACTIVATION": activation}
    for kernel, own in ((solve_forward, {"KEEP": True}), (solve_backward, {})):
        values = constants | own
        pointers = kernel.arg_names[: kernel.arg_names.index("pairs") + 1]
        types = {name: "*i32" if name == "at_pointer" else "*fp32" for name in pointers}
        signature = {name: "constexpr" if name in values else types.get(name, "i32") for name in kernel.arg_names}
        compiled = triton.compile(
            ASTSource(kernel, signature, {(kernel.arg_names.index(name),): value for name, value in values.items()}),
            target=GPUTarget("cuda", 80, 32),
        )
        assert "fma.rn.f32" in compiled.asm["ptx"]
        assert "mma" not in compiled.asm["ptx"]
        in_shared_memory = set(re.findall(r"(%\w+) = ttg.local_load", compiled.asm["ttgir"]))
        factors = re.findall(r"tt.dot (%\w+), (%\w+),", compiled.asm["ttgir"])
        assert factors
        assert in_shared_memory.issuperset(factor for pair in factors for factor in pair)


@pytest.mark.gpu
@needs_gpu
@needs_triton
@pytest.mark.parametrize("case", WIDE, ids=str)
def test_kernels_on_a_gpu_are_the_fused_solve(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.ode import triton_kernels

    monkeypatch.setattr(triton_kernels, "PROGRAMS", case.programs)
    assert_exact_to_float32(value_and_gradients(case, triton_kernels.KERNELS, "cuda"), case)


@pytest.mark.gpu
@needs_gpu
@needs_triton
def test_the_same_batch_gives_the_same_bits() -> None:
    from bench.ode.triton_kernels import KERNELS

    case = Case(batch=5000, dim=2, hidden=(64, 64))
    first, second = (value_and_gradients(case, KERNELS, "cuda") for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)


@pytest.mark.gpu
@needs_gpu
@needs_triton
def test_one_launch_forward_and_one_backward() -> None:
    case = Case(batch=512, hidden=(64, 64))
    field, x = field_and_start(case, torch.float32)
    field, x = field.cuda(), x.cuda()
    assert kernel_refusal(field, x) is None

    def step() -> None:
        solve_by_kernel(field, x, plan_of(case)).log_det.sum().backward()

    step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        step()
        torch.cuda.synchronize()
    names = [event.name for event in profile.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    assert names.count("solve_forward") == 1
    assert names.count("solve_backward") == 1


@pytest.mark.gpu
@needs_gpu
@needs_triton
def test_a_training_step_can_be_captured_in_a_cuda_graph() -> None:
    case = Case(batch=64, hidden=(32, 32))
    field, x = field_and_start(case, torch.float32)
    field, x = field.cuda(), x.cuda()
    plan = planned(uniform(3), TABLEAUS["rk4"])

    def gradients() -> list[Tensor]:
        return list(torch.autograd.grad(solve_by_kernel(field, x, plan).log_det.sum(), field.parameters()))

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        gradients()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = gradients()
    x.copy_(torch.randn(64, 2))
    graph.replay()
    for a, b in zip(captured, gradients(), strict=True):
        # a graph that read the old x would be off by the gradient itself; products may be summed in another order
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
