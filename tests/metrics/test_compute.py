"""FLOPs counted by hand, memory that was really taken, time that really passed."""

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from bench.metrics.compute import PeakMemory, count_flops, seconds_per_1k

CPU = torch.device("cpu")
PRODUCT = 2 * 7 * 3 * 5  # a (7, 3) by (3, 5) matrix product: a multiply and an add each


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_a_forward_pass_in_every_gradient_mode(mode: Callable[[], torch.no_grad]) -> None:
    layer, x, flat = nn.Linear(3, 5), torch.randn(7, 3), torch.randn(1, 7, 3)
    with mode():
        assert count_flops(lambda: layer(x)) == PRODUCT
        assert count_flops(lambda: layer(flat)) == PRODUCT


def test_backward_and_double_backward() -> None:
    layer, x = nn.Linear(3, 5, bias=False), torch.randn(7, 3, requires_grad=True)

    def loss() -> Tensor:
        return layer(x).square().sum()

    # forward, gradient by the input, gradient by the weight
    assert count_flops(lambda: loss().backward()) == 3 * PRODUCT

    def penalty() -> None:
        (slope,) = torch.autograd.grad(loss(), x, create_graph=True)
        slope.square().sum().backward()

    # y = x W'; slope = 2 y W; the backward of the second product costs two more, then that of the first two more
    assert count_flops(penalty) == 6 * PRODUCT


def test_a_gradient_inside_a_module_is_counted() -> None:
    class Divergence(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.field = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = x.requires_grad_()
            rows = [torch.autograd.grad(self.field(x)[:, i].sum(), x)[0][:, i] for i in range(3)]
            return torch.stack(rows).sum(0)

    # three forward products, three backward products by the input alone
    assert count_flops(lambda: Divergence()(torch.randn(7, 3))) == 6 * 2 * 7 * 3 * 3


def test_products_added_in_place() -> None:
    a, b, sums = torch.randn(7, 3), torch.randn(3, 5), torch.zeros(7, 5)
    assert count_flops(lambda: sums.addmm_(a, b)) == PRODUCT
    assert count_flops(lambda: sums[None].baddbmm_(a[None], b[None])) == PRODUCT


def test_convolution_and_attention() -> None:
    picture = torch.randn(2, 3, 8, 8)
    assert count_flops(lambda: nn.Conv2d(3, 4, 3)(picture)) == 2 * (2 * 6 * 6) * (3 * 3 * 3) * 4
    query = torch.randn(1, 2, 6, 8, requires_grad=True)
    two_products = 2 * (2 * 2 * 6 * 6 * 8)
    assert count_flops(lambda: scaled_dot_product_attention(query, query, query)) == two_products
    # the backward pass recomputes the scores: five products for the forward's two
    assert count_flops(lambda: scaled_dot_product_attention(query, query, query).sum().backward()) == 3.5 * two_products


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.inference_mode])
def test_counting_changes_no_number(mode: Callable[[], torch.no_grad]) -> None:
    layer, x = nn.Sequential(nn.Linear(3, 5), nn.Dropout(), nn.Tanh(), nn.Dropout()), torch.randn(7, 3)
    results = []
    with mode():
        torch.manual_seed(1)
        count_flops(lambda: results.append(layer(x)))
        torch.manual_seed(1)
        assert torch.equal(results[0], layer(x))


def test_peak_memory_sees_what_was_taken_and_forgets_it() -> None:
    size = 200_000_000

    def take() -> None:
        torch.ones(size // 4)

    memory = PeakMemory(CPU)
    before = memory.read_bytes()
    if before is None:
        pytest.skip("this kernel does not set its high-water mark back")
    take()
    after = memory.read_bytes()
    assert after is not None
    # the kernel counts resident pages in batches of up to a few MB
    assert after - before > 0.95 * size
    again = PeakMemory(CPU).read_bytes()
    assert again is not None
    assert again < after - 0.9 * size


def test_peak_memory_leaves_out_what_was_freed_before() -> None:
    """Of many small pieces the last, which is kept, lies on top: the C library holds on to those below."""
    before = PeakMemory(CPU).read_bytes()
    if before is None:
        pytest.skip("this kernel does not set its high-water mark back")
    pieces = [bytes(50_000) for _ in range(4_000)]
    last = pieces[-1]
    del pieces
    after = PeakMemory(CPU).read_bytes()
    assert after is not None
    assert after - before < 50_000_000 < 4_000 * len(last)


def test_peak_memory_of_an_unknown_device_is_unknown() -> None:
    assert PeakMemory(torch.device("meta")).read_bytes() is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_peak_memory_on_cuda() -> None:
    device = torch.device("cuda")
    memory = PeakMemory(device)
    before = memory.read_bytes()
    torch.ones(25_000_000, device=device)
    after = memory.read_bytes()
    assert before is not None
    assert after is not None
    assert after - before >= 100_000_000


def test_seconds_per_1k_is_the_median_call_scaled() -> None:
    pauses = iter([0.3, 0.02, 0.02])
    found = seconds_per_1k(lambda: time.sleep(next(pauses)), 100, CPU)
    # ten times 0.02 s; a sleep may run late on a busy machine, but not by a quarter of a second twice
    assert 0.2 <= found < 2.9
