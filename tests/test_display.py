"""How an estimator shows itself: links, tooltips, changed arguments, and complete documentation."""

import html
import inspect
import re

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core.activations import ACTIVATIONS
from skdropout.dropout import DROPOUT_SCHEMES, Batchwise, Bernoulli
from skdropout.initializers import INITIALIZERS
from skdropout.optimizers import OPTIMIZERS, Adam
from skdropout.schedules import DROPOUT_SCHEDULES, SCHEDULES, Late

CLASSES = [DropoutMLPClassifier, DropoutMLPRegressor]
LINK = "https://skdropout.readthedocs.io/en/stable/api/skdropout.{}.html"
VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])

each_class = pytest.mark.parametrize("network", CLASSES)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(60, n_features=6, random_state=0)


def section(network, title):
    """Entries of a numpydoc section: {name: (type, description)}."""
    lines = inspect.getdoc(network).splitlines()
    start = lines.index(title) + 2
    assert lines[start - 1] == "-" * len(title)
    entries, name = {}, None
    for line, following in zip(lines[start:], [*lines[start + 1 :], ""], strict=True):
        if set(following) == {"-"}:
            break
        if line and not line.startswith(" "):
            name, _, kind = line.partition(" : ")
            assert name not in entries
            entries[name] = (kind, "")
        elif line:
            kind, text = entries[name]
            entries[name] = (kind, f"{text} {line.strip()}".strip())
    return entries


# documentation


@each_class
def test_each_argument_is_described(network):
    described = section(network, "Parameters")
    assert set(described) == set(network().get_params())
    for name, (kind, text) in described.items():
        assert kind, name
        assert len(text.split()) >= 3, name
        assert text.endswith("."), name


@each_class
def test_described_defaults_are_the_defaults(network):
    defaults = network().get_params()
    for name, (kind, _) in section(network, "Parameters").items():
        found = re.search(r"default=(.+)$", kind)
        assert found, name
        assert eval(found[1]) == defaults[name], name


@each_class
def test_arguments_are_described_in_the_order_of_the_constructor(network):
    """The positional ones first, those of one class alone last."""
    described = list(section(network, "Parameters"))
    assert described == list(inspect.signature(network).parameters)


def test_shared_arguments_are_described_alike():
    """Up to defaults, what a penalty or the scaling is for, and the numbers of references."""
    ours, theirs = (section(network, "Parameters") for network in CLASSES)
    shared = ours.keys() & theirs.keys()
    differ = {name for name in shared if unnumbered(ours[name]) != unnumbered(theirs[name])}
    own_defaults = {"hidden_layer_sizes", "dropout_rate", "learning_rate_init"}
    assert differ == own_defaults | {"alpha", "learning_rate", "loss", "scoring", "standardize"}


def unnumbered(entry):
    return [re.sub(r"\[\d+\]_", "[]_", part) for part in entry]


@each_class
def test_references_are_numbered_in_the_order_of_their_mention(network):
    text, references = inspect.getdoc(network).split("\nReferences\n")
    mentioned = list(dict.fromkeys(re.findall(r"\[(\d+)\]_", text)))
    listed = re.findall(r"^\.\. \[(\d+)\]", references, re.M)
    assert sorted(mentioned) == listed == [str(i + 1) for i in range(len(listed))]


@each_class
@pytest.mark.parametrize(
    "argument, names",
    [
        ("activation", ACTIVATIONS),
        ("dropout", DROPOUT_SCHEMES),
        ("dropout_schedule", DROPOUT_SCHEDULES),
        ("solver", [*OPTIMIZERS, "lbfgs"]),
        ("weight_init", [*INITIALIZERS, "auto"]),
        ("learning_rate", [*SCHEDULES, "auto"]),
    ],
)
def test_every_name_that_an_argument_takes_is_described(network, argument, names):
    _, text = section(network, "Parameters")[argument]
    assert {name for name in names if f'"{name}"' not in text} == set()


@each_class
@pytest.mark.parametrize(
    "arguments, absent",
    [
        ({}, "of a single network"),
        ({"cv": 3, "scoring": "r2"}, "of a single network"),
        ({"cv": None}, "nly with `cv`"),
        ({"early_stopping": True}, "nly with `cv`"),
    ],
    ids=str,
)
def test_documented_attributes_exist_and_no_others(network, arguments, absent):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    estimator = network(max_iter=2, **arguments).fit(frame, Y)
    documented = section(network, "Attributes")
    for name, (kind, text) in documented.items():
        assert hasattr(estimator, name) == (absent not in text), name
        assert kind, name
        assert text.endswith("."), name
    public = {name for name in vars(estimator) if name.endswith("_") and name[0] != "_"}
    assert public <= set(documented)
    unfitted = network()
    assert [name for name in documented if hasattr(unfitted, name)] == []


@each_class
@pytest.mark.parametrize("cv", [2, None])
def test_documented_types_of_attributes(network, cv):
    estimator = network(max_iter=2, cv=cv).fit(X, Y)
    kinds = {"int": int, "float": float, "list": list, "ndarray": np.ndarray, "dict": dict}
    for name, (kind, _) in section(network, "Attributes").items():
        first = kind.split()[0]
        if first in kinds and hasattr(estimator, name):
            value = getattr(estimator, name)
            assert isinstance(value, kinds[first]) or ("None" in kind and value is None), name


# pictures


@each_class
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("piped", [False, True])
def test_html_links_to_our_documentation(network, fitted, piped):
    estimator = network(max_iter=2)
    model = make_pipeline(StandardScaler(), estimator) if piped else estimator
    page = estimator_html_repr(model.fit(X, Y) if fitted else model)
    link = LINK.format(network.__name__)
    assert f'href="{link}"' in page
    assert f"Documentation for {network.__name__}" in page
    state = "<span>Fitted</span>" if fitted else "<span>Not fitted</span>"
    assert state in page
    assert ("StandardScaler.html" in page) == piped


@each_class
def test_html_works_in_a_notebook(network):
    estimator = network()
    assert estimator._get_doc_link() == LINK.format(network.__name__)
    bundle = estimator._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == f"{network.__name__}()"


@pytest.mark.skipif(VERSION < (1, 9), reason="scikit-learn 1.9 shows descriptions")
@each_class
@pytest.mark.parametrize("fitted", [False, True])
def test_html_has_a_tooltip_for_each_argument(network, fitted):
    estimator = network(max_iter=2)
    page = estimator_html_repr(estimator.fit(X, Y) if fitted else estimator)
    shown = dict(
        re.findall(r'<span class="param-doc-description"\s.*?>\s*(\w+): (.*?)</span>', page, re.S)
    )
    for name, (_, text) in section(network, "Parameters").items():
        assert name in shown, name
        assert html.escape(text.split()[0]) in shown[name].split("<br><br>")[1], name
    links = re.findall(r'class="param-doc-link"[^>]*href="([^"#]*)#', page)
    assert set(links) == {LINK.format(network.__name__)}


@pytest.mark.skipif(VERSION < (1, 9), reason="scikit-learn 1.9 shows fitted attributes")
@each_class
def test_html_has_a_row_for_fitted_attributes(network):
    page = estimator_html_repr(network(max_iter=2).fit(X, Y))
    table = page[page.index("Fitted attributes") :]
    for name in ("n_iter_", "loss_", "n_layers_", "out_activation_"):
        assert name in table


@pytest.mark.skipif(VERSION < (1, 7), reason="scikit-learn 1.7 shows a table of arguments")
@each_class
def test_html_marks_changed_arguments(network):
    page = estimator_html_repr(network(alpha=0.5, dropout=Bernoulli()))
    rows = re.findall(r'<tr class="(user-set|default)">.*?\'(\w+)\',', page, re.S)
    assert {name for state, name in rows if state == "user-set"} == {"alpha", "dropout"}
    assert len(rows) == len(network().get_params())


@each_class
@pytest.mark.parametrize(
    "arguments, text",
    [
        ({}, ""),
        ({"dropout_rate": 0.4}, "dropout_rate=0.4"),
        ({"alpha": 1e-4, "activation": "tanh"}, "activation='tanh'"),
        ({"hidden_layer_sizes": (8, 4)}, "hidden_layer_sizes=(8, 4)"),
        ({"solver": Adam(), "shuffle": False}, "shuffle=False, solver=Adam()"),
        ({"n_iter_no_change": np.inf}, "n_iter_no_change=inf"),
        ({"batch_norm": True, "dropout": "gaussian"}, "batch_norm=True, dropout='gaussian'"),
        ({"dropout": Batchwise(batches_per_mask=3)}, "dropout=Batchwise(batches_per_mask=3)"),
        ({"dropout": Batchwise(batches_per_mask=1)}, "dropout=Batchwise()"),
        ({"dropout_schedule": Late(start=0.2)}, "dropout_schedule=Late(start=0.2)"),
        ({"cv": 5, "standardize": False}, "cv=5, standardize=False"),
    ],
    ids=str,
)
def test_text_shows_changed_arguments_alone(network, arguments, text):
    estimator = network(**arguments)
    assert repr(estimator) == repr(clone(estimator)) == f"{network.__name__}({text})"


@each_class
def test_text_is_the_same_after_fit(network):
    estimator = network(max_iter=2)
    assert repr(estimator.fit(X, Y)) == f"{network.__name__}(max_iter=2)"
