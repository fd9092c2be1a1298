"""What all benchmarks share: the data, the figures about the machine, and where results go.

The data are looked for in the folder that the environment variable SKDROPOUT_DATA names: there
`tabular/*.npz` and `mixed/*/*.npz` (X, y each), and `mnist.npz`, without which MNIST is downloaded.
"""

import json
import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from math import sqrt
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import numpy as np

from skdropout.datasets import fetch_mnist

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DATA = Path(os.environ.get("SKDROPOUT_DATA") or HERE.parent.parent / "shared" / "data")
PACKAGES = (
    *("numpy", "scipy", "scikit-learn", "joblib", "skdropout"),
    *("torch", "skorch", "distributed", "ray"),
)


def load_mnist():
    """MNIST as (X_train, y_train, X_test, y_test), the pixels from 0 to 1 as float32."""
    os.environ["SKDROPOUT_DATA"] = str(DATA)
    parts = (fetch_mnist(subset=subset, return_X_y=True) for subset in ("train", "test"))
    return tuple(array for part in parts for array in part)


def load_folder(folder):
    """The tables of a folder, as a dict of name to (X, y)."""
    tables = {}
    for path in sorted(_need(folder).glob("*.npz")):
        with np.load(path) as data:
            tables[path.stem] = data["X"], data["y"]
    return tables


def _need(name):
    path = DATA / name
    if not path.exists():
        raise SystemExit(f"{path} is missing: set SKDROPOUT_DATA to the folder with the data.")
    return path


def mean_and_error(values, axis=-1):
    """Mean and standard error of the mean."""
    values = np.asarray(values, float)
    n = values.shape[axis]
    return values.mean(axis), values.std(axis, ddof=1) / sqrt(n)


def in_turns(contenders, rounds, *, times=None, pause=0.0):
    """Median seconds of each contender, a function without arguments; all of them in turns.

    `times` tells how often each is called in its turn, once if nothing is said; `pause` seconds
    before a turn, threads of the one before come to rest.
    """
    seconds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            n = 1 if times is None else times[name]
            sleep(pause)
            start = perf_counter()
            for _ in range(n):
                run()
            seconds[name].append((perf_counter() - start) / n)
    return {name: median(values) for name, values in seconds.items()}


def machine():
    """What the figures were made on."""
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text("utf-8").splitlines()
        cpu = next(
            (line.partition(": ")[2] for line in lines if line.startswith("model name")), cpu
        )
    return {"cpu": cpu, "cores": os.cpu_count(), "system": platform.system()}


def versions():
    """Versions of Python and of the packages that are there."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def save(name, protocol, results):
    """Write results with date, machine, versions and protocol to ``results/<name>.json``."""
    RESULTS.mkdir(exist_ok=True)
    content = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "protocol": protocol,
        "results": results,
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    print(f"written: results/{path.name}")


def load(name):
    """What `save` wrote."""
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
