"""
==============================
May one believe a probability?
==============================

Of 100 predictions that are made with a probability of 0.7, seventy should be right. For a single
class scikit-learn's ``CalibrationDisplay`` shows whether that is so; here it is three: 442 patients
with diabetes, whose disease went on little, more or much within a year. With an ensemble no rows
have to be set aside for it.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_predict
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier
from skdropout.inspection import ReliabilityDisplay

X, progression = load_diabetes(return_X_y=True, scaled=False)
thirds = np.quantile(progression, [1 / 3, 2 / 3])
y = np.array(["little", "more", "much"])[np.digitize(progression, thirds)]

# %%
# Each of the five networks has predicted the rows that it was not trained on. Beside them
# scikit-learn's network on as many folds. Its warning after 200 epochs asks for more of them, and
# it gets 500:

warnings.filterwarnings("ignore", "Stochastic Optimizer: Maximum", ConvergenceWarning)
network = DropoutMLPClassifier(random_state=0).fit(X, y)
theirs = make_pipeline(StandardScaler(), MLPClassifier(max_iter=500, random_state=0))
proba = cross_val_predict(theirs, X, y, cv=5, method="predict_proba")

# %%
# The confidence is the probability of the predicted class. Points below the diagonal are
# predictions that were made too boldly; their bars are a standard error either way, and the grey
# ones below are the numbers of patients, of the ensemble:

figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
ours = ReliabilityDisplay.from_oof(network, y, ax=ax)
other = ReliabilityDisplay.from_predictions(y, proba, name="MLPClassifier", counts=False, ax=ax)
ax.set_title("Progression of diabetes: how often predictions are right")
plt.show()

# %%
# The distance from the diagonal, weighted by the patients in each bin, is the expected calibration
# error:

for name, display in {"ours, out of fold": ours, "MLPClassifier": other}.items():
    accuracy = np.average(display.accuracy, weights=display.count)
    error = display.expected_calibration_error
    print(f"{name:<18} accuracy {accuracy:.3f}, expected calibration error {error:.3f}")
assert ours.expected_calibration_error < other.expected_calibration_error / 2

# %%
# The ensemble knows how often it is wrong: no bin is far from the diagonal. The logits of its
# networks were multiplied by one factor, chosen on these rows, so its error is slightly optimistic.
# The other network has learnt its training rows almost by heart, and is far too sure of the others.
