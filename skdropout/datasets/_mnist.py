"""Handwritten digits, from a local file or else from openml.org through scikit-learn."""

import os
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from sklearn.datasets import fetch_openml
from sklearn.utils import Bunch

from skdropout._core.checks import check_flag, check_name

_FOLDER_VARIABLE = "SKDROPOUT_DATA"
_N_TRAIN = 60_000
_SUBSETS = ("train", "test")


def fetch_mnist(
    *,
    subset: str = "train",
    data_home: str | os.PathLike[str] | None = None,
    return_X_y: bool = False,
) -> Any:
    """Load the MNIST data set of handwritten digits (classification).

    Images of digits [1]_, centred, and already parted into those to learn from and those to test
    on, which were written by other people.

    =================   ===============================
    Classes                                          10
    Samples total       60,000 to train, 10,000 to test
    Dimensionality           784, images of 28 x 28
    Features                    real, 0.0 to 1.0
    =================   ===============================

    If the environment variable ``SKDROPOUT_DATA`` names a folder with a file ``mnist.npz`` in it,
    that is read: the arrays ``X_train`` and ``X_test`` hold the images as bytes, ``y_train`` and
    ``y_test`` the digits. Otherwise `~sklearn.datasets.fetch_openml` downloads the data once,
    15 MB, and keeps them; that needs pandas.

    Parameters
    ----------
    subset : {"train", "test"}, default="train"
        Which images.

    data_home : str or path-like, default=None
        Where to keep what is downloaded; None is the folder ``scikit_learn_data`` in your home.

    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a `~sklearn.utils.Bunch`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        A dictionary whose items are attributes, too:

        data : ndarray of shape (n_samples, 784)
            The brightness of each pixel, row by row, as float32: 0 is the background, 1 the ink.
        target : ndarray of shape (n_samples,)
            The digits, as int64.
        target_names : ndarray of shape (10,)
            The digits 0 to 9.

    (data, target) : tuple if ``return_X_y=True``
        The first two items of the above.

    Raises
    ------
    TypeError
        If `subset` is no string or `return_X_y` no bool.
    ValueError
        If `subset` is something else, or the file isn't as described.
    OSError
        If there is no file, and the download fails.

    References
    ----------
    .. [1] LeCun, Y., Bottou, L., Bengio, Y., & Haffner, P. (1998). Gradient-based learning applied
       to document recognition. Proceedings of the IEEE, 86(11), 2278-2324.
       https://doi.org/10.1109/5.726791

    Examples
    --------
    >>> from skdropout.datasets import fetch_mnist
    >>> X, y = fetch_mnist(subset="test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (10000, 784)
    """
    check_name("subset", subset, _SUBSETS)
    check_flag("return_X_y", return_X_y)
    path = find_file()
    images, digits = _read(path, subset) if path else _download(subset, data_home)

    data = np.divide(images.reshape(-1, 784), 255, dtype=np.float32)
    target = digits.astype(np.int64)
    if return_X_y:
        return data, target
    return Bunch(data=data, target=target, target_names=np.arange(10))


def find_file() -> Path | None:
    """The file in the folder that the environment variable names, None where there is none."""
    folder = os.environ.get(_FOLDER_VARIABLE)
    path = Path(folder, "mnist.npz") if folder else None
    return path if path and path.exists() else None


def _read(path, subset):
    """Images and digits of a file."""
    names = f"X_{subset}", f"y_{subset}"
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            images, digits = (arrays[name] for name in names)
    except (ValueError, KeyError, EOFError, TypeError, BadZipFile) as error:
        raise ValueError(f"{path} is no NPZ file with arrays {' and '.join(names)}.") from error
    n = len(digits) if digits.ndim == 1 else 0
    if images.dtype != np.uint8 or images.shape not in [(n, 28, 28), (n, 784)] or n == 0:
        raise ValueError(
            f"X_{subset} in {path} must hold an image of 28 x 28 bytes for each of its digits, got "
            f"{images.dtype} of shape {images.shape} for digits of shape {digits.shape}."
        )
    if not np.isin(digits, range(10)).all():
        raise ValueError(f"y_{subset} in {path} must hold digits from 0 to 9.")
    return images, digits


def _download(subset, data_home):
    """Images and digits by way of scikit-learn's cache."""
    try:
        images, digits = fetch_openml(
            "mnist_784", version=1, data_home=data_home, return_X_y=True, as_frame=False
        )
    except OSError as error:
        raise OSError(
            f"MNIST could not be downloaded. A file mnist.npz that is here already is read if the "
            f"environment variable {_FOLDER_VARIABLE} names its folder; it is "
            f"{os.environ.get(_FOLDER_VARIABLE)!r}."
        ) from error
    rows = slice(None, _N_TRAIN) if subset == "train" else slice(_N_TRAIN, None)
    return images[rows], digits[rows]
