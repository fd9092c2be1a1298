"""Use the installed package as somebody who only has it would: check_wheel.py, run anywhere."""

import pickle
import sys
from pathlib import Path

import skdropout
from skdropout.datasets import load_sonar

folder = Path(skdropout.__file__).parent
assert folder.is_relative_to(sys.prefix), f"this is not the installed package: {folder}"
assert (folder / "py.typed").is_file(), "py.typed is missing: type checkers pass the package by"

X, y = load_sonar(return_X_y=True)
network = skdropout.DropoutMLPClassifier(random_state=0).fit(X, y)
assert network.score(X, y) > 0.9
again = pickle.loads(pickle.dumps(network))
assert (again.predict_proba(X) == network.predict_proba(X)).all()
print(f"skdropout {skdropout.__version__} works from {folder}")
