"""
=============================
Out of Python: export to ONNX
=============================

Training needs Python, a trained network need not. `ONNX <https://onnx.ai>`_ is a file format for
models, and runtimes for many languages read it. There is a converter for scikit-learn's own
network, and ``to_sklearn`` turns a network with dropout into one, an ensemble into a vote of such.
Are the predictions the same?
"""

import matplotlib.pyplot as plt
import numpy as np
from onnxruntime import InferenceSession
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdropout import DropoutMLPClassifier

X, y = load_digits(return_X_y=True)
X = X.astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# All in float32, as is usual with ONNX. Three networks, each judged by a third of the rows:

model = DropoutMLPClassifier((100, 50), dropout_rate=0.2, cv=3, random_state=0)
model.fit(X_train, y_train)
print(f"accuracy {model.score(X_test, y_test):.3f}")

# %%
# The same as a ``VotingClassifier`` of three ``MLPClassifier``. Dropout belongs to the training and
# leaves no trace, and means and scales of the columns are part of the first weights already. A
# row tells the converter number and type of the columns, and without ``zipmap`` the probabilities
# come as an array.

vote = model.to_sklearn()
graph = to_onnx(vote, X[:1], options={"zipmap": False})
content = graph.SerializeToString()
n_numbers = sum(p.size for mlp in vote.estimators_ for p in mlp.coefs_ + mlp.intercepts_)
print(f"{n_numbers} weights and biases, {len(content)} bytes")

# %%
# What would be a file is run right here, by a runtime that knows nothing of scikit-learn:

session = InferenceSession(content, providers=["CPUExecutionProvider"])
labels, proba = session.run(["label", "probabilities"], {"X": X_test})
ours = model.predict_proba(X_test)
print(f"largest difference of a probability: {np.abs(proba - ours).max():.1e}")
assert np.array_equal(labels, model.predict(X_test))
assert np.allclose(proba, ours, rtol=0, atol=1e-5)

# %%
# All probabilities of all classes, and how many steps they are apart. A step is the distance from
# one float32 number to the next, about 1e-7 of the number itself:

steps = np.rint((proba - ours) / np.spacing(ours)).astype(int)
figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
ax.bar(*np.unique(steps, return_counts=True), color="#0072b2")
ax.set(xlabel="ONNX minus skdropout, in steps of float32", ylabel="Number of probabilities")
plt.show()

# %%
# The labels are the same, and no probability differs by more than 0.00001: what is left is the
# rounding of float32.
