"""Speed beside scikit-learn, PyTorch and skorch: medians in turns, all in one run.

Every figure is a ratio of medians; the contenders take turns (A B C A B C ...), as a machine may
run now faster, now slower. Times are for orientation. Takes twenty minutes, with nothing else
running: ``python benchmarks/speed.py [--rounds 11] [training prediction ...]``. A run of some parts
leaves the figures of the others as they were.
"""

import argparse
import pickle
import subprocess
import sys
import warnings
from functools import partial
from itertools import pairwise
from math import inf, log

import common
import numpy as np
from common import load, load_mnist, save
from joblib import parallel_config
from peers import TorchLoop, make_skorch
from scipy.sparse import csr_array
from sklearn.datasets import load_digits, make_classification
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier
from skdropout._core import tuning
from skdropout.datasets import load_sonar

OURS = {"off": {}, "bernoulli": {"dropout": "bernoulli"}, "batchwise": {"dropout": "batchwise"}}


def sonar():
    X, y = load_sonar(return_X_y=True)
    return StandardScaler().fit_transform(X).astype(np.float32), np.unique(y, return_inverse=True)[
        1
    ]


def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


def default():
    X, y = make_classification(1000, 20, n_informative=10, random_state=0)
    return X.astype(np.float32), y


def table():
    X, y = make_classification(20_000, 50, n_informative=20, n_classes=5, random_state=0)
    return X.astype(np.float32), y


def mnist():
    X, y, *_ = load_mnist()
    return X[:12_800], y[:12_800].astype(np.int64)


CASES = {
    "sonar": (sonar, {"hidden": (60, 30), "solver": "sgd", "lr": 0.01}, 16, 100, (0.2, 0.0)),
    "digits": (digits, {"hidden": (128, 64), "solver": "adam", "lr": 1e-3}, 32, 10, (0.2, 0.0)),
    "default": (default, {"hidden": (256, 128), "solver": "adam", "lr": 3e-3}, 32, 20, (0.3, 0.0)),
    "table": (table, {"hidden": (256, 256), "solver": "adam", "lr": 1e-3}, 256, 5, (0.2, 0.0)),
    "mnist": (mnist, {"hidden": (1024,) * 3, "solver": "adam", "lr": 1e-3}, 128, 1, (0.5, 0.2)),
}
"""Data, network, rows of a batch, epochs, dropout rates of hidden layers and of inputs."""
ROUNDS = 11
"""How often all contenders take their turn, if nothing else is said."""
PAUSE = 0.1
"""Seconds before each turn, in which the threads of the one before come to rest."""


in_turns = partial(common.in_turns, pause=PAUSE)


def ours(hidden, solver, lr, batch, epochs, rates=(0.0, 0.0), **arguments):
    """Our classifier, with no rule that could stop it."""
    return DropoutMLPClassifier(
        hidden,
        solver=solver,
        learning_rate_init=lr,
        batch_size=batch,
        max_iter=epochs,
        n_iter_no_change=inf,
        alpha=0,
        label_smoothing=0,
        weight_decay=0,
        learning_rate="constant",
        cv=None,
        standardize=False,
        dropout_rate=rates[0],
        input_dropout_rate=rates[1],
        **arguments,
    )


def scikit_learn(hidden, solver, lr, batch, epochs):
    return MLPClassifier(
        hidden,
        solver=solver,
        learning_rate_init=lr,
        batch_size=batch,
        max_iter=epochs,
        n_iter_no_change=10**6,
        alpha=0,
    )


def bare_products(sizes, n_rows, n_steps):
    """A function that makes the matrix products of so many steps, and nothing else."""
    rng = np.random.default_rng(0)
    layers = [
        [rng.normal(size=shape).astype(np.float32) for shape in ((n_rows, a), (a, b), (n_rows, b))]
        for a, b in pairwise(sizes)
    ]
    outs = [(np.empty_like(W), np.empty_like(x)) for x, W, _ in layers]

    def run():
        for _ in range(n_steps):
            for x, W, y in layers:
                x.dot(W, out=y)
            for i, ((x, W, y), (dW, dx)) in enumerate(zip(layers, outs, strict=True)):
                x.T.dot(y, out=dW)
                if i:
                    y.dot(W.T, out=dx)

    return run


def training(name):
    """Seconds of whole fits of one case, microseconds of a step, ratios to ours."""
    load, network, batch, epochs, rates = CASES[name]
    X, y = load()
    n_classes, n_steps = len(np.unique(y)), epochs * -(-len(X) // batch)
    y_skorch = y.astype(np.float32) if n_classes == 2 else y.astype(np.int64)
    common = network | {"batch": batch, "epochs": epochs}
    of_peers = network | {"batch_size": batch, "epochs": epochs}
    contenders = {"scikit-learn": lambda: scikit_learn(**common).fit(X, y)}
    for key, of_rates in {"off": (0.0, 0.0), "bernoulli": rates}.items():
        loop = TorchLoop(**of_peers, rate=of_rates[0], input_rate=of_rates[1])
        contenders[f"PyTorch, {key}"] = lambda loop=loop: loop.fit(X, y)
    skorch = make_skorch(X.shape[1], n_classes, **of_peers, rate=rates[0])
    contenders["skorch, bernoulli"] = lambda: skorch.fit(X, y_skorch)
    for key, arguments in OURS.items():
        of_rates = (0.0, 0.0) if key == "off" else rates
        net = ours(**common, rates=of_rates, **arguments)
        contenders[f"ours, {key}"] = lambda net=net: net.fit(X, y)
    sizes = (X.shape[1], *network["hidden"], 1 if n_classes == 2 else n_classes)
    contenders["products"] = bare_products(sizes, batch, n_steps)
    seconds = in_turns(contenders, ROUNDS)
    return {
        "n_steps": n_steps,
        "seconds": seconds,
        "not products": 1 - seconds["products"] / seconds["ours, bernoulli"],
    }


def prediction():
    """Ratios of scikit-learn's time for `predict_proba` to ours."""
    X, y = table()
    theirs, mine = (
        make((256, 256), "adam", 1e-3, 256, 1).fit(X, y) for make in (scikit_learn, ours)
    )
    figures = {}
    for n_rows in (1, 100, 10_000):
        rows, times = X[:n_rows], max(1, 300 // n_rows)

        runs = {
            who: partial(net.predict_proba, rows)
            for who, net in {"scikit-learn": theirs, "ours": mine}.items()
        }
        figures[str(n_rows)] = in_turns(runs, 25, times=dict.fromkeys(runs, times))
    return figures


FOLDS = StratifiedKFold(10, shuffle=True, random_state=0)
RATES = [0.0, 0.1, 0.2, 0.3, 0.5]


def in_stacks(run):
    """The same, its small networks trained in stacks."""

    def run_in_stacks():
        with parallel_config("skdropout"):
            run()

    return run_in_stacks


def grid_search():
    """Seconds of a search over five candidates by ten folds on Sonar, in one process."""
    _, network, batch, epochs, _ = CASES["sonar"]
    X, y = sonar()
    common = network | {"batch": batch, "epochs": epochs}
    of_peers = network | {"batch_size": batch, "epochs": epochs}
    searches = {
        "scikit-learn": (scikit_learn(**common), {"alpha": [0, 1e-4, 1e-3, 1e-2, 1e-1]}, y),
        "skorch": (
            make_skorch(60, 2, **of_peers, rate=0.1),
            {"module__rate": RATES},
            y.astype(np.float32),
        ),
        "ours, bernoulli": (ours(**common, dropout="bernoulli"), {"dropout_rate": RATES}, y),
        "ours, batchwise": (ours(**common), {"dropout_rate": RATES}, y),
    }
    folds = list(FOLDS.split(X, y))
    runs = {
        name: partial(GridSearchCV(net, grid, cv=folds).fit, X, y)
        for name, (net, grid, y) in searches.items()
    }
    runs["ours, batchwise, in stacks"] = in_stacks(runs["ours, batchwise"])
    return in_turns(runs, 3)


def stacks():
    """Seconds of many fits in one process, one by one and in stacks."""

    def network(name):
        load, network, batch, epochs, rates = CASES[name]
        return ours(**network, batch=batch, epochs=epochs, rates=rates), *load()

    net, X, y = network("sonar")
    grid = {"dropout_rate": RATES, "hidden_layer_sizes": [(60, 30), (30,)]}
    search = GridSearchCV(net, grid, cv=FOLDS)
    runs = {"sonar, five rates, two sizes, ten folds": partial(search.fit, X, y)}
    for name in ("sonar", "digits", "default"):
        net, X, y = network(name)
        runs[f"{name}, ten folds"] = partial(cross_val_score, net, X, y, cv=FOLDS)
    return {
        name: in_turns({"one by one": run, "in stacks": in_stacks(run)}, ROUNDS)
        for name, run in runs.items()
    }


MEMORY = """
import re, sys, warnings
from pathlib import Path
sys.path.insert(0, {folder!r})
import speed

def kilobytes(name):  # resident memory: VmRSS now, VmHWM at the peak
    return int(re.search(name + r":\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

warnings.simplefilter("ignore")
X, y, *_ = speed.load_mnist()
y = y.astype("int64")
{make}.fit(X[:256], y[:256])  # what is loaded at the first use
Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
before = kilobytes("VmRSS")
{make}.fit(X, y)
print((kilobytes("VmHWM") - before) / 1024)
"""


def memory():
    """Megabytes that a fit on all of MNIST takes beyond the data, and a pickle (on Linux)."""
    of_network = "(1024,) * 3, 'adam', 1e-3, 128, 1"
    makers = {
        "scikit-learn": f"speed.scikit_learn({of_network})",
        "PyTorch, bernoulli": f"speed.TorchLoop({of_network}, 0.5, 0.2)",
        "ours, bernoulli": f"speed.ours({of_network}, (0.5, 0.2), dropout='bernoulli')",
        "ours, batchwise": f"speed.ours({of_network}, (0.5, 0.2))",
    }
    figures = {}
    for name, make in makers.items():
        code = MEMORY.format(folder=str(__file__).rpartition("/")[0] or ".", make=make)
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        figures[name] = float(run.stdout)
    X, y = mnist()
    fitted = {
        "scikit-learn": scikit_learn((1024,) * 3, "adam", 1e-3, 128, 1).fit(X, y),
        "ours": ours((1024,) * 3, "adam", 1e-3, 128, 1).fit(X, y),
    }
    pickles = {name: len(pickle.dumps(net)) / 2**20 for name, net in fitted.items()}
    return {"fit beyond data": figures, "pickle": pickles}


def growth():
    """Seconds of an epoch for 10^3 to 10^6 rows, and the slope of their logarithms."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10**6, 20)).astype(np.float32)
    y = (X[:, 0] > 0).astype(int)
    counts = [10**3, 10**4, 10**5, 10**6]
    seconds = []
    for n_rows in counts:
        few, many = 1, 21 if n_rows <= 10**4 else 3
        rows = X[:n_rows], y[:n_rows]

        def fit(n_epochs, rows=rows):
            ours((64,), "adam", 1e-3, 200, n_epochs, (0.2, 0.0)).fit(*rows)

        times = in_turns({n: partial(fit, n) for n in (few, many)}, 5 if n_rows < 10**6 else 3)
        seconds.append((times[many] - times[few]) / (many - few))
    slope = np.polyfit([log(n) for n in counts], [log(s) for s in seconds], 1)[0]
    return {"rows": counts, "seconds": seconds, "slope": slope}


def rare_words():
    """Seconds of a step in the first epoch and in later ones, where most features are rare."""
    n_rows, n_words, n_features, batch, few, many = 20_000, 30, 5_000, 32, 1, 5
    rng = np.random.default_rng(0)
    frequency = 1 / np.arange(1, n_features + 1)
    words = rng.choice(n_features, (n_rows, n_words), p=frequency / frequency.sum())
    ends = np.arange(0, words.size + 1, n_words)
    X = csr_array((np.full(words.size, 0.2, np.float32), words.ravel(), ends))
    X.sum_duplicates()
    y = X @ rng.normal(size=n_features) > 0

    def fit(make, n_epochs, **numbers):
        usual = {name: getattr(tuning, name) for name in numbers}
        for name, number in numbers.items():
            setattr(tuning, name, number)
        make((64,), "adam", 1e-3, batch, n_epochs).set_params(alpha=1e-4, random_state=0).fit(X, y)
        for name, number in usual.items():
            setattr(tuning, name, number)

    every_row = {"LAZY_WEIGHTS": inf}
    ways = {
        "scikit-learn": (scikit_learn, {}),
        "ours, every row in every step, subnormal numbers left alone": (
            ours,
            every_row | {"STEPS_BETWEEN_FLUSHES": inf},
        ),
        "ours, every row in every step": (ours, every_row),
        "ours": (ours, {}),
    }
    runs = {
        (who, n): partial(fit, make, n, **numbers)
        for who, (make, numbers) in ways.items()
        for n in (few, many)
    }
    seconds, n_steps = in_turns(runs, 3), -(-n_rows // batch)
    return {
        who: {
            "first": seconds[who, few] / (few * n_steps),
            "later": (seconds[who, many] - seconds[who, few]) / ((many - few) * n_steps),
        }
        for who in ways
    }


def train_all():
    """Milliseconds of a step, and how many times ours with dropout off."""
    results = {}
    for name in CASES:
        results[name] = figures = training(name)
        print(f"\n{name}")
        reference = figures["seconds"]["ours, off"]
        for who, seconds in figures["seconds"].items():
            step = 1e3 * seconds / figures["n_steps"]
            print(f"  {who:20} {step:8.3f} {seconds / reference:6.2f}")
        print(f"  not products, with bernoulli: {figures['not products']:.0%}")
    return results


PARTS = {
    "training": train_all,
    "prediction": prediction,
    "grid_search": grid_search,
    "stacks": stacks,
    "memory": memory,
    "growth": growth,
    "rare_words": rare_words,
}


def main():
    global ROUNDS
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    ROUNDS = options.rounds
    results = {} if not options.parts else load("speed")["results"]
    for name in options.parts or PARTS:
        print(f"\n{PARTS[name].__doc__.splitlines()[0]}")
        results[name] = PARTS[name]()
        print(f"  {results[name]}")
    protocol = {"rounds": ROUNDS, "dtype": "float32", "cores": 2, "what": __doc__}
    save("speed", protocol, results)


if __name__ == "__main__":
    main()
