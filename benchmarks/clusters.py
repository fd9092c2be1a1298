"""Two workers of loky, Dask and Ray against one process: fits, empty tasks, a death.

Each worker is a process of this machine with one thread of BLAS. The contenders take turns, and
figures are medians; the clusters are there before, but what an engine does in each call counts.
A cluster of one worker is no contender: joblib then runs everything in the calling process. Takes
five minutes, with nothing else running: ``python benchmarks/clusters.py [--rounds 3] [search
ensemble ...]``. A run of some parts leaves the figures of the others as they were.
"""

import argparse
import os
import signal
import tempfile
import warnings
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from time import perf_counter

import numpy as np
import ray
from common import in_turns, load, save
from distributed import Client, LocalCluster
from joblib import Parallel, delayed, parallel_config
from ray.util.joblib import register_ray
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from threadpoolctl import threadpool_limits

from skdropout import DropoutMLPClassifier

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
GRID = {"alpha": [1e-5, 1e-4, 1e-3, 1e-2], "dropout_rate": [0.1, 0.3, 0.5]}
N_TASKS = 200
AGAIN = {"max_restarts": -1, "max_task_retries": -1}

X, Y = make_classification(800, 20, n_informative=10, random_state=0)
X = X.astype(np.float32)
FOLDS = list(StratifiedKFold(5).split(X, Y))
ENGINES = {
    "one process": {"backend": "sequential"},
    "loky": {"backend": "loky", "n_jobs": 2},
    "Dask": {"backend": "dask"},
    "Ray": {"backend": "ray", "n_jobs": 2},
}


@contextmanager
def clusters():
    """Local clusters of Dask and Ray, of two processes each; the client of Dask."""
    os.environ |= dict.fromkeys(ONE_THREAD, "1")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_ray()
    dask = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(**dask) as cluster, Client(cluster) as client, threadpool_limits(1):
        yield client
    ray.shutdown()


def with_each(work):
    """The same work by each engine, as contenders."""

    def run(engine):
        with parallel_config(**engine):
            work()

    return {name: partial(run, engine) for name, engine in ENGINES.items()}


def make_search(scoring="accuracy"):
    """Sixty fits of a network of the default size."""
    net = DropoutMLPClassifier(cv=None, random_state=0)
    return GridSearchCV(net, GRID, cv=FOLDS, scoring=scoring, refit=False)


def search(client, rounds):
    """Seconds of a search of sixty fits."""
    return in_turns(with_each(partial(make_search().fit, X, Y)), rounds)


def ensemble(client, rounds):
    """Seconds of an ensemble of five networks on 20,000 rows of 50 columns, for 15 epochs."""
    rows, classes = make_classification(20_000, 50, n_informative=20, random_state=0)
    net = DropoutMLPClassifier(cv=5, max_iter=15, random_state=0)
    return in_turns(with_each(partial(net.fit, rows.astype(np.float32), classes)), rounds)


def tasks(client, rounds):
    """Seconds of a call with two empty tasks, and of each task more by the same workers."""
    seconds = {name: [] for name in ENGINES}
    for _ in range(rounds):
        for name, engine in ENGINES.items():
            with parallel_config(**engine):
                start = perf_counter()
                with Parallel(batch_size=1) as parallel:
                    parallel(delayed(abs)(i) for i in range(2))
                    called = perf_counter()
                    parallel(delayed(abs)(i) for i in range(N_TASKS))
                    seconds[name].append((called - start, (perf_counter() - called) / N_TASKS))
    medians = {name: np.median(values, axis=0).tolist() for name, values in seconds.items()}
    return {name: {"call": call, "task": task} for name, (call, task) in medians.items()}


def score_or_die(folder, estimator, X, y):
    """The accuracy; the first process that is asked for about the thirtieth one is killed."""
    if len(list(folder.iterdir())) >= 30 and not (folder / "dead").exists():
        (folder / "dead").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    tempfile.mkstemp(dir=folder)
    return estimator.score(X, y)


def killed(client, rounds):
    """Whether a search has the scores of one process although a worker was killed."""
    results = {}
    alone = make_search().fit(X, Y).cv_results_
    client.amm.stop()  # which takes copies away that the death of a worker needs
    safe = {
        "Dask": ENGINES["Dask"] | {"scatter": [X, Y, *chain(*FOLDS)]},
        "Ray": ENGINES["Ray"] | {"ray_remote_args": AGAIN},
    }
    for name, engine in safe.items():
        with tempfile.TemporaryDirectory() as folder, parallel_config(**engine):
            found = make_search(partial(score_or_die, Path(folder))).fit(X, Y).cv_results_
            scores = [key for key in alone if key.endswith("_test_score")]
            same = all(np.array_equal(found[key], alone[key]) for key in scores)
            results[name] = {"killed": (Path(folder) / "dead").exists(), "same": same}
    return results


PARTS = {part.__name__: part for part in (search, ensemble, tasks, killed)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    results = {} if not options.parts else load("clusters")["results"]
    with clusters() as client:
        for name in options.parts or PARTS:
            results[name] = PARTS[name](client, options.rounds)
            print(f"{PARTS[name].__doc__}\n  {results[name]}")
    protocol = {"rounds": options.rounds, "dtype": "float32", "workers": 2, "what": __doc__}
    save("clusters", protocol, results)


if __name__ == "__main__":
    main()
