"""The tables of the pages: header and rows of each, from the figures in results/*.json."""

from common import PEERS, load

TABLES = {}


def table(function):
    """Register a function that returns the header and the rows of the table of its name."""
    TABLES[function.__name__] = function
    return function


def pm(value, error, digits, sign=""):
    """A figure with its standard error."""
    return "never" if value is None else f"{value:{sign}.{digits}f} ± {error:.{digits}f}"


def _gains(entry):
    """Differences of accuracy and log-loss with their standard errors."""
    return [
        pm(entry[name], entry[f"{name}_error"], digits, "+")
        for name, digits in (("accuracy", 2), ("log_loss", 4))
    ]


@table
def schemes():
    header = ["scheme", "rate", "accuracy, %", "log-loss"]
    rows = [
        [entry["scheme"], entry["rate"], f"{entry['accuracy']:.2f}", f"{entry['log_loss']:.4f}"]
        for entry in load("schemes")["results"]["configurations"]
    ]
    return header, rows


@table
def scheme_differences():
    header = ["difference", "rate", "accuracy, points", "log-loss"]
    rows = [
        [entry["pair"].replace(" - ", " − "), entry["rate"], *_gains(entry)]
        for entry in load("schemes")["results"]["differences"]
    ]
    return header, rows


@table
def overfitting():
    header = ["network", "train, %", "test, %", "test against plain, points", "test log-loss"]
    rows = []
    for entry in load("overfitting")["results"]["accuracy"]:
        gain = pm(entry["test_accuracy_gain"], entry["test_accuracy_gain_error"], 2, "+")
        scores = [
            pm(entry["train_accuracy"], entry["train_accuracy_error"], 2),
            pm(entry["test_accuracy"], entry["test_accuracy_error"], 2),
            gain if rows else "",
            pm(entry["test_log_loss"], entry["test_log_loss_error"], 3),
        ]
        rows.append([entry["network"], *scores])
    return header, rows


def _mean_epochs(epochs):
    """Mean over the seeds, or how many of them came there."""
    there = [n for n in epochs if n is not None]
    if len(there) < len(epochs):
        return f"{len(there)} of {len(epochs)} seeds" if there else "never"
    return f"{sum(there) / len(there):.1f}"


@table
def epochs():
    results = load("overfitting")["results"]["epochs"]
    header = ["network", *(f"rate {rate}" for rate in results[0]["epochs"]), "at the best"]
    rows = [
        [
            entry["network"],
            *map(_mean_epochs, entry["epochs"].values()),
            pm(entry["mean"], entry["error"], 1),
        ]
        for entry in results
    ]
    return header, rows


def _name(variant):
    """Scheme and rates in words."""
    inputs = variant.get("input_dropout_rate")
    rates = f"{variant['dropout_rate']}" + (f", inputs {inputs}" if inputs else "")
    return f"{variant['dropout']} {rates}"


@table
def monte_carlo():
    header = ["dropout", "accuracy, whole", "accuracy, draws", "log-loss, whole", "log-loss, draws"]
    rows = [
        [
            _name(variant),
            *(f"{variant[f'accuracy_{by}']:.2f}" for by in ("scaling", "draws")),
            *(f"{variant[f'log_loss_{by}']:.4f}" for by in ("scaling", "draws")),
        ]
        for variant in load("monte_carlo")["results"]["mnist"]
    ]
    return header, rows


@table
def strange_images():
    measures = {"mutual_information": "information", "predictive_entropy": "entropy"}
    columns = [(kind, measure) for kind in ("noise", "turned") for measure in measures]
    header = ["dropout", *(f"{kind}, {measures[measure]}" for kind, measure in columns)]
    rows = [
        [_name(variant), *(f"{variant[f'auc_{kind}_{measure}']:.3f}" for kind, measure in columns)]
        for variant in load("monte_carlo")["results"]["mnist"]
    ]
    return header, rows


@table
def million_rows():
    million = load("monte_carlo")["results"]["million"]
    header = ["a million rows of 20 features, network 20-64-2, 50 draws", ""]
    rows = [
        ["seconds", f"{million['seconds']:.1f}"],
        ["the rows, MB", f"{million['data_megabytes']:.0f}"],
        ["peak memory beyond them, MB", f"{million['peak_megabytes']:.0f}"],
        ["of it what is returned, MB", f"{million['results_megabytes']:.0f}"],
    ]
    return header, rows


def _mean_of_ours(measure):
    """The defaults over the tables."""
    mine = [figures[measure] for figures in load("tables")["results"]["tables"].values()]
    return sum(mine) / len(mine)


def _defaults(measure, digits):
    """The defaults beside each peer."""
    results = load("tables")["results"]
    n_tables = len(results["tables"])
    header = ["", "mean", "ours wins", "gain of ours", "p"]
    rows = [["ours", f"{_mean_of_ours(measure):.{digits}f}", "", "", ""]]
    for peer, line in results[measure].items():
        gain = pm(line["gain"], line["error"], digits, "+")
        wins = f"{line['wins']} of {n_tables}"
        p = "< 0.001" if line["p"] < 0.001 else f"{line['p']:.3f}"
        rows.append([PEERS[peer], f"{line['mean']:.{digits}f}", wins, gain, p])
    return header, rows


@table
def defaults_accuracy():
    return _defaults("accuracy", 4)


@table
def defaults_log_loss():
    return _defaults("log_loss", 4)


@table
def quality():
    results = load("tables")["results"]
    accuracy, loss = results["accuracy"], results["log_loss"]
    mine = f"{100 * _mean_of_ours('accuracy'):.1f}", f"{_mean_of_ours('log_loss'):.3f}"
    rows = [["ours", *mine, ""]]
    for peer, line in sorted(accuracy.items(), key=lambda item: -item[1]["mean"]):
        losses = f"{loss[peer]['mean']:.3f}" if peer in loss else ""
        gain = pm(100 * line["gain"], 100 * line["error"], 1, "+")
        rows.append([PEERS[peer], f"{100 * line['mean']:.1f}", losses, gain])
    return ["twenty tables, defaults", "accuracy, %", "log-loss", "gain of ours, points"], rows


@table
def candidates():
    header = ["", "accuracy, %", "against the defaults", "log-loss", "against the defaults"]
    rows = []
    for entry in load("candidates")["results"]:
        accuracy, loss = entry["accuracy"], entry["log_loss"]
        gains = ["", ""]
        if rows:
            gains = [
                pm(100 * accuracy["difference"], 100 * accuracy["error"], 2, "+"),
                pm(loss["difference"], loss["error"], 4, "+"),
            ]
        means = f"{100 * accuracy['mean']:.2f}", f"{loss['mean']:.4f}"
        rows.append([entry["name"], means[0], gains[0], means[1], gains[1]])
    return header, rows


@table
def published_keras():
    header = ["", "accuracy, %", "log-loss"]
    rows = [["published", "98.40", ""]]
    for rate, entry in load("keras_mnist")["results"].items():
        scores = pm(entry["accuracy"], entry["accuracy_error"], 2)
        losses = pm(entry["log_loss"], entry["log_loss_error"], 4)
        rows.append([f"ours, rate {rate}", scores, losses])
    return header, rows


@table
def published_sonar():
    results = load("sonar")["results"]
    entries = {f"13 parts, {units} hidden units": e for units, e in results["first"].items()}
    entries |= {f"tutorial, {name}": e for name, e in results["tutorial"].items()}
    entries["search inside of 3 x 10 folds"] = {"published": ""} | results["nested"]
    rows = [[name, e["published"], pm(e["accuracy"], e["error"], 1)] for name, e in entries.items()]
    return ["accuracy in %", "published", "ours"], rows


@table
def published_mnist():
    results = load("srivastava_errors")["results"]
    published = {"dropout": "1.06", "no dropout": ""}
    rows = []
    for name, value in published.items():
        ours = results[name]
        error = pm(ours["error"], ours["standard_error"], 2)
        rows.append([name, value, error, f"{ours['train_error']:.2f}"])
    return ["error, %", "published", "ours, test images", "ours, training images"], rows


@table
def published_thinned():
    results = load("srivastava_errors")["results"]
    rows = [
        [entry["k"], pm(entry["error"], entry["standard_error"], 2)] for entry in results["thinned"]
    ]
    whole = ["the whole network", f"{results['dropout']['error']:.2f}"]
    return ["thinned networks", "error of their mean, %"], [*rows, whole]


def _differences(results, names):
    """Error of each way to train, and its difference to the one before."""
    for name in names:
        entry = results[name]
        error = pm(entry["error"], entry["standard_error"], 2)
        difference = ""
        if "difference" in entry:
            difference = pm(entry["difference"], entry["difference_error"], 2, "+")
        yield error, difference


@table
def published_regularizers():
    published = {"L2": "1.62", "dropout and L2": "1.25", "dropout and max-norm": "1.05"}
    ours = _differences(load("srivastava_regularizers")["results"]["test"], published)
    rows = [[*item, *columns] for item, columns in zip(published.items(), ours, strict=True)]
    return ["error, %", "published, 60,000 images", "ours, 10,000", "against the line above"], rows


@table
def published_data_size():
    rows = []
    for n_images, results in load("srivastava_data_size")["results"].items():
        (without, _), (dropout, gain) = _differences(results, ["no dropout", "dropout"])
        rows.append([f"{int(n_images):,}", without, dropout, gain])
    return ["images", "no dropout, error in %", "dropout", "difference"], rows


@table
def regression():
    rows = [
        [
            entry["table"] + (", target standardised" if entry["scales_target"] else ""),
            f"{entry['MLPRegressor']:.3f}",
            f"{entry['ours']:.3f}",
            pm(entry["gain"], entry["error"], 4, "+"),
        ]
        for entry in load("regression")["results"]
    ]
    return ["R2", "MLPRegressor", "ours", "gain of ours"], rows


@table
def few_rows():
    results = load("few_rows")["results"]
    tables = [name for name in results[0] if name != "network"]
    rows = [
        [
            entry["network"],
            *(pm(100 * mean, 100 * error, 1) for mean, error in map(entry.get, tables)),
        ]
        for entry in results
    ]
    return ["accuracy, %", *tables], rows


RATIOS = [
    ("scikit-learn", "ours, off"),
    ("PyTorch, off", "ours, off"),
    ("PyTorch, bernoulli", "ours, bernoulli"),
    ("PyTorch, bernoulli", "ours, batchwise"),
    ("skorch, bernoulli", "ours, bernoulli"),
    ("ours, bernoulli", "ours, off"),
    ("ours, batchwise", "ours, off"),
]


@table
def speed():
    cases = load("speed")["results"]["training"]
    rows = [
        [
            f"{slow} / {fast}",
            *(f"{c['seconds'][slow] / c['seconds'][fast]:.2f}" for c in cases.values()),
        ]
        for slow, fast in RATIOS
    ]
    steps = (1e6 * c["seconds"]["ours, off"] / c["n_steps"] for c in cases.values())
    return ["", *cases], [*rows, ["ours, off: µs a step", *(f"{step:,.0f}" for step in steps)]]


@table
def windows():
    names = {"mnist": "MNIST, 10,000 images, 1024-1024-1024", "tables": "tables, 128-128"}
    header = ["data and network", "rate", "accuracy, points", "log-loss"]
    rows = [
        [names[entry["data"]], entry["rate"], *_gains(entry)]
        for entry in load("windows")["results"]
    ]
    return header, rows


@table
def speed_products():
    cases = load("speed")["results"]["training"]
    return ["", *cases], [["no product", *(f"{c['not products']:.0%}" for c in cases.values())]]


def _against_ours(seconds, unit, digits):
    """Time of each contender, and how many times that of the last one."""
    *_, ours = seconds.values()
    return [[who, f"{unit * s:,.{digits}f}", f"{s / ours:.2f}"] for who, s in seconds.items()]


@table
def speed_search():
    header = ["", "seconds", "times ours, batchwise"]
    return header, _against_ours(load("speed")["results"]["grid_search"], 1, 1)


@table
def speed_prediction():
    rows = []
    for n_rows, seconds in load("speed")["results"]["prediction"].items():
        theirs, ours = seconds["scikit-learn"], seconds["ours"]
        rows.append([f"{int(n_rows):,}", f"{theirs / ours:.2f}", f"{1e6 * ours:,.0f}"])
    return ["rows", "scikit-learn / ours", "ours, µs"], rows


@table
def speed_memory():
    memory = load("speed")["results"]["memory"]
    rows = [[f"fit: {who}", f"{size:.0f}"] for who, size in memory["fit beyond data"].items()]
    rows += [[f"pickle: {who}", f"{size:.0f}"] for who, size in memory["pickle"].items()]
    return ["", "MB"], rows


@table
def speed_growth():
    growth = load("speed")["results"]["growth"]
    seconds = [f"{1e3 * s:,.1f}" for s in growth["seconds"]]
    header = ["rows", *(f"{n:,}" for n in growth["rows"]), "slope of the logarithms"]
    return header, [["ms an epoch", *seconds, f"{growth['slope']:.3f}"]]


@table
def speed_rare():
    rows = [
        [who, *(f"{1e6 * s:,.0f}" for s in seconds.values())]
        for who, seconds in load("speed")["results"]["rare_words"].items()
    ]
    return ["µs a step", "first epoch", "later epochs"], rows


def _operations(part):
    rows = [
        [usual, f"{before:.1f}", ours, f"{after:.1f}"]
        for usual, before, ours, after in load("operations")["results"][part]
    ]
    return ["instead of", "µs", "we use", "µs"], rows


@table
def operations_small():
    return _operations("small")


@table
def operations_large():
    return _operations("large")


@table
def operations_adam():
    times = load("operations")["results"]["adam"]
    return ["", *times], [["ms a step", *(f"{us / 1000:.1f}" for us in times.values())]]
