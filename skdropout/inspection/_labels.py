"""Values of parameters and scores as text that fits where it is to stand."""

from collections.abc import Iterable, Sequence
from math import floor, log10
from typing import Any

import numpy as np


def shorten(names: Sequence[str]) -> list[str]:
    """Names without the steps of a pipeline, unless two would be the same."""
    short = [name.rpartition("__")[2] for name in names]
    return short if len(set(short)) == len(short) else list(names)


def to_labels(values: Sequence[Any]) -> list[str]:
    """Values as short as they can be and still differ."""
    for digits in (3, 6, 17):
        labels = [_to_label(value, digits) for value in values]
        if len(set(labels)) == len(labels):
            break
    return labels


def _to_label(value, digits):
    """A value as one would type it, numbers with so many digits."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, tuple | list):
        inside = ", ".join(_to_label(item, digits) for item in value)
        if isinstance(value, list):
            return f"[{inside}]"
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return getattr(value, "__name__", str(value))


def fold(label: str) -> str:
    """A long label on several lines."""
    if label.endswith("()"):
        return label
    return label.replace(", ", ",\n") if label[:1] in "([" else label.replace("(", "(\n", 1)


def count_columns(texts: Iterable[str]) -> int:
    """Characters of the longest line."""
    return max(len(line) for text in texts for line in text.split("\n"))


def count_decimals(errors: np.ndarray) -> int:
    """As many as give a typical error two digits."""
    known = errors[np.isfinite(errors) & (errors > 0)]
    if not known.size:
        return 3
    return min(max(1 - floor(log10(np.median(known))), 0), 6)
