"""What `y` means: class labels or numbers, checked, learned, encoded, weighed, decided."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from math import nan
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import issparse
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import check_array, column_or_1d

from skdropout._core.buffers import Array, pieces
from skdropout._core.checks import check_name, check_number
from skdropout._core.losses import CLASS_LOSSES, NUMBER_LOSSES, ClassLoss, NumberLoss
from skdropout._core.uncertainty import measure_classes
from skdropout._estimators.conventions import naming
from skdropout._training.data import AT_ONCE, ClassTargets, DenseTargets, Targets

Scorer = Callable[[Array, float], float]


class Labels(Protocol):
    """What `y` means to an estimator."""

    out_of_fold_name: ClassVar[str]

    def check(self, y: Any, *, name: str = "y") -> Array:
        """Return `y`, the argument `name`, as an array that the other methods take."""

    def learn(self, y: Array) -> "Labels":
        """Learn from the first checked `y` what will come."""

    def learn_part(self, y: Array, classes: Any) -> "Labels":
        """Learn from the first checked `y` of `partial_fit` and the `classes` that will come."""

    def keep(self, y: Array) -> "Labels":
        """Return itself; raise unless a training on `y` can go on from the last one."""

    def encode(
        self,
        y: Array,
        sample_weight: Array | None,
        dtype: DTypeLike,
        *,
        name: str,
        training: Targets | None = None,
    ) -> Targets:
        """Turn checked `y`, of the argument `name`, and the weights into targets.

        Classes weigh as much in a validation as in `training`, its targets.
        """

    def score(self, y: Array, targets: Array, weight: Array | None) -> Scorer:
        """The default score, from raw predictions and their loss.

        `targets` are the same as `y`, as the networks see them.
        """

    def out_of_fold(self, z: Array) -> Array:
        """What is told of raw predictions out of fold."""

    def attributes(self) -> dict[str, Any]:
        """The fitted attributes that tell what was learned."""


@dataclass(eq=False, slots=True)
class Classes:
    """Class labels, or for many labels an indicator matrix.

    Attributes
    ----------
    class_weight : object
        The argument of the estimator.
    smoothing : float
        Part of each target that is spread over all classes.
    loss_name : str
        The argument `loss` of the estimator.
    classes : ndarray of shape (n_classes,)
        What was learned; empty before. For many labels their numbers.
    is_multilabel : bool
    """

    out_of_fold_name: ClassVar[str] = "oof_decision_function_"

    class_weight: Any = None
    smoothing: float = 0.0
    loss_name: str = "log_loss"
    classes: Array = field(default_factory=lambda: np.empty(0))
    is_multilabel: bool = False

    @property
    def loss(self) -> ClassLoss:
        """The cross-entropy of yes and no, or of one class out of many; or a squared error.

        The cross-entropy of a single class is zero.
        """
        if self.loss_name == "squared_error":
            return CLASS_LOSSES["brier_of_many" if self.is_one_of_many else "brier"]
        return CLASS_LOSSES["softmax" if self.is_one_of_many else "logistic"]

    @property
    def is_one_of_many(self) -> bool:
        """Whether there is an output for each class, of which one is right."""
        return len(self.classes) != 2 and not self.is_multilabel

    def check(self, y: Any, *, name: str = "y") -> Array:
        """Return labels of shape (n_samples,) or a dense indicator matrix."""
        with naming(name):
            y = check_array(
                as_labels(y, name),
                accept_sparse="csr",
                ensure_2d=False,
                dtype=None,
                input_name=name,
            )
            for piece in _pieces(y):
                kind = type_of_target(piece, input_name=name)
                if kind == "unknown":
                    raise ValueError(
                        f"Unknown label type: {name} must hold strings or numbers, got objects "
                        f"such as {piece.flat[0]!r}. Take .astype(str) or .astype(int) of it."
                    )
                if kind not in ("binary", "multiclass"):  # it finds the kind once more
                    check_classification_targets(piece)
        if kind.startswith("multilabel"):
            y = y.toarray() if issparse(y) else np.asarray(y)
            if not np.isin(y, (0, 1)).all():
                raise ValueError(
                    f"{name} with a column for each label must hold 0 and 1 alone, got "
                    f"{np.setdiff1d(y, (0, 1))[:5]}."
                )
            return y
        if kind == "multiclass-multioutput":
            raise ValueError(
                f"{name} must hold one class a sample or an indicator matrix of labels; several "
                "outputs of several classes are not supported, see sklearn.multioutput."
            )
        return column_or_1d(y, warn=True)

    def learn(self, y: Array) -> "Classes":
        """Take the classes in `y`."""
        is_multilabel = y.ndim == 2
        if is_multilabel:
            classes = np.arange(y.shape[1])
        else:
            classes = unique_labels(*_pieces(y)).astype(y.dtype, copy=False)
        return replace(self, classes=classes, is_multilabel=is_multilabel)

    def learn_part(self, y: Array, classes: Any) -> "Classes":
        """Take the `classes` named in the first call, or check that they still are the same."""
        labels, before = self, "on last call to partial_fit"
        if len(self.classes) == 0:
            if y.ndim == 2:
                labels, before = self.learn(y), "those of `y`"
            elif classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            else:
                return self.learn(self._check_named(classes))
        if classes is not None and not np.array_equal(
            np.unique(self._check_named(classes)), labels.classes
        ):
            raise ValueError(
                f"`classes={classes!r}` is not the same as {before}, was: {labels.classes!r}"
            )
        return labels

    def keep(self, y: Array) -> "Classes":
        """Return itself; raise unless `y` has all classes of the previous fit."""
        found = self.learn(y)
        if found.is_multilabel != self.is_multilabel or not np.array_equal(
            found.classes, self.classes
        ):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes}, `y` has {found.classes}."
            )
        return self

    def encode(
        self,
        y: Array,
        sample_weight: Array | None,
        dtype: DTypeLike,
        *,
        name: str,
        training: Targets | None = None,
    ) -> Targets:
        """Encode checked `y`, and multiply the weights of samples and classes."""
        n_classes, smoothing = len(self.classes), float(self.smoothing)
        if (y.ndim == 2) != self.is_multilabel or (y.ndim == 2 and y.shape[1] != n_classes):
            raise ValueError(
                f"{name} must have the form of the first y, of {n_classes} "
                f"{'labels' if self.is_multilabel else 'classes'}, got the shape {y.shape}."
            )
        if self.is_multilabel:
            columns = y.astype(np.uint8, copy=False)
        else:
            columns = self._codes(y, name).reshape(-1, 1)
        encoded: ClassTargets | DenseTargets
        strata: Array | None
        if self.is_one_of_many:
            encoded, strata = ClassTargets(columns, n_classes, smoothing), columns[:, 0]
        else:
            encoded = DenseTargets(columns, smoothing).astype(dtype)
            strata = None if self.is_multilabel else columns[:, 0]
        if self.class_weight is None:
            return Targets(encoded, strata, sample_weight, sample_weight, self.loss)
        columns = columns.astype(int, copy=False)
        class_weight = None if training is None else training.class_weight
        if class_weight is None:
            class_weight = self._weigh_classes(columns, sample_weight)
        weight = self._weigh_samples(columns, class_weight, sample_weight, dtype)
        return Targets(encoded, strata, sample_weight, weight, self.loss, class_weight)

    def decide(self, z: Array) -> Array:
        """From raw predictions to labels."""
        if self.is_multilabel:
            return (z > 0).astype(int)
        y = np.empty(len(z), self.classes.dtype)
        for block in pieces(len(z), AT_ONCE):
            is_one_of_many = self.is_one_of_many
            codes = z[block].argmax(axis=1) if is_one_of_many else (z[block, 0] > 0).astype(int)
            self.classes.take(codes, out=y[block], mode="clip")
        return y

    def logits(self, z: Array) -> Array:
        """A column for each class; ``s(-z)`` and ``s(z)`` are the probabilities of two."""
        return np.concatenate((-z, z), axis=1) if z.shape[1] < len(self.classes) else z

    def proba(self, z: Array) -> Array:
        """Probabilities of the classes, for many labels of each label."""
        return self.loss.proba(self.logits(z))

    def log_proba(self, z: Array) -> Array:
        """Logarithms of the probabilities."""
        return self.loss.log_proba(self.logits(z))

    def measure(self, draws: Iterable[Array]) -> dict[str, Array]:
        """Measures of uncertainty of raw predictions; each label is a question of its own."""
        if not self.is_multilabel:
            return measure_classes(map(self.log_proba, draws))
        log_proba = self.loss.log_proba
        yes_and_no = (np.stack([log_proba(-z), log_proba(z)], axis=-1) for z in draws)
        measures = measure_classes(yes_and_no)
        measures["mean_proba"] = measures["mean_proba"][..., 1]
        return measures

    def out_of_fold(self, z: Array) -> Array:
        """Probabilities of the classes."""
        return self.proba(z)

    def score(self, y: Array, targets: Array, weight: Array | None) -> Scorer:
        """Accuracy."""
        return lambda z, loss: float(accuracy_score(y, self.decide(z), sample_weight=weight))

    def attributes(self) -> dict[str, Any]:
        """What the classes are."""
        return {"classes_": self.classes, "_is_multilabel": self.is_multilabel}

    def _check_named(self, classes: Any) -> Array:
        """Return the argument `classes` as labels of shape (n_classes,)."""
        if np.ndim(classes) != 1:
            raise ValueError(
                "classes must be a list or an array of all labels that will come, got "
                f"{classes!r}. A set becomes a list by sorted(classes)."
            )
        return self.check(classes, name="classes")

    def _codes(self, y: Array, name: str) -> Array:
        """The numbers of the classes, of shape (n_samples,)."""
        codes = np.empty(len(y), np.min_scalar_type(len(self.classes) - 1))
        for piece, out in zip(_pieces(y), _pieces(codes), strict=True):
            unknown = np.setdiff1d(piece, self.classes)
            if len(unknown):
                raise ValueError(
                    f"`{name}` has classes not in `self.classes_`. `self.classes_` has "
                    f"{self.classes}. `{name}` has {unknown}."
                )
            out[:] = np.searchsorted(self.classes, piece)
        return codes

    def _weigh_classes(self, columns: Array, sample_weight: Array | None) -> list[Array]:
        """The weights of the classes, or of 0 and 1 for each label: an array for each column."""
        given = self.class_weight
        if isinstance(given, dict) and not self.is_multilabel:
            return [_read_weights("class_weight", given, self.classes)]
        if isinstance(given, str) or not self.is_multilabel:
            check_name("class_weight", given, ("balanced",), other=", None or a dict")
            n_classes = 2 if self.is_multilabel else len(self.classes)
            return [_balance(column, n_classes, sample_weight) for column in columns.T]
        is_list = isinstance(given, list | tuple) and len(given) > 0
        if not (is_list and all(isinstance(weights, dict) for weights in given)):
            raise TypeError(
                "class_weight must be None, 'balanced' or a list of dicts for many labels, got "
                f"{given!r}."
            )
        if len(given) != len(self.classes):
            raise ValueError(
                f"class_weight must have a dict for each of the {len(self.classes)} labels, got "
                f"{len(given)}."
            )
        return [
            _read_weights(f"class_weight[{i}]", weights, np.arange(2))
            for i, weights in enumerate(given)
        ]

    def _weigh_samples(
        self,
        columns: Array,
        class_weight: list[Array],
        sample_weight: Array | None,
        dtype: DTypeLike,
    ) -> Array:
        """The product of the weights by class, over all columns, and by sample if there are any."""
        by_column = [
            weights[column] for weights, column in zip(class_weight, columns.T, strict=True)
        ]
        with np.errstate(over="ignore"):
            weight = np.prod(by_column, axis=0).astype(dtype)
            if sample_weight is not None:
                weight *= sample_weight
            if not np.isfinite(weight.sum()):
                raise ValueError(
                    f"class_weight={self.class_weight!r} makes weights whose sum is too large for "
                    f"{weight.dtype}."
                )
        return weight


@dataclass(eq=False, slots=True)
class Numbers:
    """Numbers, of which there is nothing to learn.

    Attributes
    ----------
    loss_name : str
        The argument `loss` of the estimator.
    """

    out_of_fold_name: ClassVar[str] = "oof_prediction_"

    loss_name: str

    @classmethod
    def by_activation(cls, out_activation: str) -> "Numbers":
        """The numbers whose loss has this activation of the outputs."""
        names = {loss.out_activation: name for name, loss in NUMBER_LOSSES.items()}
        return cls(names[out_activation])

    @property
    def loss(self) -> NumberLoss:
        """The loss that the name stands for."""
        return NUMBER_LOSSES[self.loss_name]

    def check(self, y: Any, *, name: str = "y") -> Array:
        """Return numbers of shape (n_samples,) or (n_samples, n_outputs)."""
        with naming(name, words="Classes are for DropoutMLPClassifier."):
            y = check_array(y, dtype=np.float64, ensure_2d=False, input_name=name)
        if self.loss_name == "poisson" and y.min() < 0:
            raise ValueError(f"loss='poisson' needs {name} that is not negative, got {y.min()}.")
        return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def learn(self, y: Array) -> "Numbers":
        """Learn nothing."""
        return self

    def learn_part(self, y: Array, classes: None) -> "Numbers":
        """Learn nothing."""
        return self

    def keep(self, y: Array) -> "Numbers":
        """Accept all numbers."""
        return self

    def encode(
        self,
        y: Array,
        sample_weight: Array | None,
        dtype: DTypeLike,
        *,
        name: str,
        training: Targets | None = None,
    ) -> Targets:
        """A column an output."""
        with np.errstate(over="ignore"):  # standardised they may be small
            encoded = DenseTargets(y.reshape(len(y), -1), 0.0).astype(dtype)
        return Targets(encoded, None, sample_weight, sample_weight, self.loss)

    def decide(self, z: Array) -> Array:
        """From raw predictions to means."""
        y = self.loss.mean(z)
        return y[:, 0] if y.shape[1] == 1 else y

    def out_of_fold(self, z: Array) -> Array:
        """Means."""
        return self.decide(z)

    def score(self, y: Array, targets: Array, weight: Array | None) -> Scorer:
        """R2, which is the same in all units."""
        if len(targets) < 2:
            return lambda z, loss: nan
        return lambda z, loss: float(r2_score(targets, self.decide(z), sample_weight=weight))

    def attributes(self) -> dict[str, Any]:
        """Nothing was learned."""
        return {}


def as_labels(y: Any, name: str) -> Any:
    """Return `y` without types that know missing values; raise if there are any.

    Integers and booleans of pandas and Arrow would else become floats.
    """
    dtype = getattr(y, "dtype", None)
    plain = getattr(dtype, "numpy_dtype", None)
    if plain is not None and plain.kind in "iub" and not y.isna().any():
        return np.asarray(y, dtype=plain)
    if issparse(y) or (isinstance(dtype, np.dtype) and dtype.kind not in "OmM"):
        return y
    labels = np.asarray(y, dtype=object)
    n_missing = sum(map(_is_missing, labels.flat))
    if n_missing:
        raise ValueError(
            f"{name} must not have missing labels, got {n_missing} among {labels.size}. Leave "
            "these rows out, as by table.dropna(subset=...) before X and y are taken from it."
        )
    return y


def _is_missing(label: Any) -> bool:
    """Whether a label is None, NaN or what pandas has for them."""
    is_nan = isinstance(label, float) and label != label
    return label is None or is_nan or type(label).__name__ in ("NAType", "NaTType")


def _pieces(y: Any) -> list[Any]:
    """Labels cut into pieces to sort them one after the other; an indicator matrix as a whole."""
    if y.ndim != 1 or len(y) <= AT_ONCE:
        return [y]
    return [y[block] for block in pieces(len(y), AT_ONCE)]


def _read_weights(name: str, given: dict, classes: Array) -> Array:
    """The weights that a dict gives to classes, as an array; a class that it leaves out has 1.

    scikit-learn's own function makes integers of labels that are numbers.
    """
    labels = classes.tolist()
    for label, value in given.items():
        check_number(f"{name}[{label!r}]", value, 0)
    unknown = [label for label in given if label not in labels]
    missing = [label for label in labels if label not in given]
    if unknown and missing:
        raise ValueError(
            f"{name} has weights for {unknown}, which are no classes, and none for {missing}."
        )
    return np.array([float(given.get(label, 1.0)) for label in labels])


def _balance(codes: Array, n_classes: int, sample_weight: Array | None) -> Array:
    """The weight of each class with which all of them have the same sum.

    scikit-learn's own function refuses classes that are missing, as labels may be, and knows
    sample weights from 1.7 on only.
    """
    sums = np.bincount(codes, weights=sample_weight, minlength=n_classes)
    ideal = sums.sum() / np.count_nonzero(sums)
    return np.divide(ideal, sums, out=np.zeros(n_classes), where=sums > 0)
