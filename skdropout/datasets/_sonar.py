"""The sonar data set, read from the package's own files."""

import csv
from importlib import resources
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skdropout._core.checks import check_flag

_DATA_MODULE = "skdropout.datasets.data"
_FILENAME = "sonar.csv"


def load_sonar(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load the sonar data set (classification).

    Was the echo thrown back by a rock or by a mine? A small table with many correlated columns
    [1]_, on which networks overfit readily.

    =================   ==================
    Classes                              2
    Samples per class   111 mine, 97 rock
    Samples total                      208
    Dimensionality                      60
    Features            real, 0.0 to 1.0
    =================   ==================

    The rows are sorted by class, so shuffle them before you split. ``DESCR`` tells how the data was
    recorded. Its licence is CC BY 4.0 [2]_.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a `~sklearn.utils.Bunch`.

    as_frame : bool, default=False
        Return the data as a pandas DataFrame and the target as a pandas Series. Needs pandas.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        A dictionary whose items are attributes, too:

        data : {ndarray, DataFrame} of shape (208, 60)
            The energy of each echo in 60 frequency bands, as float64.
        target : {ndarray, Series} of shape (208,)
            ``'mine'`` or ``'rock'`` for each echo: NumPy strings (dtype ``<U4``), in a Series the
            string type that pandas chooses.
        feature_names : ndarray of shape (60,)
            The names of the columns, ``'band_01'`` to ``'band_60'``.
        target_names : ndarray of shape (2,)
            The names of the classes, sorted.
        frame : DataFrame of shape (208, 61) or None
            ``data`` and a last column ``'target'``. None unless ``as_frame=True``.
        DESCR : str
            The full description of the data set.
        filename : str
            The name of the data file inside ``data_module``.
        data_module : str
            The package that holds the data file.

    (data, target) : tuple if ``return_X_y=True``
        The first two items of the above.

    Raises
    ------
    TypeError
        If an argument is not a bool.
    ImportError
        If ``as_frame=True`` and pandas is not installed.

    References
    ----------
    .. [1] Gorman, R. P., & Sejnowski, T. J. (1988). Analysis of hidden units in a layered network
       trained to classify sonar targets. Neural Networks, 1(1), 75-89.
       https://doi.org/10.1016/0893-6080(88)90023-8
    .. [2] Sejnowski, T., & Gorman, R. (1988). Connectionist Bench (Sonar, Mines vs. Rocks).
       UCI Machine Learning Repository. https://doi.org/10.24432/C5T01Q

    Examples
    --------
    >>> from skdropout.datasets import load_sonar
    >>> sonar = load_sonar()
    >>> sonar.data.shape
    (208, 60)
    >>> sonar.target[[0, -1]]
    array(['rock', 'mine'], dtype='<U4')
    """
    check_flag("return_X_y", return_X_y)
    check_flag("as_frame", as_frame)

    files = resources.files(_DATA_MODULE)
    with files.joinpath(_FILENAME).open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    feature_names = np.array(header[:-1])
    data = np.array([row[:-1] for row in rows], dtype=np.float64)
    target = np.array([row[-1] for row in rows])
    target_names = np.unique(target)

    frame = None
    if as_frame:
        frame = _join_columns(data, target, feature_names)
        data, target = frame[feature_names], frame["target"]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        target_names=target_names,
        DESCR=files.joinpath("sonar.rst").read_text(encoding="utf-8"),
        feature_names=feature_names,
        filename=_FILENAME,
        data_module=_DATA_MODULE,
    )


def _join_columns(data, target, feature_names):
    """One DataFrame: the features, then the column ``'target'``."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "load_sonar(as_frame=True) needs pandas, which is not installed: pip install pandas"
        ) from error
    return pd.DataFrame(data, columns=feature_names).assign(target=target)
