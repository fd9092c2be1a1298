"""The classifier: class labels in, class labels and probabilities out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from skdropout._base import BaseDropoutMLP
from skdropout._batches import BinaryTargets, ClassTargets
from skdropout._buffers import Array
from skdropout._checks import check_name, check_number
from skdropout._losses import LOSSES, Loss


@dataclass(frozen=True)
class Targets:
    """What `y` and the weights turn into.

    `strata` are the classes to split a validation set by, None for many labels; `weight` is the
    product of sample and class weights, None where all are one.
    """

    encoded: ClassTargets | BinaryTargets
    strata: Array | None
    weight: Array | None
    loss: Loss


@dataclass(eq=False, repr=False)
class DropoutMLPClassifier(ClassifierMixin, BaseDropoutMLP):
    """docstring below."""

    label_smoothing: float = 0.0
    class_weight: Any = None

    def fit(self, X, y, sample_weight=None):
        """Train the network from new weights, or go on with the old ones if `warm_start` is set.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training data. float32 is kept, everything else becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels of any type, or an indicator matrix of many labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples; None stands for ones. A row of weight zero is
            left out.

        Returns
        -------
        self : DropoutMLPClassifier
            The fitted classifier.

        Raises
        ------
        ValueError, TypeError
            If an argument of the constructor, the data or the weights are not as they should be,
            before any training; or if the training diverges. What an earlier `fit` left is kept.
        """
        return self._fit(X, y, sample_weight)

    def predict(self, X):
        """Predict class labels, with the whole network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The most probable class of each sample, or an indicator matrix.
        """
        return self._decide(self._raw_predict(X))

    def decision_function(self, X):
        """Compute the logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        z : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Log-odds of ``classes_[1]`` for two classes; one column a class before the softmax for
            more; log-odds of each label for many labels.
        """
        z = self._raw_predict(X)
        return z[:, 0] if z.shape[1] == 1 else z

    def predict_proba(self, X):
        """Estimate class probabilities, with the whole network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; for many labels, the probability of each.
        """
        z = self._both_logits(self._raw_predict(X))
        return LOSSES[self.out_activation_].proba(z)

    def predict_log_proba(self, X):
        """Estimate the logarithm of class probabilities; finite wherever the logits are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; for many labels, of the probability of each.
        """
        z = self._both_logits(self._raw_predict(X))
        return LOSSES[self.out_activation_].log_proba(z)

    @staticmethod
    def _both_logits(z):
        """``s(-z)`` and ``s(z)`` are the probabilities of the two classes."""
        return np.hstack([-z, z]) if z.shape[1] == 1 else z

    def _decide(self, z):
        """From raw predictions to labels."""
        if self.out_activation_ == "softmax":
            return self.classes_[z.argmax(axis=1)]
        positive = (z > 0).astype(int)
        return positive if self._is_multilabel else self.classes_[positive[:, 0]]

    def _validation_score(self, y, weight):
        """Accuracy as a function of what a validation has at hand."""
        return lambda z, loss: accuracy_score(y, self._decide(z), sample_weight=weight)

    def _read_targets(self, y, sample_weight, dtype, goes_on) -> Targets:
        """Check and encode `y`; set `classes_`."""
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind.startswith("multilabel"):
            return self._read_labels(y, sample_weight, dtype, goes_on)
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y must hold one class a sample or an indicator matrix of labels; several outputs "
                "of several classes are not supported, see sklearn.multioutput."
            )
        y = column_or_1d(y, warn=True)
        encoder = LabelEncoder().fit(y)
        classes, codes = encoder.classes_, encoder.transform(y)
        if goes_on and not np.array_equal(classes, self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}."
            )
        weight = self._weigh_classes(codes, classes, sample_weight, dtype)
        present = np.unique(codes if weight is None else codes[weight > 0])
        if len(present) < 2:
            raise ValueError(
                "y must hold samples of at least two classes, got one class (of positive weight): "
                f"{classes[present]}."
            )
        self.classes_ = classes
        self._is_multilabel = False
        smoothing = float(self.label_smoothing)
        if len(classes) > 2:
            encoded = ClassTargets(codes, len(classes), smoothing, dtype)
            return Targets(encoded, codes, weight, LOSSES["softmax"])
        encoded = BinaryTargets(codes.reshape(-1, 1), smoothing, dtype)
        return Targets(encoded, codes, weight, LOSSES["logistic"])

    def _read_labels(self, y, sample_weight, dtype, goes_on) -> Targets:
        """Encode an indicator matrix."""
        y = y.toarray() if sparse.issparse(y) else np.asarray(y)
        classes = np.arange(y.shape[1])
        if goes_on and not np.array_equal(classes, self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same labels as in the previous "
                f"call to fit. Previously got {len(self.classes_)}, `y` has {len(classes)}."
            )
        weight = sample_weight
        if self.class_weight is not None:
            weight = compute_sample_weight(self.class_weight, y).astype(dtype)
            weight = weight if sample_weight is None else weight * sample_weight
        self.classes_ = classes
        self._is_multilabel = True
        encoded = BinaryTargets(y, float(self.label_smoothing), dtype)
        return Targets(encoded, None, weight, LOSSES["logistic"])

    def _weigh_classes(self, codes, classes, sample_weight, dtype):
        """The product of sample and class weights; "balanced" gives each class the same sum."""
        if self.class_weight is None:
            return sample_weight
        if isinstance(self.class_weight, dict):
            unknown = [label for label in self.class_weight if label not in classes]
            if unknown:
                raise ValueError(f"class_weight must name classes of {classes}, got {unknown}.")
            for label, value in self.class_weight.items():
                check_number(f"class_weight[{label!r}]", value, 0, np.inf, closed="[)")
            of_class = np.array([self.class_weight.get(label, 1.0) for label in classes.tolist()])
        else:
            check_name("class_weight", self.class_weight, ("balanced",), other=", None or a dict")
            sums = np.bincount(codes, weights=sample_weight, minlength=len(classes))
            of_class = sums.sum() / (len(classes) * np.maximum(sums, np.finfo(float).tiny))
        weight = of_class[codes].astype(dtype)
        return weight if sample_weight is None else weight * sample_weight

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
