"""
==================================
Rock or mine: is dropout worth it?
==================================

208 sonar echoes in 60 frequency bands, thrown back by rocks or by mines: a small table, which a
network of a few thousand weights learns by heart. Dropout is meant to help. Does it, and by more
than chance? Three networks known from Keras tutorials are compared, then a grid search looks for
the best dropout rate and size. All accuracies are percentages, each with its standard error.
"""

import warnings
from math import sqrt
from pathlib import Path

import joblib
import numpy as np
from scipy.stats import sem
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier
from skdropout.datasets import load_sonar

X, y = load_sonar(return_X_y=True)

# %%
# Three networks
# --------------
# As in the tutorials, all train for 300 epochs, and dropout comes with a higher learning rate and
# a limit on the weights: a gain need not be due to dropout alone. One seed a repeat decides the
# folds, the first weights and the dropout.

N_REPEATS = 4
BASIC = dict(
    hidden_layer_sizes=(60, 30),
    dropout_rate=0,
    solver="sgd",
    nesterovs_momentum=False,
    alpha=0,
    label_smoothing=0,
    learning_rate="constant",
    batch_size=16,
    max_iter=300,
    n_iter_no_change=np.inf,
)
BOLD = BASIC | dict(learning_rate_init=0.1, momentum=0.9, max_norm=3)
NETWORKS = {
    "no dropout": BASIC | dict(learning_rate_init=0.01, momentum=0.8),
    "input dropout 0.2": BOLD | dict(input_dropout_rate=0.2),
    "hidden dropout 0.2": BOLD | dict(dropout_rate=0.2),
}


def find_hits(arguments, X, y, seed):
    """100 for each sample that a network trained without it classifies correctly, else 0."""
    network = DropoutMLPClassifier(**arguments, random_state=seed)
    model = make_pipeline(StandardScaler(), network)
    folds = StratifiedKFold(10, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Stopping after 300 epochs is the plan. The filter stands in here because the function runs
        # in worker processes, and those do not know the filters of the main one.
        warnings.filterwarnings("ignore", ".*Maximum iterations", ConvergenceWarning)
        return 100.0 * (cross_val_predict(model, X, y, cv=folds) == y)


def describe(name, hits):
    """One line of the table, from hits of shape (n_repeats, n_samples)."""
    accuracy = hits.mean()
    binomial = sqrt(accuracy * (100 - accuracy) / hits.shape[1])
    return f"{name:<18} {accuracy:9.1f}   ± {sem(hits.mean(axis=1)):.1f}       ± {binomial:.1f}"


def judge(gain, error):
    """Say whether a gain in accuracy is larger than twice its standard error."""
    judgement = "within two standard errors, perhaps chance"
    if abs(gain) > 2 * error:
        judgement = f"a {'gain' if gain > 0 else 'loss'} of more than two standard errors"
    return f"{gain:+.1f} ± {error:.1f} points, {judgement}"


print(f"{N_REPEATS} times 10-fold cross-validation, accuracy in %")
print(f"{'':<18}  accuracy   ± repeats   ± echoes")
hits = {}
for name, arguments in NETWORKS.items():
    repeats = (joblib.delayed(find_hits)(arguments, X, y, seed) for seed in range(N_REPEATS))
    hits[name] = np.array(joblib.Parallel(n_jobs=-1)(repeats))
    print(describe(name, hits[name]), flush=True)

print(f"repeats: the luck of the folds and the first weights, given these {len(y)} echoes")
print(f"echoes:  the luck of having recorded these {len(y)} and no others")

# %%
# The folds of one repeat share their data, so the first standard error is taken over the means of
# the repeats. They all use the same 208 echoes, which it takes for granted; so there is a second,
# that of a binomial proportion. Gains are measured echo by echo, on the same folds, and judged
# against either kind of luck.

print("\nGain over no dropout")
for name in list(NETWORKS)[1:]:
    gain = hits[name] - hits["no dropout"]
    print(f"{name:<18}  repeats:", judge(gain.mean(), sem(gain.mean(axis=1))))
    print(f"{'':<18}  echoes: ", judge(gain.mean(), sem(gain.mean(axis=0))))

# %%
# Rates and sizes
# ---------------
# Adam and a learning rate that rises once and falls again make do with 100 epochs. Such a training
# has a planned end, so reaching it raises no warning. One round of folds has to do: its standard
# errors are rough, as the training sets of the folds overlap.

RATES = [0.0, 0.1, 0.2, 0.3, 0.5]
SIZES = [(15,), (30,), (60,), (60, 30)]

network = DropoutMLPClassifier(
    batch_size=32,
    learning_rate="one_cycle",
    learning_rate_init=0.005,
    max_iter=100,
    random_state=0,
)
model = make_pipeline(StandardScaler(), network)
own = "dropoutmlpclassifier__"
grid = {own + "dropout_rate": RATES, own + "hidden_layer_sizes": SIZES}
search = GridSearchCV(model, grid, cv=StratifiedKFold(10, shuffle=True, random_state=0))
print(f"\nGrid search: {len(RATES)} rates x {len(SIZES)} sizes x 10 folds", flush=True)
with joblib.parallel_config(n_jobs=-1, verbose=8):  # shows how far the search has come
    search.fit(X, y)


def fold_scores(search, rates, sizes):
    """Accuracies of shape (n_folds, n_rates, n_sizes); the grid's last parameter varies fastest."""
    folds = [search.cv_results_[f"split{i}_test_score"] for i in range(search.n_splits_)]
    return 100 * np.reshape(folds, (-1, len(rates), len(sizes)))


def tabulate(rates, sizes, scores):
    """Mean and standard error of each cell of the grid, a star at the best."""
    mean, error = scores.mean(axis=0), sem(scores)
    lines = ["rate \\ size " + "".join(f"{size!s:>13} " for size in sizes)]
    for i, rate in enumerate(rates):
        stars = np.where(mean[i] == mean.max(), "*", " ")
        cells = zip(mean[i], error[i], stars, strict=True)
        lines.append(f"{rate:12}" + "".join(f"{m:7.1f} ± {e:.1f}{s}" for m, e, s in cells))
    return "\n".join(line.rstrip() for line in lines)


def take_best(scores):
    """The scores of the cell with the best mean, of shape (n_folds,)."""
    cells = scores.reshape(len(scores), -1)
    return cells[:, cells.mean(axis=0).argmax()]


def conclude(rates, sizes, scores):
    """Say what the grid shows."""
    mean, error = scores.mean(axis=0), sem(scores)
    i, j = best = np.unravel_index(mean.argmax(), mean.shape)
    n_close = np.count_nonzero(mean >= mean[best] - error[best])
    dropped = np.array(rates) > 0
    with_dropout, without = scores[:, dropped], scores[:, ~dropped]
    gain = take_best(with_dropout) - take_best(without)
    return (
        f"Best: rate {rates[i]}, size {sizes[j]}. "
        f"Picked for its score, so the {mean[best]:.1f} % are optimistic.\n"
        f"Within one standard error of the best: {n_close} of {mean.size} cells, itself included.\n"
        f"Best of {with_dropout[0].size} with dropout over best of {without[0].size} without:\n"
        f"{judge(gain.mean(), sem(gain))}."
    )


scores = fold_scores(search, RATES, SIZES)
print("\nAccuracy in %, mean ± standard error over the folds, * the best")
print(tabulate(RATES, SIZES, scores))
print(conclude(RATES, SIZES, scores))

# %%
# The same as a picture
# ---------------------


def draw(rates, sizes, scores):
    """Draw a heat map of the grid, the best cell in bold, and return the figure."""
    import matplotlib.pyplot as plt

    mean, error = scores.mean(axis=0), sem(scores)
    # The colours reach two standard errors to either side, lest chance look like a landscape.
    margin = max(2 * error.mean(), np.ptp(mean) / 2)
    middle = (mean.min() + mean.max()) / 2
    figure, ax = plt.subplots(figsize=(7, 5.5), layout="constrained")
    mesh = ax.pcolormesh(mean, cmap="Blues", edgecolors="white", linewidth=3)
    mesh.set_clim(middle - margin, middle + margin)
    for (i, j), value in np.ndenumerate(mean):
        color = "white" if mesh.norm(value) > 0.7 else "black"
        weight = "bold" if value == mean.max() else "normal"
        style = dict(color=color, weight=weight, size=11, ha="center", va="center")
        ax.text(j + 0.5, i + 0.5, f"{value:.1f}\n± {error[i, j]:.1f}", **style)
    ax.set_xticks(np.arange(len(sizes)) + 0.5, [str(size) for size in sizes])
    ax.set_yticks(np.arange(len(rates)) + 0.5, [str(rate) for rate in rates])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="hidden_layer_sizes", ylabel="dropout_rate")
    ax.set_title(f"Sonar: accuracy in %, mean ± standard error over {len(scores)} folds")
    figure.colorbar(mesh, label="mean accuracy in %").outline.set_visible(False)
    return figure


try:
    figure = draw(RATES, SIZES, scores)
except ModuleNotFoundError:
    print("\nNo heat map without matplotlib: pip install 'skdropout[plot]'")
else:
    path = Path("sonar_grid.png").resolve()
    figure.savefig(path, dpi=150)
    print(f"\nHeat map: {path}")
