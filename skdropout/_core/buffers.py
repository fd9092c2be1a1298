"""How one flat vector is cut into named arrays, or pieces; it does not know what they mean."""

from collections.abc import Hashable, Mapping
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

Array = np.ndarray
Shape = tuple[int, ...]


def pieces(n: int, size: int) -> list[slice]:
    """Cut `n` elements into pieces of `size`."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


class Buffer:
    """One flat vector, many named views, in the order of the layout.

    Parameters
    ----------
    layout : mapping of name to shape
        Names may be strings or numbers.
    dtype : dtype
    memory : ndarray of shape (..., at least size), default=None
        Where the vector lies; None takes new memory, filled with zeros. With more axes there are
        as many vectors, and a view holds what each of them has of its name: (..., *shape).
    """

    __slots__ = ("_ends", "_views", "flat", "layout")

    def __init__(
        self, layout: Mapping[Any, Shape], dtype: DTypeLike, memory: Array | None = None
    ) -> None:
        self.layout = dict(layout)
        self._ends = dict(zip(layout, accumulate(map(prod, layout.values())), strict=True))
        size = self.size_of(layout)
        self.flat = np.zeros(size, dtype) if memory is None else memory[..., :size]
        stack = self.flat.shape[:-1]
        self._views = {
            name: self.flat[..., self.span(name)].reshape((*stack, *shape))
            for name, shape in layout.items()
        }

    @staticmethod
    def size_of(layout: Mapping[Any, Shape]) -> int:
        """Count the elements that a layout needs."""
        return sum(map(prod, layout.values()))

    def __getitem__(self, name: Hashable) -> Array:
        return self._views[name]

    def span(self, first: Hashable, last: Hashable | None = None) -> slice:
        """Where the views from `first` to `last`, both included, lie in `flat`."""
        end = self._ends[first if last is None else last]
        return slice(self._ends[first] - prod(self.layout[first]), end)
