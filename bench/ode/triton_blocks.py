"""Pieces of the kernels of `bench.ode.triton_kernels`: an activation, and products of matrices too large for registers.

Sizes are powers of two of at least 16, which `tl.dot` asks for; products are in float32, never in TF32.
"""

from typing import no_type_check

import triton
import triton.language as tl

CHUNK = tl.constexpr(16)
"""Terms of a product's sums at a time: ptxas finds registers for these, and not for whole matrices."""


@triton.jit
@no_type_check
def activated(a, ACTIVATION: tl.constexpr):
    """s(a), s'(a) and s''(a) / s'(a), to a few float32 roundings of the larger of 1 and the value.

    Near 0 tanh is the polynomial of Cephes' tanhf (Moshier 1989): (1 - e) / (1 + e) would lose its leading digits.
    """
    if ACTIVATION == "tanh":
        e = tl.exp(-2 * tl.abs(a))
        square = a * a
        series = -5.70498872745e-3 * square + 2.06390887954e-2
        series = series * square - 5.37397155531e-2
        series = series * square + 1.33314422036e-1
        series = series * square - 3.33332819422e-1
        far = tl.where(a < 0, -1.0, 1.0) * (1 - e) / (1 + e)
        value = tl.where(tl.abs(a) < 0.625, a + a * square * series, far)
        slope = 1 - value * value
        bend = -2 * value
    else:
        tl.static_assert(ACTIVATION == "softplus", "an activation that this kernel does not have")
        e = tl.exp(-tl.abs(a))
        value = tl.maximum(a, 0.0) + tl.log(1 + e)
        slope = tl.where(a < 0, e, 1.0) / (1 + e)
        bend = 1 - slope
    return value, slope, bend


@triton.jit
@no_type_check
def halves(a):
    """The left and the right half of a matrix's columns."""
    return tl.split(tl.permute(tl.reshape(a, (a.shape[0], 2, a.shape[1] // 2)), (0, 2, 1)))


@triton.jit
@no_type_check
def product(a, pointer, rows, columns, down, across, COLUMNS: tl.constexpr):
    """a B for the `(rows, columns)` matrix B in memory, `down` from one row and `across` from one column to the next.

    a is `(n, K)`; B is padded by zeros to `(K, COLUMNS)`.
    """
    K: tl.constexpr = a.shape[1]
    # Unrolled when the kernel is compiled: K is known then.
    if K > CHUNK:
        left, right = halves(a)
        total = product(left, pointer, rows, columns, down, across, COLUMNS)
        total += product(right, pointer + K // 2 * down, rows - K // 2, columns, down, across, COLUMNS)
    else:
        i = tl.arange(0, K)[:, None]
        j = tl.arange(0, COLUMNS)[None, :]
        b = tl.load(pointer + i * down + j * across, mask=(i < rows) & (j < columns), other=0.0)
        total = tl.dot(a, b, input_precision="ieee")
    return total


@triton.jit
@no_type_check
def vector(pointer, size, SIZE: tl.constexpr):
    """A vector in memory as a row, padded by zeros."""
    at = tl.arange(0, SIZE)
    return tl.load(pointer + at, mask=at < size, other=0.0)[None, :]


@triton.jit
@no_type_check
def add_product(pointer, a, b):
    """Adds aᵀ b to the matrix in memory."""
    ROWS: tl.constexpr = a.shape[1]
    COLUMNS: tl.constexpr = b.shape[1]
    if ROWS > CHUNK:
        left, right = halves(a)
        add_product(pointer, left, b)
        add_product(pointer + ROWS // 2 * COLUMNS, right, b)
    else:
        spots = pointer + tl.arange(0, ROWS)[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :]
        tl.store(spots, tl.load(spots) + tl.dot(tl.trans(a), b, input_precision="ieee"))


@triton.jit
@no_type_check
def add_sum(pointer, a):
    """Adds the sum over the rows of a to the vector in memory."""
    spots = pointer + tl.arange(0, a.shape[1])
    tl.store(spots, tl.load(spots) + tl.sum(a, 0))
