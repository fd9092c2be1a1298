"""
=================================
A search, and how far to trust it
=================================

A grid search over the dropout rate and the size of the network, by ten-fold cross-validation on 208
sonar echoes, ends with a best cell. How much better is it than the others, and is its score the one
to expect on new echoes?
"""

import matplotlib.pyplot as plt
import numpy as np
from joblib import parallel_config
from scipy.stats import sem
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score

from skdropout import DropoutMLPClassifier
from skdropout.datasets import load_sonar
from skdropout.inspection import SearchDisplay

X, y = load_sonar(return_X_y=True)

# %%
# The search has folds of its own, so ``cv=None`` makes each candidate a single network. The echoes
# come sorted by class, so the folds are shuffled. Where nothing is held out, the learning rate
# falls to zero in epoch ``max_iter``: thirty epochs are a short training, not one that is cut off.
# With joblib's backend "skdropout" the ninety small networks are trained in stacks, those of a size
# and a kind together, and the scores are those of one fit after the other:

network = DropoutMLPClassifier(max_iter=30, cv=None, random_state=0)
grid = {
    "dropout_rate": [0, 0.2, 0.5],
    "hidden_layer_sizes": [(30,), (60,), (60, 30)],
}
folds = StratifiedKFold(10, shuffle=True, random_state=0)
search = GridSearchCV(network, grid, cv=folds, scoring="accuracy")
with parallel_config("skdropout"):
    search.fit(X, y)
print(search.best_params_)

# %%
# The whole grid, the best cell framed. The standard errors are rough, as the training sets of the
# folds overlap:

display = SearchDisplay.from_search(search)
display.ax_.set_title("Sonar: ten-fold accuracy over rates and sizes")
plt.show()

# %%
# How many cells come so close to the best that its lead may be luck, the best itself included:

mean, error, best = display.mean, display.error, display.best
for n_errors in 1, 2:
    n_close = np.count_nonzero(mean >= mean[best] - n_errors * error[best])
    print(f"within {n_errors} x the standard error of the best: {n_close} of {mean.size} cells")
assert n_close > 1

# %%
# The best of nine scores was picked for being the highest, so it is optimistic. Nested
# cross-validation repeats the whole search without each of the outer folds and scores what it finds
# on that fold, which had no part in the choice (`Cawley and Talbot, 2010
# <https://jmlr.org/papers/v11/cawley10a.html>`_). With five folds it trains on fewer rows, too:

inner = StratifiedKFold(5, shuffle=True, random_state=0)
outer = StratifiedKFold(5, shuffle=True, random_state=1)
with parallel_config("skdropout"):
    nested = cross_val_score(search.set_params(cv=inner), X, y, cv=outer)
print(f"best cell: {mean[best]:.3f} ± {error[best]:.3f}")
print(f"nested:    {nested.mean():.3f} ± {sem(nested):.3f}")

# %%
# The best cell does not stand alone: others lie within two standard errors of it, so the search
# rules out bad settings rather than finding the one that is best. The score to report is the nested
# one; by how much the other is optimistic, 208 echoes are too few to tell.
