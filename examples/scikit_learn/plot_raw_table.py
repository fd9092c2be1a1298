"""
======================
A table, just as it is
======================

Blood pressure, a sex of 1 or 2, blood values of very different size: 442 patients with diabetes, in
the units of the file. The question is whether the disease has gone on further after a year than in
half of the patients. The network gets the columns as they are, and nothing is tuned. How good is
it, does it know that, and may one believe its probabilities?
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from skdropout import DropoutMLPClassifier

X, progression = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
y = progression > progression.median()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
print(X_train.describe().loc[["mean", "std"]].round(1))

# %%
# Five networks, each trained without a fifth of the rows. What they say of the rows that they have
# not seen decided when to stop, and its score comes with the fit:

network = DropoutMLPClassifier(random_state=0).fit(X_train, y_train)
accuracy = accuracy_score(y_test, network.predict(X_test))
error = np.sqrt(accuracy * (1 - accuracy) / len(y_test))
print(f"accuracy out of fold {network.oof_score_:.3f}, on new rows {accuracy:.3f} ± {error:.3f}")
assert len(network.estimators_) == 5
assert abs(network.oof_score_ - accuracy) < 2 * error

# %%
# Probabilities for all 442 rows, none of which comes from a network that was trained on its row.
# Sorted into groups of equal size, they should be as large as the part of the patients with a yes:

proba = np.append(network.oof_decision_function_[:, 1], network.predict_proba(X_test)[:, 1])
truth = np.append(y_train, y_test)
groups = np.array_split(np.argsort(proba), 6)
mean = np.array([proba[rows].mean() for rows in groups])
frequency = np.array([truth[rows].mean() for rows in groups])
error = np.array([np.sqrt((proba[rows] * (1 - proba[rows])).sum()) / len(rows) for rows in groups])
print(np.c_[mean, frequency, error].round(2))
assert (abs(frequency - mean) < 3 * error).all()

# %%
# Left these groups, with two standard errors; right how sure the network was of its answer, and how
# often it was right then:

sure = np.maximum(proba, 1 - proba)
is_right = (proba > 0.5) == truth
edges = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
left.axline((0, 0), slope=1, color="black", linewidth=0.8)
left.errorbar(mean, frequency, yerr=2 * error, fmt="o", color="#0072b2", capsize=3)
left.set(xlabel="Probability of a yes", ylabel="Part of the patients with a yes")
left.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
right.hist(
    [sure[is_right], sure[~is_right]],
    edges,
    stacked=True,
    color=["#0072b2", "#d55e00"],
    label=["right", "wrong"],
)
right.set(xlabel="Probability of the answer", ylabel="Patients", xticks=edges)
right.margins(y=0.2)
right.legend(loc="upper left", ncols=2)
plt.show()
print(f"right: {100 * is_right[sure <= 0.7].mean():.0f} % of the answers of up to 0.7, ", end="")
print(f"{100 * is_right[sure > 0.8].mean():.0f} % of those above 0.8")
assert is_right[sure > 0.8].mean() > is_right[sure <= 0.7].mean() + 0.15

# %%
# The score out of fold was within two standard errors of the one on new rows. In each group the
# part with a yes was within three standard errors of the mean probability, and where the network
# was surer it was right more often.
