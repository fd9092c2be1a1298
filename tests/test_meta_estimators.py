"""A tour through scikit-learn: whatever takes an estimator takes these."""

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform, uniform
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import (
    load_iris,
    make_classification,
    make_friedman1,
    make_multilabel_classification,
)
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, log_loss, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])

X, Y = load_iris(return_X_y=True)
SCALED = StandardScaler().fit_transform(X)
X_NUMBERS, NUMBERS = make_friedman1(200, n_features=6, random_state=0)


def classifier(**arguments):
    defaults = {"hidden_layer_sizes": (16,), "learning_rate_init": 0.02, "max_iter": 30}
    return DropoutMLPClassifier(**{**defaults, "random_state": 0, **arguments})


def regressor(**arguments):
    defaults = {"hidden_layer_sizes": (32,), "learning_rate_init": 0.02, "max_iter": 80}
    return DropoutMLPRegressor(**{**defaults, "batch_size": 32, "random_state": 0, **arguments})


# preprocessing


def test_pipeline():
    model = make_pipeline(StandardScaler(), classifier()).fit(X, Y)
    by_hand = classifier().fit(SCALED, Y)
    assert_allclose(model.predict_proba(X), by_hand.predict_proba(SCALED))
    assert model.score(X, Y) > 0.9
    assert model[:-1].transform(X).shape == X.shape


def test_column_transformer():
    """The label hangs on a number and on a category; both columns are needed."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "height": 100 * rng.normal(size=300),
            "colour": rng.choice(["red", "green", "blue"], 300),
            "shape": pd.Categorical(rng.choice(["round", "square"], 300)),
        }
    )
    y = np.where((frame["height"] > 0) ^ (frame["colour"] == "red"), "yes", "no")
    columns = ColumnTransformer(
        [("scale", StandardScaler(), ["height"]), ("encode", OneHotEncoder(), ["colour", "shape"])],
        sparse_threshold=1.0,
    )
    model = make_pipeline(columns, classifier(batch_size=32)).fit(frame, y)
    assert model[-1].n_features_in_ == 6
    assert model.score(frame, y) > 0.9
    assert_array_equal(model.predict(frame.iloc[::-1]), model.predict(frame)[::-1])


# searches


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search(n_jobs):
    model = make_pipeline(StandardScaler(), classifier())
    grid = {"dropoutmlpclassifier__learning_rate_init": [1e-5, 0.02]}
    search = GridSearchCV(model, grid, cv=3, n_jobs=n_jobs, error_score="raise").fit(X, Y)
    assert search.best_params_["dropoutmlpclassifier__learning_rate_init"] == 0.02
    assert search.best_score_ > 0.9
    alone = GridSearchCV(clone(model), grid, cv=3).fit(X, Y)
    assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert_array_equal(search.predict_proba(X), alone.predict_proba(X))


def test_halving_search_over_epochs():
    search = HalvingGridSearchCV(
        classifier(),
        {"learning_rate_init": [1e-5, 1e-4, 0.02, 0.05], "hidden_layer_sizes": [(8,), (16,)]},
        resource="max_iter",
        min_resources=5,
        max_resources=40,
        factor=3,
        cv=3,
        random_state=0,
    ).fit(SCALED, Y)
    assert search.n_resources_ == [5, 15]
    assert search.best_estimator_.max_iter == 15
    assert search.best_params_["learning_rate_init"] >= 0.02
    assert search.score(SCALED, Y) > 0.85


def test_randomized_search():
    space = {"alpha": loguniform(1e-6, 1e-2), "dropout_rate": uniform(0, 0.5)}
    search = RandomizedSearchCV(classifier(), space, n_iter=3, cv=2, random_state=0)
    search.fit(SCALED, Y)
    rates = search.cv_results_["param_dropout_rate"].astype(float)
    assert len(set(rates)) == 3
    assert search.best_params_["dropout_rate"] in rates
    assert search.best_score_ > 0.85


def test_grid_search_of_a_regressor():
    search = GridSearchCV(regressor(), {"max_iter": [1, 80]}, cv=3).fit(X_NUMBERS, NUMBERS)
    assert search.best_params_ == {"max_iter": 80}
    assert search.best_score_ > 0.6


# ensembles


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibration(method):
    if method == "temperature" and VERSION < (1, 8):
        pytest.skip("scikit-learn 1.8 has it")
    rough = classifier(max_iter=300, learning_rate_init=0.05, dropout_rate=0, cv=None)
    rough.set_params(learning_rate="constant", tol=0.0, batch_size=50)
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(len(Y)) < 0.2, rng.integers(0, 3, len(Y)), Y)
    calibrated = CalibratedClassifierCV(clone(rough), method=method, cv=3).fit(
        SCALED[::2], noisy[::2]
    )
    p = calibrated.predict_proba(SCALED)
    assert_allclose(p.sum(axis=1), 1)
    raw = clone(rough).fit(SCALED[::2], noisy[::2]).predict_proba(SCALED[1::2])
    assert log_loss(noisy[1::2], p[1::2]) < log_loss(noisy[1::2], raw)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_bagging(n_jobs):
    bag = BaggingClassifier(
        classifier(random_state=None, max_iter=80), 3, random_state=0, n_jobs=n_jobs
    )
    bag.fit(SCALED, Y)
    assert bag.score(SCALED, Y) > 0.9
    first, second = (member.predict_proba(SCALED) for member in bag.estimators_[:2])
    assert np.abs(first - second).max() > 1e-3
    alone = clone(bag).set_params(n_jobs=None).fit(SCALED, Y)
    assert_array_equal(bag.predict_proba(SCALED), alone.predict_proba(SCALED))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_bagging_of_rare_classes(early_stopping):
    """Some draws lack a rare class, others hold a single row of it."""
    y = np.where(np.arange(150) < 75, "a", "b")
    y[[0, 50, 100]] = "c", "d", "d"
    member = classifier(max_iter=5, early_stopping=early_stopping)
    bag = BaggingClassifier(member, 12, random_state=0).fit(SCALED, y)
    drawn = [np.unique(rows) for rows in bag.estimators_samples_]
    assert any("c" not in y[rows] for rows in drawn)
    assert any((y[rows] == "d").sum() == 1 for rows in drawn)
    assert all(len(member.classes_) == 4 for member in bag.estimators_)
    assert_allclose(bag.predict_proba(SCALED).sum(axis=1), 1)


def test_bagging_of_few_rows():
    """Draws of two rows: the weights of most are those of a single class."""
    bag = BaggingClassifier(classifier(max_iter=5), 6, max_samples=2, random_state=0)
    bag.fit(SCALED, Y)
    assert any(len(set(Y[rows])) == 1 for rows in bag.estimators_samples_)
    assert_allclose(bag.predict_proba(SCALED).sum(axis=1), 1)


def test_boosting_hands_on_its_weights():
    boosted = AdaBoostClassifier(classifier(max_iter=20), n_estimators=4, random_state=0)
    boosted.fit(SCALED, Y)
    assert len(boosted.estimators_) > 1
    assert boosted.score(SCALED, Y) > 0.85
    first, second = (member.predict_proba(SCALED) for member in boosted.estimators_[:2])
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_voting(voting):
    members = [("net", classifier()), ("line", LogisticRegression())]
    names = np.array(["a", "b", "c"])[Y]
    vote = VotingClassifier(members, voting=voting).fit(SCALED, names)
    assert vote.score(SCALED, names) > 0.9
    if voting == "soft":
        both = [member.predict_proba(SCALED) for member in vote.estimators_]
        assert_allclose(vote.predict_proba(SCALED), np.mean(both, axis=0))


def test_stacking():
    members = [("net", classifier()), ("wide", classifier(activation="tanh"))]
    stack = StackingClassifier(members, LogisticRegression(), cv=3).fit(SCALED, Y)
    assert stack.transform(SCALED).shape == (len(SCALED), 6)
    assert stack.score(SCALED, Y) > 0.9
    on_top = StackingClassifier([("line", LogisticRegression())], classifier(), cv=3)
    assert on_top.fit(SCALED, Y).score(SCALED, Y) > 0.85


def test_one_versus_rest():
    rest = OneVsRestClassifier(classifier()).fit(SCALED, Y)
    assert [member.n_outputs_ for member in rest.estimators_] == [1, 1, 1]
    assert rest.score(SCALED, Y) > 0.9


def test_multi_output():
    X, Y = make_multilabel_classification(120, 8, n_classes=3, random_state=0)
    X = StandardScaler().fit_transform(X)
    both = np.column_stack([np.where(Y[:, 0], "yes", "no"), np.where(Y[:, 1], "more", "less")])
    model = MultiOutputClassifier(classifier(), n_jobs=2).fit(X, both)
    assert model.predict(X).shape == both.shape
    assert (model.predict(X) == both).mean() > 0.85
    alone = MultiOutputClassifier(classifier()).fit(X, both)
    for mine, other in zip(model.predict_proba(X), alone.predict_proba(X), strict=True):
        assert_array_equal(mine, other)


@pytest.mark.parametrize("constant", [0, 1])
def test_constant_columns(constant):
    both = np.column_stack([Y > 0, np.full(len(Y), constant), Y > 1]).astype(int)
    chain = ClassifierChain(classifier()).fit(SCALED, both)
    assert_array_equal(chain.predict(SCALED)[:, 1], both[:, 1])
    assert (chain.predict(SCALED) == both).mean() > 0.9
    model = MultiOutputClassifier(classifier()).fit(SCALED, both)
    assert [p.shape for p in model.predict_proba(SCALED)] == [(150, 2), (150, 1), (150, 2)]
    with pytest.warns(UserWarning, match="is present in all|not 1 is present"):
        rest = OneVsRestClassifier(classifier()).fit(SCALED, both)
    assert_array_equal(rest.predict(SCALED)[:, 1], both[:, 1])


@pytest.mark.parametrize("arguments", [{}, {"early_stopping": True}], ids=str)
def test_folds_of_one_class(arguments):
    one_or_two = Y < 2
    X, y = SCALED[one_or_two], Y[one_or_two]
    scores = cross_val_score(classifier(**arguments), X, y, cv=KFold(2), error_score="raise")
    assert_array_equal(scores, [0, 0])
    with pytest.warns(RuntimeWarning, match="does not match total number of classes"):
        p = cross_val_predict(classifier(**arguments), X, y, cv=KFold(2), method="predict_proba")
    assert_array_equal(p, np.eye(2)[1 - y])


def test_transformed_target():
    y = np.exp(NUMBERS / 5)
    model = TransformedTargetRegressor(regressor(), func=np.log, inverse_func=np.exp)
    model.fit(X_NUMBERS, y)
    assert r2_score(np.log(y), np.log(model.predict(X_NUMBERS))) > 0.7
    scaled = TransformedTargetRegressor(regressor(), transformer=StandardScaler())
    assert scaled.fit(X_NUMBERS, 1e6 + 1e3 * NUMBERS).score(X_NUMBERS, 1e6 + 1e3 * NUMBERS) > 0.7


def test_bagging_of_regressors():
    bag = BaggingRegressor(regressor(), 3, random_state=0).fit(X_NUMBERS, NUMBERS)
    members = [member.predict(X_NUMBERS) for member in bag.estimators_]
    assert_allclose(bag.predict(X_NUMBERS), np.mean(members, axis=0))
    assert bag.score(X_NUMBERS, NUMBERS) > 0.7


# inspection


def test_permutation_importance_finds_the_columns_that_count():
    X, y = make_classification(
        200, n_features=6, n_informative=2, n_redundant=0, shuffle=False, random_state=0
    )
    clf = classifier().fit(X, y)
    one, two = (
        permutation_importance(clf, X, y, n_repeats=5, random_state=0, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    assert_array_equal(one.importances, two.importances)
    assert one.importances_mean[:2].max() > 0.1 > np.abs(one.importances_mean[2:]).max()


@pytest.mark.parametrize("incremental", [False, True])
def test_learning_curve(incremental):
    sizes, train, test = learning_curve(
        classifier(),
        SCALED,
        Y,
        train_sizes=[40, 100],
        cv=3,
        shuffle=True,
        random_state=0,
        exploit_incremental_learning=incremental,
        error_score="raise",
    )
    assert sizes.tolist() == [40, 100]
    assert train.shape == test.shape == (2, 3)
    if not incremental:
        assert test.mean() > 0.85


@pytest.mark.parametrize("method", ["predict_proba", "decision_function", "predict_log_proba"])
def test_cross_val_predict(method):
    out = cross_val_predict(classifier(), SCALED, Y, cv=3, method=method)
    assert out.shape == (150, 3)
    assert (out.argmax(axis=1) == Y).mean() > 0.85
    two = cross_val_predict(classifier(), SCALED, Y, cv=3, method=method, n_jobs=2)
    assert_array_equal(out, two)


# metadata


def test_weights_are_routed_through_a_search_over_a_pipeline():
    """Rows of weight zero have wrong labels: heard, the weights make all the difference."""
    wrong = np.arange(len(Y)) % 3 == 0
    y, weight = np.where(wrong, (Y + 1) % 3, Y), np.where(wrong, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        net = classifier(max_iter=60).set_fit_request(sample_weight=True)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        grid = {"dropoutmlpclassifier__alpha": [0.0, 1e-3]}
        model = make_pipeline(scaler, net)
        search = GridSearchCV(model, grid, scoring=scorer, cv=3, error_score="raise")
        search.fit(X, y, sample_weight=weight)
        assert search.best_score_ > 0.9
        scaled = StandardScaler().fit(X, sample_weight=weight).transform(X)
        alpha = search.best_params_["dropoutmlpclassifier__alpha"]
        by_hand = classifier(max_iter=60, alpha=alpha).fit(scaled, y, weight)
        assert_allclose(search.predict_proba(X), by_hand.predict_proba(scaled))


def test_weights_nobody_asked_for_are_refused():
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(classifier(), {"alpha": [0.0]}, cv=2)
        with pytest.raises(ValueError, match="sample_weight"):
            search.fit(SCALED, Y, sample_weight=np.ones(len(Y)))


@pytest.mark.parametrize("network", [DropoutMLPClassifier, DropoutMLPRegressor])
def test_validation_sets_are_routed(network):
    names = ["X_val", "y_val", "sample_weight_val", "sample_weight", "groups"]
    with sklearn.config_context(enable_metadata_routing=True):
        asked = network().set_fit_request(**dict.fromkeys(names, True))
        assert asked.get_metadata_routing().fit.requests == dict.fromkeys(names, True)
        net = network(max_iter=3, random_state=0).set_fit_request(X_val=True, y_val=True)
        model = make_pipeline(net).fit(SCALED, Y, X_val=SCALED[::5], y_val=Y[::5])
    assert len(model[-1].history_["validation_score"]) == 3


# frames


def polars_frame(X, names):
    return pytest.importorskip("polars").DataFrame(X, schema=names, orient="row")


FRAMES = {"pandas": lambda X, names: pd.DataFrame(X, columns=names), "polars": polars_frame}
each_frame = pytest.mark.parametrize("frame_of", FRAMES.values(), ids=FRAMES)


@each_frame
@pytest.mark.parametrize("make", [classifier, regressor])
def test_frames(frame_of, make):
    names = ["a", "b", "c", "d"]
    frame = frame_of(SCALED, names)
    net = make(max_iter=5).fit(frame, Y)
    assert net.feature_names_in_.tolist() == names
    by_array = make(max_iter=5).fit(SCALED, Y)
    assert_array_equal(net.predict(frame), by_array.predict(SCALED))
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(frame[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(frame_of(SCALED, ["a", "b", "c", "e"]))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        net.predict(SCALED)
    with pytest.warns(UserWarning, match="fitted without feature names"):
        by_array.predict(frame)


@each_frame
def test_columns_of_frames_as_targets(frame_of):
    y = frame_of(Y[:, np.newaxis], ["kind"])["kind"]
    clf = classifier(max_iter=5).fit(SCALED, y)
    assert_array_equal(
        clf.predict_proba(SCALED), classifier(max_iter=5).fit(SCALED, Y).predict_proba(SCALED)
    )
    assert 0.3 < clf.score(SCALED, y) <= 1


@each_frame
def test_partial_fit_of_frames_checks_names(frame_of):
    clf = classifier().partial_fit(frame_of(SCALED, list("abcd")), Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="feature names should match"):
        clf.partial_fit(frame_of(SCALED, list("dcba")), Y)
    assert clf.n_iter_ == 1


# memory


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_read_only_memory_maps(make, dtype, order, tmp_path):
    data = np.asarray(SCALED, dtype=dtype, order=order), Y, np.linspace(0.5, 1, len(Y))
    joblib.dump(data, tmp_path / "data.joblib")
    mapped_X, mapped_y, weight = joblib.load(tmp_path / "data.joblib", mmap_mode="r")
    assert not mapped_X.flags.writeable
    net = make(max_iter=3, dropout_rate=0.3, input_dropout_rate=0.2, early_stopping=True)
    mapped = clone(net).fit(mapped_X, mapped_y, weight)
    assert_array_equal(mapped.predict(mapped_X), net.fit(*data).predict(data[0]))
    assert_array_equal(mapped_X, data[0])
