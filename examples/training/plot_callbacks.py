"""
==================================
Watching a network while it learns
==================================

Each epoch is a task of scikit-learn's callbacks (1.9 or newer, experimental): they are told of its
end and get the network as it is at that time. Here one callback keeps scores and another one, of a
few lines, the length of the weights. Does watching change what is learnt?
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.callback import FitCallback, ScoringMonitor
from sklearn.datasets import load_digits

from skdropout import DropoutMLPClassifier

X, y = load_digits(return_X_y=True)
arguments = dict(learning_rate="cosine", max_iter=30, cv=None, random_state=0)
network = DropoutMLPClassifier((100, 50), **arguments)

# %%
# A callback of one's own. The methods that it doesn't need come from ``FitCallback``. What it needs
# it asks for by name: ``X``, ``y``, ``metadata`` or ``fitted_estimator``, a copy that predicts as
# if training had ended here. If it returned True, training would end.


class WeightNorms(FitCallback):
    def setup(self, estimator, context):
        self.norms = []

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch":
            self.norms.append([np.linalg.norm(W) for W in fitted_estimator.coefs_])


# %%
# ``ScoringMonitor`` keeps any scores of scikit-learn, on the samples given to ``fit``. In a
# terminal ``ProgressBar()`` from the same module shows how far training has come; it needs the
# package rich. With ``max_propagation_depth=None`` it reaches into pipelines and grid searches.

monitor, weights = ScoringMonitor(scoring=["accuracy", "neg_log_loss"]), WeightNorms()
watched = clone(network).set_callbacks(monitor, weights).fit(X, y)
epochs = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
print(epochs[-1])

# %%
# What they have written down:

numbers = np.arange(1, 31)
figure, (top, bottom) = plt.subplots(2, sharex=True, figsize=(7, 6), layout="constrained")
top.plot(numbers, [row["accuracy"] for row in epochs], color="#0072b2", label="accuracy")
top.plot(numbers, [-row["neg_log_loss"] for row in epochs], color="#d55e00", label="log-loss")
top.set(ylabel="Score on the training data", ylim=0)
top.legend()
for i, norm in enumerate(np.transpose(weights.norms)):
    bottom.plot(numbers, norm, label=f"layer {i + 1}", color=["#009e73", "#cc79a7", "#e69f00"][i])
bottom.set(xlabel="Epoch", ylabel="Norm of the weights", ylim=0)
bottom.legend(loc="lower center", ncols=3)
plt.show()

# %%
# Beside them, the same training with nobody watching:

alone = network.fit(X, y)
assert len(epochs) == len(weights.norms) == watched.n_iter_ == 30
assert epochs[-1]["accuracy"] == watched.score(X, y)
assert all(map(np.array_equal, watched.coefs_, alone.coefs_))

# %%
# There is a record of each of the 30 epochs, and the last score is that of the finished network.
# Its weights are the same, bit for bit, as those of a training without callbacks.
