"""
==================================
A rare class: weights or threshold
==================================

One row in twenty is positive, and the classes overlap. A network trained with the usual loss misses
many positives: a probability of a half is a high bar for a class so rare. What do class weights
gain, and what do they cost?
"""

import matplotlib.pyplot as plt
from scipy.stats import sem
from sklearn.base import clone
from sklearn.calibration import calibration_curve
from sklearn.datasets import make_classification
from sklearn.metrics import precision_recall_curve, precision_score, recall_score
from sklearn.model_selection import ShuffleSplit, TunedThresholdClassifierCV, cross_validate

from skdropout import DropoutMLPClassifier

table = dict(n_samples=12_000, n_features=10, n_informative=5, weights=[0.95], flip_y=0)
X, y = make_classification(**table, class_sep=0.8, random_state=0)

# %%
# Three models: the network as it is; the same with ``class_weight="balanced"``, by which both
# classes have the same weight in the loss; and the first with another threshold than a half, that
# of the highest balanced accuracy in cross-validation.

plain = DropoutMLPClassifier((64,), max_iter=30, cv=None, random_state=0)
models = {
    "no weights": plain,
    "balanced": clone(plain).set_params(class_weight="balanced"),
    "threshold": TunedThresholdClassifierCV(plain, scoring="balanced_accuracy", cv=3),
}
metrics = ["recall", "precision", "balanced_accuracy"]
options = dict(scoring=metrics, return_estimator=True, return_indices=True)
options["cv"] = ShuffleSplit(5, train_size=2000, random_state=0)
results = {name: cross_validate(model, X, y, **options) for name, model in models.items()}

# %%
# Means over five training sets of 2,000 rows, and what the weights change, with standard errors.
# They tell the luck of the training rows: the rows to test on are mostly the same.

for metric, sign in zip(metrics, [1, -1, 1], strict=True):
    scores = {name: result["test_" + metric] for name, result in results.items()}
    change = scores["balanced"] - scores["no weights"]
    print(metric, {name: f"{score.mean():.3f}" for name, score in scores.items()})
    print(f"    by weights: {change.mean():+.3f} ± {sem(change):.3f}")
    assert sign * change.mean() > 2 * sem(change)

# %%
# One of the five. Left, weights and threshold both move along a curve of precision and recall, and
# the two curves are nearly the same. Right, the price of the weights: probabilities as if half of
# all rows were positive. With the threshold they are still those of the network without weights.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.8), layout="constrained")
for (name, result), color in zip(results.items(), ["#0072b2", "#d55e00", "#009e73"], strict=True):
    model, test = result["estimator"][0], result["indices"]["test"][0]
    proba, pred = model.predict_proba(X[test])[:, 1], model.predict(X[test])
    point = recall_score(y[test], pred), precision_score(y[test], pred)
    left.plot(*point, "o", color=color, markersize=9, label=name, zorder=3)
    if name != "threshold":
        precision, recall, _ = precision_recall_curve(y[test], proba)
        left.plot(recall, precision, color=color)
        frequency, mean = calibration_curve(y[test], proba, n_bins=8)
        right.plot(mean, frequency, "o-", color=color, label=name)
left.set(xlabel="Recall", ylabel="Precision", title="Decisions on 10,000 other rows")
left.legend(loc="lower left")
right.axline((0, 0), slope=1, color="black", linestyle=":", label="calibrated")
right.set(xlabel="Predicted probability", ylabel="Frequency of positives", title="Probabilities")
right.legend(loc="upper left")
plt.show()

# %%
# With balanced weights recall and balanced accuracy rose and precision fell, each by more than two
# standard errors. A threshold does much the same and leaves the probabilities as they are.
