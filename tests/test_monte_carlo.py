"""Predictions with dropout kept on: what they equal, what decides them, what they leave alone."""

import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, softmax, xlog1py, xlogy
from scipy.stats import entropy
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core import tuning
from skdropout.dropout import DROPOUT_SCHEMES, Alpha, Bernoulli

pytestmark = pytest.mark.filterwarnings("ignore:The fit came to nothing")  # after a few epochs

X = np.random.default_rng(0).normal(size=(50, 6))
CLASSES = {  # of a classifier
    "binary": np.where(X[:, 0] > 0, "yes", "no"),
    "multiclass": np.digitize(X[:, 1], [-0.5, 0.5]),
    "multilabel": (X[:, :4] > [-0.5, 0, 0.2, 1]).astype(int),
}
NUMBERS = {  # of a regressor
    "numbers": X[:, 0] - X[:, 1],
    "several numbers": X[:, :2] * X[:, 2:4],
    "counts": np.round(np.exp(X[:, 0])),
}
TARGETS = CLASSES | NUMBERS
SCHEMES = list(DROPOUT_SCHEMES)
ONE_MASK = [("batchwise", False), ("dropconnect", False), *((scheme, True) for scheme in SCHEMES)]

over_kinds = pytest.mark.parametrize("kind", TARGETS)
over_classes = pytest.mark.parametrize("kind", CLASSES)
over_numbers = pytest.mark.parametrize("kind", NUMBERS)
over_schemes = pytest.mark.parametrize("scheme", SCHEMES)


def network(kind="multiclass", scheme="batchwise", **arguments):
    defaults = {
        "hidden_layer_sizes": (12, 7),
        "activation": "selu" if scheme == "alpha" else "relu",
        "dropout": scheme,
        "dropout_rate": 0.4,
        "learning_rate": "cosine",
        "max_iter": 3,
        "random_state": 0,
        "cv": None,
    }
    if kind == "counts":
        defaults["loss"] = "poisson"
    estimator = DropoutMLPClassifier if kind in CLASSES else DropoutMLPRegressor
    return estimator(**defaults | arguments)


def fit(kind="multiclass", scheme="batchwise", dtype=np.float64, **arguments):
    return network(kind, scheme, **arguments).fit(X.astype(dtype), TARGETS[kind])


def samples(net, X=X, n_samples=8, random_state=0, **more):
    """The predictions of each thinned network."""
    kinds = (
        (DropoutMLPClassifier, "predict_proba_samples"),
        (DropoutMLPRegressor, "predict_samples"),
    )
    (method,) = (method for estimator, method in kinds if isinstance(net, estimator))
    return getattr(net, method)(X, n_samples, random_state, **more)


def measures(net, X=X, n_samples=8, random_state=0, **more):
    """All that is measured of such predictions, by name."""
    if isinstance(net, DropoutMLPClassifier):
        return dict(net.predict_uncertainty(X, n_samples, random_state, **more))
    arguments = {"n_samples": n_samples, "random_state": random_state, **more}
    _, std = net.predict(X, return_std=True, **arguments)
    return {"std": std}


def entropy_of_two(p):
    return -xlogy(p, p) - xlog1py(1 - p, -p)


def measures_of(net, p):
    """The same from a stack of the predictions, by the formulas."""
    if isinstance(net, DropoutMLPRegressor):
        return {"std": p.std(axis=0)}
    mean = p.mean(axis=0)
    if net.out_activation_ == "logistic" and p.shape[2] != 2:  # many labels
        whole, noise = entropy_of_two(mean), entropy_of_two(p).mean(axis=0)
        n_votes = np.maximum((p > 0.5).sum(axis=0), (p <= 0.5).sum(axis=0))
    else:
        whole, noise = entropy(mean, axis=-1), entropy(p, axis=-1).mean(axis=0)
        votes = p.argmax(axis=-1)[..., np.newaxis] == np.arange(p.shape[2])
        n_votes = votes.sum(axis=0).max(axis=-1)
    return {
        "mean_proba": mean,
        "predictive_entropy": whole,
        "expected_entropy": noise,
        "mutual_information": whole - noise,
        "variation_ratio": 1 - n_votes / len(p),
    }


def assert_same_measures(first, second, rtol=1e-9, atol=1e-12):
    assert first.keys() == second.keys()
    for name in first:
        assert first[name].shape == second[name].shape
        assert_allclose(first[name], second[name], rtol=rtol, atol=atol, err_msg=name)


def small_blocks(monkeypatch, n_rows=16, widest=12):
    """Let inference work on so many rows at once: 50 rows are blocks of 16, 16, 16 and 2."""
    monkeypatch.setattr(tuning, "INFERENCE_NUMBERS", n_rows * widest)


# what they equal


def recorder(scheme, masks):
    """A scheme that puts each mask that it draws on a list."""

    class Recorder(DROPOUT_SCHEMES[scheme]):
        independent = False  # so that layers are drawn one by one

        def draw(self, rng, rate, out):
            super().draw(rng, rate, out)
            masks.append(out.copy())

    return Recorder()


def textbook(net, masks, X=X):
    """Raw predictions of one thinned network, by the masks of inputs and of hidden layers.

    An input that is dropped is at its mean, if there is one to know.
    """
    h, weights, biases = X, list(net.coefs_), list(net.intercepts_)
    if net.standardize:
        mean, scale = X.mean(axis=0), X.std(axis=0)
        h = (X - mean) / scale
        weights[0], biases[0] = scale[:, np.newaxis] * weights[0], biases[0] + mean @ weights[0]
    functions = ["identity", *[net.activation] * (len(net.coefs_) - 1)]
    for W, b, name, mask in zip(weights, biases, functions, masks, strict=True):
        f, _ = reference.ACTIVATIONS[name]
        h = f(h)
        if net.dropout.drops_weights:
            W = W * mask
        elif isinstance(net.dropout, Alpha):
            s = net.dropout.saturation
            keep = 1 - round(65536 * net.dropout_rate) / 65536
            a = (keep + s**2 * keep * (1 - keep)) ** -0.5
            kept = mask > 0
            assert_allclose(mask[kept], a)
            h = a * np.where(kept, h, s) - a * s * (1 - keep)
        else:
            h = h * mask
        h = h @ W + b
    return h


LINKS = {
    "binary": lambda z: np.hstack([expit(-z), expit(z)]),
    "multiclass": lambda z: softmax(z, axis=1),
    "multilabel": expit,
    "numbers": lambda z: z[:, 0],
    "several numbers": lambda z: z,
    "counts": lambda z: np.exp(z[:, 0]),
}


@over_kinds
@over_schemes
@pytest.mark.parametrize(
    "consistent, standardize", [(False, True), (True, True), (True, False)], ids=str
)
def test_every_draw_is_the_textbooks(kind, scheme, consistent, standardize):
    masks = []
    net = fit(kind, scheme, input_dropout_rate=0.4, standardize=standardize)
    net.set_params(dropout=recorder(scheme, masks))
    y = samples(net, n_samples=3, consistent=consistent)
    of_a_draw = [masks[i : i + 3] for i in range(0, len(masks), 3)]
    assert len(of_a_draw) == len(y) == 3
    assert all(len(mask) == 1 for mask in masks) or not consistent or scheme == "dropconnect"
    for prediction, its_masks in zip(y, of_a_draw, strict=True):
        assert_allclose(prediction, LINKS[kind](textbook(net, its_masks)), rtol=1e-9, atol=1e-12)


@over_kinds
def test_shapes(kind):
    shape = {"binary": (50, 2), "multiclass": (50, 3)}.get(kind, TARGETS[kind].shape)
    net = fit(kind)
    assert samples(net).shape == (8, *shape)
    assert samples(net, X[:1], n_samples=1).shape == (1, 1, *shape[1:])
    of_rows = shape if kind in ("multilabel", *NUMBERS) else shape[:1]
    for name, value in measures(net).items():
        assert value.shape == (shape if name == "mean_proba" else of_rows)


@over_kinds
def test_default_number_of_samples_is_30(kind):
    net = fit(kind)
    if kind in CLASSES:
        assert len(net.predict_proba_samples(X, random_state=0)) == 30
        default = dict(net.predict_uncertainty(X, random_state=0))
    else:
        assert len(net.predict_samples(X, random_state=0)) == 30
        default = {"std": net.predict(X, True, random_state=0)[1]}
    assert_same_measures(default, measures(net, n_samples=30), rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
@over_schemes
def test_probabilities_of_each_draw_sum_to_one(kind, scheme):
    p = samples(fit(kind, scheme))
    assert (p >= 0).all()
    assert_allclose(p.sum(axis=2), 1, rtol=1e-14)


@over_kinds
@over_schemes
@pytest.mark.parametrize("consistent", [False, True])
@pytest.mark.parametrize("n_rows", [50, 16])
def test_measures_are_those_of_the_samples(kind, scheme, consistent, n_rows, monkeypatch):
    """For the same seed, in one block or in several; the last block has fewer rows."""
    net = fit(kind, scheme)
    small_blocks(monkeypatch, n_rows)
    y = samples(net, consistent=consistent)
    assert_same_measures(measures(net, consistent=consistent), measures_of(net, y))


@over_kinds
@pytest.mark.parametrize("scheme, consistent", ONE_MASK)
@pytest.mark.parametrize("n_rows", [49, 16, 1])
def test_one_mask_does_not_depend_on_the_blocks(kind, scheme, consistent, n_rows, monkeypatch):
    net = fit(kind, scheme, input_dropout_rate=0.2)
    y = samples(net, consistent=consistent)
    small_blocks(monkeypatch, n_rows)
    assert_allclose(samples(net, consistent=consistent), y, rtol=1e-10, atol=1e-13)


@over_numbers
@over_schemes
def test_mean_with_spread_is_that_of_predict(kind, scheme):
    net = fit(kind, scheme)
    mean, std = net.predict(X, return_std=True, random_state=0)
    assert_array_equal(mean, net.predict(X))
    assert_array_equal(mean, net.predict(X, return_std=np.False_))
    assert std.shape == mean.shape
    assert (std > 0).all()


def test_every_label_is_a_question_of_its_own():
    """The measures of a label are those of the network for that label alone, as binary."""
    net = fit("multilabel")
    of_labels = measures(net)
    for label in range(4):
        alone = fit("binary")
        alone.coefs_[:2] = net.coefs_[:2]
        alone.intercepts_[:2] = net.intercepts_[:2]
        alone.coefs_[2], alone.intercepts_[2] = (
            net.coefs_[2][:, [label]],
            net.intercepts_[2][[label]],
        )
        of_one = measures(alone)
        of_one["mean_proba"] = of_one["mean_proba"][:, 1]
        assert_same_measures(of_one, {name: y[:, label] for name, y in of_labels.items()})


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme != "alpha"])
@pytest.mark.parametrize("consistent", [False, True])
def test_mean_of_linear_networks_is_the_whole_network(scheme, consistent):
    """Masks have the mean one, and those of different layers are independent."""
    net = fit("several numbers", scheme, activation="identity", input_dropout_rate=0.2)
    y = samples(net, X[:5], n_samples=4000, consistent=consistent)
    standard_error = y.std(axis=0) / np.sqrt(len(y))
    assert (standard_error > 0).all()
    assert (abs(y.mean(axis=0) - net.predict(X[:5])) < 4 * standard_error).all()


@over_kinds
@over_schemes
@pytest.mark.parametrize("batch_norm", [False, True])
def test_rate_of_almost_zero_is_the_whole_network(kind, scheme, batch_norm):
    """With batch normalisation by the running statistics, not by those of the rows."""
    net = fit(kind, scheme, batch_norm=batch_norm)
    predict = net.predict_proba if kind in CLASSES else net.predict
    net.set_params(dropout_rate=1e-12)
    if scheme == "batchwise":  # a whole number of units, which is none
        with pytest.raises(ValueError, match="drops nothing"):
            samples(net)
        return
    assert_allclose(samples(net), np.stack([predict(X)] * 8), rtol=1e-4, atol=1e-4)


# which networks


@over_kinds
@over_schemes
@pytest.mark.parametrize("consistent", [False, True])
def test_equal_rows_are_predicted_alike_by_one_mask(kind, scheme, consistent, monkeypatch):
    net = fit(kind, scheme)
    small_blocks(monkeypatch)
    y = samples(net, np.tile(X[:1], (50, 1)), consistent=consistent)
    spread = np.ptp(y, axis=1)
    if (scheme, consistent) in ONE_MASK:
        assert_allclose(spread, 0, atol=1e-13)
    else:
        assert (spread > 1e-3).all()
    assert (np.ptp(y, axis=0) > 1e-3).all()  # one network after another


@pytest.mark.parametrize("dropout", ["batchwise", "bernoulli"])
def test_a_rectifier_of_minus_infinity_is_zero(dropout):
    """As in the prediction of the whole network."""
    X, y = np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) % 2
    clf = DropoutMLPClassifier(8, dropout=dropout, dropout_rate=0.5, max_iter=2).fit(X, y)
    clf.intercepts_[0][0] = -np.inf
    assert np.isfinite(clf.predict_proba(X)).all()
    assert np.isfinite(clf.predict_proba_samples(X, random_state=0)).all()


@over_kinds
@pytest.mark.parametrize("scheme", ["batchwise", "bernoulli"])
def test_seed_decides(kind, scheme):
    net = fit(kind, scheme)
    first = samples(net, random_state=3)
    assert_array_equal(first, samples(net, random_state=3))
    assert_array_equal(first, samples(net, random_state=np.random.RandomState(3)))
    assert_array_equal(first[:5], samples(net, random_state=3, n_samples=5))
    assert abs(first - samples(net, random_state=4)).max() > 1e-3
    assert_same_measures(measures(net), measures(net), rtol=0, atol=0)
    by_other_seed = measures(net, random_state=1)
    assert any((value != by_other_seed[name]).any() for name, value in measures(net).items())


def test_random_states_go_on_and_none_is_new_each_time():
    net, random_state = fit(), np.random.RandomState(3)
    for seed in (random_state, None):
        assert abs(samples(net, random_state=seed) - samples(net, random_state=seed)).max() > 1e-3
    with pytest.raises(ValueError, match=r"random_state must be an integer .* got 'seed'"):
        samples(net, random_state="seed")


@over_kinds
def test_rates_and_scheme_are_those_of_now(kind):
    net = fit(kind)
    now = {"dropout": "gaussian", "dropout_rate": (0.1, 0), "input_dropout_rate": 0.3}
    y = samples(net)
    assert abs(samples(net.set_params(**now)) - y).max() > 1e-3
    masks = []
    samples(net.set_params(dropout=recorder("gaussian", masks)), n_samples=2)
    assert [mask.shape for mask in masks] == [(50, 6), (50, 12)] * 2
    net.set_params(dropout="batchwise", dropout_rate=0.4, input_dropout_rate=0)
    assert_array_equal(samples(net), y)


@pytest.mark.parametrize("rates", [(0.4, 0.0), (0.0, 0.4)])
def test_spread_grows_with_the_rate(rates):
    of_inputs, of_units = rates
    net = fit("several numbers", "bernoulli", max_iter=20)
    spreads = []
    for factor in (0.1, 0.5, 1, 2):
        net.set_params(input_dropout_rate=factor * of_inputs, dropout_rate=factor * of_units)
        spreads.append(measures(net, n_samples=50)["std"].mean())
    assert spreads == sorted(spreads)
    assert spreads[0] < spreads[-1] / 3


@over_kinds
def test_schedule_has_no_part_in_it(kind):
    net = fit(kind)
    y = samples(net)
    assert_array_equal(samples(net.set_params(dropout_schedule="linear")), y)


def test_trained_by_lbfgs_dropout_may_be_switched_on_afterwards():
    net = fit(solver="lbfgs", dropout_rate=0, max_iter=1000)
    with pytest.raises(ValueError, match="Without dropout all predictions are the same"):
        net.predict_uncertainty(X)
    p = net.predict_proba(X)
    net.set_params(dropout_rate=0.2)
    assert (measures(net)["mutual_information"] > 0).mean() > 0.9
    assert_array_equal(net.predict_proba(X), p)


@over_schemes
def test_with_batch_norm_a_row_is_predicted_as_it_is_alone(scheme):
    net = fit("several numbers", scheme, batch_norm=True)
    y = samples(net, consistent=True)
    for row in (0, 17):
        assert_allclose(samples(net, X[[row]], consistent=True)[:, 0], y[:, row], rtol=1e-9)


# what they leave alone


@over_kinds
@over_schemes
def test_predictions_do_not_disturb_the_training(kind, scheme):
    net, twin = (network(kind, scheme) for _ in range(2))
    classes = {"classes": np.unique(CLASSES[kind])} if kind in ("binary", "multiclass") else {}
    for _ in range(2):
        for estimator in (net, twin):
            estimator.partial_fit(X, TARGETS[kind], **classes)
        before, attributes = pickle.dumps(net), set(vars(net))
        samples(net, random_state=None)
        measures(net, consistent=True)
        assert pickle.dumps(net) == before
        assert set(vars(net)) == attributes
    for ours, theirs in zip(
        net.coefs_ + net.intercepts_, twin.coefs_ + twin.intercepts_, strict=True
    ):
        assert_array_equal(ours, theirs)
    assert net.loss_curve_ == twin.loss_curve_


@over_kinds
@over_schemes
def test_prediction_with_the_whole_network_stays(kind, scheme):
    net = fit(kind, scheme, input_dropout_rate=0.1)
    predict = net.predict_proba if kind in CLASSES else net.predict
    before, labels = predict(X), net.predict(X)
    samples(net)
    measures(net)
    assert_array_equal(predict(X), before)
    assert_array_equal(net.predict(X), labels)
    net.set_params(dropout_rate=0, input_dropout_rate=0)
    assert_array_equal(predict(X), before)


@pytest.mark.parametrize("container", [np.array, sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("scheme", ["batchwise", "bernoulli"])
def test_data_stay_as_they_are(container, scheme):
    net, data = network(scheme=scheme, input_dropout_rate=0.5), container(X)
    net.fit(data, CLASSES["multiclass"])
    samples(net, data)
    measures(net, data)
    assert_array_equal(data.toarray() if sparse.issparse(data) else data, X)


@over_kinds
@over_schemes
def test_samples_have_memory_of_their_own(kind, scheme):
    net = fit(kind, scheme)
    y = samples(net)
    before = y.copy()
    samples(net, random_state=1)
    y[0] = np.nan
    assert_array_equal(y[1:], before[1:])
    assert np.isfinite(samples(net)).all()


@over_kinds
def test_a_copy_through_a_pickle_predicts_the_same(kind):
    net = fit(kind, "bernoulli")
    assert_array_equal(samples(pickle.loads(pickle.dumps(net))), samples(net))


@pytest.mark.parametrize("kind", ["multiclass", "several numbers"])
@over_schemes
def test_threads_may_share_a_network(kind, scheme, monkeypatch):
    net = fit(kind, scheme, batch_norm=True)
    small_blocks(monkeypatch)

    def predict(seed):
        return samples(net, random_state=seed), measures(net, random_state=seed)

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(predict, range(8)))
    for seed, (y, of_y) in enumerate(together):
        alone, of_alone = predict(seed)
        assert_array_equal(y, alone)
        assert_same_measures(of_y, of_alone, rtol=0, atol=0)


# data


@pytest.mark.parametrize("kind", ["multilabel", "numbers"])
@pytest.mark.parametrize("scheme, consistent", ONE_MASK)
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
def test_sparse_equals_dense(kind, scheme, consistent, container, monkeypatch):
    rows = np.where(X > 0, X, 0)
    net = network(kind, scheme, input_dropout_rate=0.0 if scheme == "alpha" else 0.3)
    net.fit(sparse.csr_array(rows), TARGETS[kind])
    small_blocks(monkeypatch)
    y = samples(net, container(rows), consistent=consistent)
    assert_allclose(y, samples(net, rows, consistent=consistent), rtol=1e-9, atol=1e-13)
    of_sparse = measures(net, container(rows), consistent=consistent)
    assert_same_measures(of_sparse, measures(net, rows, consistent=consistent))


@over_kinds
def test_sparse_rows_cannot_be_at_their_mean(kind):
    net = fit(kind, input_dropout_rate=0.3)
    for method in (samples, measures):
        with pytest.raises(ValueError, match="would make sparse inputs dense"):
            method(net, sparse.csr_array(X))
    net.set_params(input_dropout_rate=0)
    assert_allclose(samples(net, sparse.csr_array(X)), samples(net), rtol=1e-9)


# ensembles


@over_kinds
@over_schemes
@pytest.mark.parametrize("consistent", [False, True])
def test_each_draw_is_one_of_one_network(kind, scheme, consistent):
    """Each network of an ensemble has its share of the draws, one after the other."""
    net = fit(kind, scheme, cv=3)
    y = samples(net.set_params(dropout_rate=1e-9), n_samples=7, consistent=consistent)
    predict = "predict_proba" if kind in CLASSES else "predict"
    of_each = [getattr(member, predict)(X) for member in net.estimators_]
    if scheme in ("gaussian", "alpha"):  # whose noise is small, but not nothing
        tolerance = {"atol": 1e-2, "rtol": 1e-2}
    else:
        tolerance = {"atol": 1e-6, "rtol": 1e-6}
    for draw, which in zip(y, (0, 0, 0, 1, 1, 2, 2), strict=True):
        assert_allclose(draw, of_each[which], **tolerance)
    spread = np.abs(of_each[0] - of_each[1]).max()
    assert spread > 0.01


@over_kinds
@over_schemes
@pytest.mark.parametrize("rates", [{}, {"dropout_rate": 0}], ids=["dropout", "none"])
def test_measures_of_an_ensemble_are_those_of_its_samples(kind, scheme, rates, monkeypatch):
    """Without dropout too: the networks are not the same."""
    net = fit(kind, scheme, cv=3, **rates)
    small_blocks(monkeypatch)
    assert_same_measures(measures(net), measures_of(net, samples(net)))
    assert (np.ptp(samples(net), axis=0) > 0).any()


@pytest.mark.parametrize("scheme", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("n_rows", [49, 16, 7, 1])
def test_a_last_block_of_one_sparse_row(scheme, n_rows, monkeypatch):
    """Also where there are many more inputs than units, whose masks take more memory than all."""
    values = np.random.default_rng(0).random((50, 1000))
    rows = sparse.csr_array(np.where(values < 0.05, values, 0))
    net = network("multiclass", scheme, input_dropout_rate=0.3, batch_size=49)
    net.fit(rows, CLASSES["multiclass"])  # whose last batch is one row, too
    small_blocks(monkeypatch, n_rows)
    assert_same_measures(measures(net, rows), measures_of(net, samples(net, rows)))


@pytest.mark.parametrize("scheme", ["bernoulli", "gaussian"])
def test_sparse_inputs_are_dropped_entry_by_entry(scheme, monkeypatch):
    net = network("multiclass", scheme, input_dropout_rate=0.4, dropout_rate=0.0)
    net.fit(sparse.csr_array(X), CLASSES["multiclass"])
    small_blocks(monkeypatch)
    y = samples(net, sparse.csr_array(np.tile(X[:1], (50, 1))))
    assert (np.ptp(y, axis=1) > 1e-3).all()


def test_alpha_refuses_to_make_sparse_inputs_dense():
    net = fit(scheme="alpha", input_dropout_rate=0.3)
    with pytest.raises(ValueError, match="would make sparse inputs dense"):
        net.predict_uncertainty(sparse.csr_array(X))


@over_kinds
def test_pandas_frames_and_integers(kind):
    pandas = pytest.importorskip("pandas")
    columns = [f"column {i}" for i in range(6)]
    net = network(kind).fit(pandas.DataFrame(X, columns=columns), TARGETS[kind])
    whole = np.round(X * 10).astype(int)
    y = samples(net, pandas.DataFrame(whole.astype(float), columns=columns))
    assert_array_equal(y, samples(net, pandas.DataFrame(whole, columns=columns)))
    with pytest.raises(ValueError, match="feature names should match"):
        samples(net, pandas.DataFrame(whole, columns=columns[::-1]))
    net = fit(kind)
    assert_array_equal(samples(net, whole), samples(net, whole.astype(float)))
    assert_array_equal(samples(net, whole.tolist()), samples(net, whole.astype(float)))


@over_kinds
@over_schemes
def test_precision_is_that_of_the_network(kind, scheme):
    net = fit(kind, scheme, dtype=np.float32)
    of_single, of_double = samples(net, X.astype(np.float32)), samples(net, X)
    assert of_single.dtype == of_double.dtype == np.float32
    assert_array_equal(of_single, of_double)
    assert_same_measures(measures(net), measures_of(net, of_single.astype(float)), 1e-4, 1e-5)
    assert samples(fit(kind, scheme), X.astype(np.float32)).dtype == np.float64


@over_kinds
def test_data_that_do_not_fit_are_refused(kind):
    net = fit(kind)
    for method in (samples, measures):
        with pytest.raises(ValueError, match=r"5 features, but .* is expecting 6"):
            method(net, X[:, :5])
        with pytest.raises(ValueError, match="contains NaN"):
            method(net, np.where(X > 1, np.nan, X))
        with pytest.raises(ValueError, match="Expected 2D array"):
            method(net, X[0])
        with pytest.raises(ValueError, match=r"0 sample\(s\)"):
            method(net, X[:0])


# arguments


@over_kinds
@pytest.mark.parametrize(
    "name, value, error",
    [
        ("n_samples", 0, ValueError),
        ("n_samples", -1, ValueError),
        ("n_samples", 1.5, TypeError),
        ("n_samples", 30.0, TypeError),
        ("n_samples", True, TypeError),
        ("n_samples", "3", TypeError),
        ("n_samples", None, TypeError),
        ("consistent", "yes", TypeError),
        ("consistent", 1, TypeError),
    ],
)
def test_bad_arguments_are_named(kind, name, value, error):
    net = fit(kind)
    for method in (samples, measures):
        with pytest.raises(error, match=rf"{name} must be .*, got {value!r}"):
            method(net, **{name: value})


@pytest.mark.parametrize("value", [1, 0, "yes", None])
def test_return_std_is_a_flag(value):
    with pytest.raises(TypeError, match=f"return_std must be True or False, got {value!r}"):
        fit("numbers").predict(X, return_std=value)


@over_kinds
def test_numpy_numbers_are_numbers(kind):
    net = fit(kind)
    y = samples(net, n_samples=np.int64(8), random_state=np.int32(0), consistent=np.True_)
    assert_array_equal(y, samples(net, n_samples=8, consistent=True))


@over_kinds
@pytest.mark.parametrize("rate", [0, (0, 0.0)])
def test_without_dropout_there_is_nothing_to_measure(kind, rate):
    net = fit(kind, dropout_rate=rate)
    for method in (samples, measures):
        with pytest.raises(ValueError, match="drops nothing of hidden layers"):
            method(net)
    assert np.isfinite(samples(net.set_params(input_dropout_rate=0.1))).all()


@pytest.mark.parametrize(
    "arguments",
    [
        {"hidden_layer_sizes": (2,), "dropout_rate": 0.2},
        {"hidden_layer_sizes": (1, 10), "dropout_rate": (0.9, 0.04)},
        {"hidden_layer_sizes": (), "dropout_rate": 0.9, "input_dropout_rate": 0.04},
    ],
    ids=str,
)
def test_rates_that_round_to_no_unit_are_no_dropout(arguments):
    net = fit("multiclass", **arguments)
    with pytest.raises(ValueError, match="drops nothing of hidden layers of"):
        measures(net)
    assert np.isfinite(samples(net.set_params(dropout="bernoulli", input_dropout_rate=0.1))).all()


@over_kinds
def test_a_network_without_hidden_layers_drops_inputs(kind):
    net = fit(kind, hidden_layer_sizes=(), dropout_rate=0.5)
    with pytest.raises(ValueError, match="dropout_rate"):
        samples(net)
    net.set_params(input_dropout_rate=0.2)
    assert (np.ptp(samples(net, n_samples=30), axis=0) > 1e-4).any()


@over_kinds
def test_dropout_is_checked_again(kind):
    for bad, message in (
        ({"dropout_rate": 1.0}, "dropout_rate, if it is not 'auto', must be"),
        ({"dropout_rate": (0.1, 0.2, 0.3)}, "one for each of the 2 hidden layers"),
        ({"input_dropout_rate": -0.1}, "input_dropout_rate must be"),
        ({"dropout": "bernouli"}, "dropout must be one of"),
        ({"dropout": "alpha"}, "needs activation='selu'"),
    ):
        net = fit(kind).set_params(**bad)
        for method in (samples, measures):
            with pytest.raises(ValueError, match=message):
                method(net)


@over_kinds
def test_not_fitted(kind):
    for method in (samples, measures):
        with pytest.raises(NotFittedError):
            method(network(kind))


# with others


def test_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), network()).fit(X, CLASSES["multiclass"])
    scaled = pipeline[:-1].transform(X)
    alone = network().fit(scaled, CLASSES["multiclass"])
    assert_same_measures(measures(pipeline[-1], scaled), measures(alone, scaled), rtol=0, atol=0)
    numbers = make_pipeline(StandardScaler(), network("numbers")).fit(X, NUMBERS["numbers"])
    mean, std = numbers.predict(X, return_std=True, random_state=0)
    expected = numbers[-1].predict(scaled, return_std=True, random_state=0)
    assert_array_equal([mean, std], expected)


# extremes


@pytest.mark.parametrize("kind", [kind for kind in TARGETS if kind != "counts"])  # exp(z) is huge
@over_schemes
@pytest.mark.parametrize(
    "arguments",
    [
        {"hidden_layer_sizes": (1,), "dropout_rate": 0.99, "input_dropout_rate": 0.3},
        {"hidden_layer_sizes": (1, 1), "input_dropout_rate": 0.99},
        {"hidden_layer_sizes": (12, 7), "dropout_rate": 0.99},
    ],
    ids=str,
)
def test_narrow_networks_and_high_rates_stay_finite(kind, scheme, arguments):
    before = {"max_iter": 1, "dropout_rate": 0.1}
    net = fit(kind, scheme, **arguments | before).set_params(**arguments)
    for rows in (X, X[:1]):
        assert np.isfinite(samples(net, rows)).all()
        assert all(np.isfinite(value).all() for value in measures(net, rows).values())


@over_classes
@pytest.mark.parametrize("factor", [1e3, 1e6, 1e150])
def test_saturated_networks_stay_finite(kind, factor):
    """Thinned networks that are all sure of themselves disagree; hardly any of them sees noise."""
    net = fit(kind)
    net.coefs_[-1][:] *= factor
    uncertainty = measures(net, n_samples=30)
    assert all(np.isfinite(value).all() for value in uncertainty.values())
    assert_same_measures(uncertainty, measures_of(net, samples(net, n_samples=30)))
    assert uncertainty["expected_entropy"].mean() < 0.05
    assert uncertainty["mutual_information"].max() > 0.4


# memory


@pytest.mark.parametrize(
    "kind, scheme",
    [
        ("multiclass", "bernoulli"),
        ("multilabel", "batchwise"),
        ("numbers", "dropconnect"),
        ("several numbers", "bernoulli"),
    ],
)
def test_memory_does_not_grow_with_the_number_of_samples(kind, scheme, monkeypatch):
    net = fit(kind, scheme)
    rows = np.random.default_rng(0).normal(size=(20_000, 6))
    size = sum(value.nbytes for value in measures(net, rows, n_samples=1).values())
    if kind in NUMBERS:
        size *= 2  # the means come with the standard deviations
    small_blocks(monkeypatch, n_rows=512)
    peaks = []
    for n_samples in (5, 50):
        tracemalloc.start()
        measures(net, rows, n_samples)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    few, many = peaks
    block = 512 * 12 * 8
    assert abs(many - few) < block
    assert many < size + 14 * block


@pytest.mark.parametrize("kind", ["multiclass", "numbers"])
def test_memory_holds_no_copy_of_wide_data(kind, monkeypatch):
    rows = np.random.default_rng(0).normal(size=(2000, 500))
    net = network(kind).fit(rows[:50], TARGETS[kind])
    monkeypatch.setattr(tuning, "INFERENCE_NUMBERS", 100 * 500)
    tracemalloc.start()
    measures(net, rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < rows.nbytes / 4


# use


def test_digits_and_noise_are_told_apart():
    """Mutual information is low for what is like the training data, high for what is not."""
    digits, y = load_digits(return_X_y=True)
    digits = digits / 16
    noise = np.random.default_rng(0).random((400, 64))
    net = DropoutMLPClassifier(
        (128,),
        dropout="bernoulli",
        dropout_rate=0.5,
        batch_size=64,
        learning_rate="cosine",
        learning_rate_init=0.01,
        max_iter=5,
        random_state=0,
    ).fit(digits[:1200], y[:1200])
    of_digits, of_noise = (
        net.predict_uncertainty(rows, 50, random_state=0).mutual_information
        for rows in (digits[1200:], noise)
    )
    assert of_noise.mean() > 1.5 * of_digits.mean()
    is_noise = np.repeat([0, 1], [len(of_digits), len(of_noise)])
    assert roc_auc_score(is_noise, np.concatenate([of_digits, of_noise])) > 0.9


@pytest.mark.parametrize("kind", ["multiclass", "numbers"])
def test_samples_take_no_more_memory_than_their_array(kind):
    net = fit(kind)
    rows = np.tile(X, (50, 1))
    samples(net, rows, n_samples=2)
    tracemalloc.start()
    y = samples(net, rows, n_samples=100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.3 * y.nbytes + (2 << 20)


def test_too_many_samples_fail_at_once():
    with pytest.raises(MemoryError):
        samples(fit("multiclass"), n_samples=10**15)


class Slip(Bernoulli):
    def draw(self, rng, rate, out):
        out[:] = np.nan


@pytest.mark.parametrize("consistent", [False, True])
def test_masks_that_are_no_numbers_are_an_error(consistent):
    net = DropoutMLPClassifier((5,), cv=None, max_iter=5, random_state=0)
    net.fit(X, CLASSES["binary"]).set_params(dropout=Slip(), dropout_rate=0.3)
    with pytest.raises(ValueError, match=r"dropout=.*Slip.* drew masks with NaN"):
        net.predict_proba_samples(X, 3, consistent=consistent)
    assert np.isfinite(net.predict_proba(X)).all()
