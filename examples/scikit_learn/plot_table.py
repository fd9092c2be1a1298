"""
================================
From a CSV file to a tuned model
================================

A table as tables come: numbers, a category, missing values. One pipeline prepares it and trains the
network, so that in cross-validation and in a search nothing is learnt from rows that are scored.
Which columns does the tuned model rely on?
"""

from io import StringIO

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import sem
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from skdropout import DropoutMLPRegressor

# %%
# A file is made: the diabetes data in their own units, letters for the sex, 3 % of entries lost.

table = load_diabetes(as_frame=True, scaled=False).frame
table["sex"] = table["sex"].map({1: "a", 2: "b"})
lost = np.random.default_rng(0).random(table.shape) < 0.03
file = StringIO(table.mask(lost).to_csv(index=False))

# %%
# From here on it could be one's own. A quarter of the rows that have a target is set aside.

table = pd.read_csv(file).dropna(subset="target")
X, y = table.drop(columns="target"), table["target"]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
X_train.head()

# %%
# Gaps in numbers get the median, a missing category is one of its own. The units of the columns and
# of the target don't matter. As cross-validation and search have folds of their own, ``cv=None``
# makes it a single network each time.

numbers = SimpleImputer(strategy="median")
categories = OneHotEncoder(handle_unknown="ignore")
prepare = make_column_transformer((numbers, list(X.columns.drop("sex"))), (categories, ["sex"]))
network = DropoutMLPRegressor(cv=None, max_iter=100, random_state=0)
model = Pipeline([("prepare", prepare), ("net", network)])
scores = cross_val_score(model, X_train, y_train)
print(f"R2 before tuning, five-fold: {scores.mean():.2f} ± {sem(scores):.2f}")

# %%
# By default the regressor drops nothing. A search over rates and sizes:

grid = {
    "net__dropout_rate": [0, 0.2, 0.5],
    "net__hidden_layer_sizes": [(50,), (100,), (50, 50)],
}
search = GridSearchCV(model, grid).fit(X_train, y_train)
print(*search.best_params_.values(), f"R2 {search.best_score_:.2f}, picked and so optimistic")
print(f"R2 on the {len(y_test)} rows set aside: {search.score(X_test, y_test):.2f}")

# %%
# How much R2 falls when a column is shuffled, so that its values belong to other rows. If columns
# tell nearly the same, as ``s1`` and ``s2`` do, each may look less important than both are.

importance = permutation_importance(search, X_test, y_test, n_repeats=20, random_state=0)
mean, spread = importance.importances_mean, importance.importances_std
order = np.argsort(mean)
figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
ax.barh(X.columns[order], mean[order], xerr=spread[order], color="#56b4e9")
ax.set(xlabel="Fall of R2, mean ± standard deviation of 20 shuffles", ylabel="Column")
plt.show()
assert set(X.columns[order[-2:]]) == {"bmi", "s5"}

# %%
# The model relies most on two columns: ``bmi``, the body mass index, and the blood value ``s5``.
