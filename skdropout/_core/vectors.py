"""Operations on contiguous vectors, in place and in one pass each, by BLAS; they know no meaning.

BLAS has less to decide for each call than NumPy has, which tells on small networks, and adds
multiples of vectors without writing a product down first.
"""

from math import isfinite

import numpy as np
from scipy.linalg import get_blas_funcs

from skdropout._core import threads, tuning
from skdropout._core.buffers import Array

_DTYPES: list[np.dtype] = [np.dtype(np.float32), np.dtype(np.float64)]
_SCAL = {dtype: get_blas_funcs("scal", dtype=dtype) for dtype in _DTYPES}
_AXPY = {dtype: get_blas_funcs("axpy", dtype=dtype) for dtype in _DTYPES}
_ROT = {dtype: get_blas_funcs("rot", dtype=dtype) for dtype in _DTYPES}
_FLUSH = {dtype: 4.0 * float(np.finfo(dtype).tiny / np.finfo(dtype).eps) for dtype in _DTYPES}


def scal(a: float, x: Array):
    """``x *= a``."""
    _SCAL[x.dtype](a, x)


def axpy(a: float, x: Array, y: Array):
    """``y += a x``."""
    n = y.size
    if n <= tuning.VECTOR_PIECE or threads.one.n_inside:
        _AXPY[y.dtype](x, y, n, a)
        return
    for start in range(0, n, tuning.VECTOR_PIECE):
        _AXPY[y.dtype](x, y, min(tuning.VECTOR_PIECE, n - start), a, start, 1, start, 1)


def lerp(average: Array, value: Array, weight: float):
    """``average += weight (value - average)``, and `value` is used up.

    A rotation of two vectors in one pass: ``x, y = c x + s y, c y - s x``, whose `c` and `s` may be
    any numbers.
    """
    in_place = average.size, 0, 1, 0, 1, True, True
    _ROT[average.dtype](average, value, 1.0 - weight, weight, *in_place)


def flush(x: Array):
    """Set to zero what is subnormal: too small for all its digits, and slow to work with.

    What is added and taken away again has its last digit at about the smallest normal number.
    """
    x += _FLUSH[x.dtype]
    x -= _FLUSH[x.dtype]


@np.errstate(over="ignore", invalid="ignore")
def is_finite(x: Array) -> bool:
    """Whether no number is NaN or infinite."""
    return isfinite(x.dot(x)) or (isfinite(x.min()) and isfinite(x.max()))  # squares may overflow
