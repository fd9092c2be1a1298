"""Wide sparse rows: seconds of an epoch, and a default fit beside logistic regression.

Takes fifteen minutes, with nothing else running: ``python benchmarks/text.py [epoch documents]``.
An epoch is that of the same network, batch size and optimizer, of generated rows of which one
number in a thousand is not zero. The documents are generated, too, or real: the docstrings of
SciPy and scikit-learn, each of which belongs to a part of its package, and the 20 newsgroups
where scikit-learn has them in its data folder.
"""

import argparse
import inspect
import warnings
from functools import partial
from importlib import import_module
from time import perf_counter

import numpy as np
from common import in_turns, mean_and_error, save
from scipy.sparse import csr_array, random_array
from sklearn.datasets import fetch_20newsgroups
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from speed import ours, scikit_learn

from skdropout import DropoutMLPClassifier

DENSITY, HIDDEN, N_CLASSES = 0.001, (100,), 5
SHAPES, BATCHES = [(2_000, 100_000), (20_000, 50_000)], [200, 32]
ROUNDS = 3

PACKAGES = {
    "scipy": "cluster interpolate linalg ndimage optimize signal sparse spatial special stats",
    "sklearn": "cluster covariance datasets decomposition ensemble linear_model manifold metrics "
    "model_selection naive_bayes neighbors preprocessing utils",
}


def epoch():
    """Seconds of an epoch of each, by shape and batch size; all of them in turns."""
    results = []
    for shape in SHAPES:
        X = random_array(shape, density=DENSITY, format="csr", dtype=np.float32, random_state=0)
        y = np.random.default_rng(0).integers(N_CLASSES, size=len(X.indptr) - 1)
        for batch in BATCHES:
            few, many = 1, 2
            runs = {
                (name, n): partial(make(HIDDEN, "adam", 1e-3, batch, n).fit, X, y)
                for name, make in (("ours", ours), ("scikit-learn", scikit_learn))
                for n in (few, many)
            }
            medians = in_turns(runs, ROUNDS)
            seconds = {
                name: (medians[name, many] - medians[name, few]) / (many - few)
                for name in ("ours", "scikit-learn")
            }
            results.append({"shape": shape, "batch": batch, "seconds": seconds})
            ratio = seconds["scikit-learn"] / seconds["ours"]
            print(f"  {shape} {batch:4} ours {seconds['ours']:.3f} s, {ratio:.1f} x", flush=True)
    return results


def generated(seed):
    """Documents of 100 words out of 100,000, one in seven of them of the topic of its class."""
    n_rows, n_words, n_features, n_classes, n_topic = 4_000, 100, 100_000, 20, 400
    rng = np.random.default_rng(seed)
    topics = np.random.default_rng(1).integers(n_features, size=(n_classes, n_topic))
    y = rng.integers(n_classes, size=n_rows)
    words = rng.integers(n_features, size=(n_rows, n_words))
    own = topics[y[:, np.newaxis], rng.integers(n_topic, size=words.shape)]
    words = np.where(rng.random(words.shape) < 0.15, own, words)
    entries = np.full(words.size, n_words**-0.5, np.float32)
    ends = np.arange(0, words.size + 1, n_words)
    X = csr_array((entries, words.ravel(), ends), shape=(n_rows, n_features))
    X.sum_duplicates()
    return train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)


def docstrings():
    """Docstrings and the parts of their packages, each text once."""
    part_of = {}
    for package, names in PACKAGES.items():
        for name in names.split():
            module = import_module(f"{package}.{name}")
            for thing in vars(module).values():
                is_whole = inspect.isfunction(thing) or inspect.isclass(thing)
                if is_whole and f"{package}.{name}" in f"{thing.__module__}.":
                    members = vars(thing).values() if inspect.isclass(thing) else ()
                    for documented in (thing, *filter(inspect.isfunction, members)):
                        text = inspect.getdoc(documented) or ""
                        if len(text) > 200:
                            part_of.setdefault(text, f"{package}.{name}")
    return [*part_of], [*part_of.values()]


def vectorized(texts, y, n_train, seed):
    """TF-IDF of words and pairs of words that stand in two texts at least, split in two."""
    split = train_test_split(texts, y, train_size=n_train, stratify=y, random_state=seed)
    train, test, *labels = split
    words = TfidfVectorizer(
        sublinear_tf=True, ngram_range=(1, 2), min_df=2, stop_words=["scipy", "sklearn"]
    )
    X = words.set_params(dtype=np.float32).fit_transform(train)
    return X, words.transform(test), *labels


def corpora():
    """Functions of a seed that return X_train, X_test, y_train, y_test."""
    yield "generated", generated
    yield "docstrings", partial(vectorized, *docstrings(), 1_200)
    remove = ("headers", "footers", "quotes")
    try:
        news = fetch_20newsgroups(subset="all", remove=remove, download_if_missing=False)
    except OSError:
        print("  the 20 newsgroups are not at hand")
    else:
        yield "20 newsgroups", partial(vectorized, news.data, news.target, 9_000)


def documents():
    """Accuracy, log-loss and seconds of a default fit, and of logistic regression of the best C."""
    regression = LogisticRegression(max_iter=1_000)
    search = GridSearchCV(regression, {"C": [1, 10, 100]}, scoring="neg_log_loss", cv=3)
    results = {}
    for name, split in corpora():
        figures = {}
        for seed in range(ROUNDS):
            X, X_test, y, y_test = split(seed)
            for who, estimator in {
                "ours": DropoutMLPClassifier(random_state=seed),
                "logistic regression": search,
            }.items():
                start = perf_counter()
                estimator.fit(X, y)
                seconds = perf_counter() - start
                proba = estimator.predict_proba(X_test)
                correct = estimator.classes_[proba.argmax(axis=1)] == y_test
                loss = log_loss(y_test, proba, labels=estimator.classes_)
                figures.setdefault(who, []).append((100.0 * correct.mean(), loss, seconds))
        results[name] = {"rows": X.shape[0], "features": X.shape[1], "classes": len(np.unique(y))}
        for who, runs in figures.items():
            mean, error = mean_and_error(runs, axis=0)
            results[name][who] = {"mean": mean.tolist(), "error": error.tolist()}
            print(f"  {name:14} {who:20} {mean.round(3)} +- {error.round(3)}", flush=True)
    return results


PARTS = {"epoch": epoch, "documents": documents}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in options.parts or PARTS:
        print(f"\n{PARTS[name].__doc__}")
        save(f"text_{name}", {"what": PARTS[name].__doc__, "how": __doc__}, PARTS[name]())


if __name__ == "__main__":
    main()
