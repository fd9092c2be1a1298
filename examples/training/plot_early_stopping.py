"""
================================
Early stopping inside a pipeline
================================

With ``early_stopping=True`` a network holds out a tenth of its samples and stops when the loss on
them no longer improves. Often there are validation samples already, such as later patients. They go
into ``fit`` as ``X_val`` and ``y_val``, and decide in place of the tenth. But a pipeline transforms
``X`` alone. Who transforms ``X_val``?
"""

import matplotlib.pyplot as plt
import numpy as np
import sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PowerTransformer

from skdropout import DropoutMLPClassifier
from skdropout.inspection import TrainingCurveDisplay

X, y = load_breast_cancer(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)

# %%
# The pipeline does, if ``transform_input`` names it and metadata routing is on: ``set_fit_request``
# says that the network wants the validation samples. Columns with a long tail are made more even by
# a power that is learnt from the training samples. The number of epochs has a bound only.

network = DropoutMLPClassifier(
    scoring="loss", n_iter_no_change=20, batch_size=32, max_iter=500, random_state=0
)
with sklearn.config_context(enable_metadata_routing=True):
    network.set_fit_request(X_val=True, y_val=True)
    steps = [("power", PowerTransformer()), ("network", network)]
    model = Pipeline(steps, transform_input=["X_val"])
    model.fit(X_train, y_train, X_val=X_val, y_val=y_val)

# %%
# What stopped it is the loss on the validation samples, the log-loss:

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
TrainingCurveDisplay.from_estimator(model, ax=ax, learning_rate=False)
ax.set_title("Training goes on for some epochs after the best one")
plt.show()

# %%
# The network goes back to its best epoch: the finished pipeline, which transforms what it predicts,
# has on the validation samples the loss of that epoch.

losses = network.history_["validation_loss"]
loss = log_loss(y_val, model.predict_proba(X_val))
print(f"best epoch {np.argmin(losses) + 1}, loss {min(losses):.4f}")
print(f"last epoch {network.n_iter_}, loss {losses[-1]:.4f}")
print(f"finished pipeline, loss {loss:.4f}")
assert np.isclose(loss, min(losses))
assert np.isclose(loss, -network.best_validation_score_)
assert loss < losses[-1]
assert network.n_iter_ < 250

# %%
# Training ended before half of the 500 epochs, and what predicts is the network of the best epoch.
# Its validation loss chose the epoch, so it is optimistic: test on samples that had no part in it.
