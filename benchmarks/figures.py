"""The tables of the pages: header and rows of each, from the figures in results/*.json."""

from common import load

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


def _evidence(name, measures):
    """All estimators on the tables of a set: the means, and the gain of ours by each measure."""
    results = load(f"tables_{name}")["results"]
    header = [""]
    for label in measures:
        header += [label, "gain of ours"]
    rows = []
    for estimator in results["tables"]:
        row = [estimator]
        for key, times, digits in measures.values():
            line = results[key][estimator]
            gain = pm(times * line["gain"], times * line["error"], digits, "+")
            is_ours = estimator == "ours"
            row += [f"{times * line['mean']:.{digits}f}", "" if is_ours else gain]
        rows.append(row)
    return header, rows


CLASS_MEASURES = {
    "accuracy, %": ("accuracy", 100, 1),
    "log-loss": ("log_loss", 1, 3),
}


@table
def evidence_tabular():
    return _evidence("tabular", CLASS_MEASURES)


@table
def evidence_mixed():
    return _evidence("mixed", CLASS_MEASURES)


@table
def evidence_regression():
    return _evidence("regression", {"error": ("error", 1, 3)})


@table
def evidence_calibration():
    header = ["calibration error, %", "twenty tables", "gain of ours", "messier ones"]
    header.append("gain of ours")
    sets = [load(f"tables_{name}")["results"]["calibration"] for name in ("tabular", "mixed")]
    rows = []
    for estimator in sets[0]:
        row = [estimator]
        for lines in sets:
            line = lines[estimator]
            gain = pm(100 * line["gain"], 100 * line["error"], 1, "+")
            row += [f"{100 * line['mean']:.1f}", "" if estimator == "ours" else gain]
        rows.append(row)
    return header, rows


@table
def evidence_cost():
    header = ["CPU seconds of a fit", "twenty tables", "messier ones", "with numbers"]
    sets = [load(f"tables_{name}")["results"]["tables"] for name in ("tabular", "mixed")]
    sets.append(load("tables_regression")["results"]["tables"])
    names = dict.fromkeys(name for tables in sets for name in tables)
    rows = []
    for name in names:
        seconds = [
            [one["seconds"] for one in tables[name].values()] if name in tables else []
            for tables in sets
        ]
        rows.append([name, *(f"{sum(s) / len(s):.2f}" if s else "" for s in seconds)])
    return header, rows


@table
def gains():
    """What there is to gain: quality, speed and size, each with the command that measures it."""
    header = [
        "",
        "ours",
        "MLPClassifier",
        "PyTorch (skorch)",
        "TensorFlow (SciKeras)",
        "measured by",
    ]
    rows = []
    for name, words in (("tabular", "twenty tables"), ("mixed", "twenty-four messier ones")):
        results = load(f"tables_{name}")["results"]
        for label, key, times, digits in (
            ("accuracy, %", "accuracy", 100, 1),
            ("log-loss", "log_loss", 1, 3),
            ("calibration error, %", "calibration", 100, 1),
        ):
            means = [times * results[key][who]["mean"] for who in ("ours", "MLPClassifier")]
            figures = [f"{mean:.{digits}f}" for mean in means]
            rows.append([f"{label}, {words}", *figures, "", "", "`make benchmark-tables`"])
    for case, units in (
        ("sonar", "60-60-30-1"),
        ("table", "50-256-256-5"),
        ("mnist", "784-3x1024-10"),
    ):
        seconds = load("speed")["results"]["training"][case]["seconds"]
        plain = seconds["scikit-learn"] / seconds["ours, off"]
        torch, skorch = (
            seconds[f"{who}, bernoulli"] / seconds["ours, bernoulli"]
            for who in ("PyTorch", "skorch")
        )
        figures = ["1", f"{plain:.1f}", f"{torch:.1f} ({skorch:.1f})", "", "`make benchmark`"]
        rows.append([f"time to train {units} units, times ours", *figures])
    sizes = (f"{entry['megabytes']:,.0f}" for entry in load("install_size")["results"].values())
    scikit_learn, ours, *others = sizes
    rows.append(["installed, MB", ours, scikit_learn, *others, "`make benchmark-install`"])
    return header, rows


@table
def few_rows():
    header = ["accuracy, %", "iris", "circles", "moons"]
    rows = [
        [
            entry["network"],
            *(pm(*(100 * x for x in entry[t]), 1) for t in ("iris", "circles", "moons")),
        ]
        for entry in load("few_rows")["results"]
    ]
    return header, rows


@table
def published_keras():
    header = ["", "after 20 epochs, %", "best epoch, %", "log-loss"]
    rows = [["published", "98.40", "", ""]]
    for entry in load("keras_mnist")["results"]:
        scores = [pm(entry[name], entry[f"{name}_error"], 2) for name in ("accuracy", "best")]
        loss = pm(entry["log_loss"], entry["log_loss_error"], 4)
        rows.append([f"RMSprop, {entry['optimizer']}, rate {entry['rate']}", *scores, loss])
    return header, rows


@table
def published_sonar():
    results = load("sonar")["results"]
    entries = {
        f"13 parts, {units} units, {way}": {"published": ways["published"]} | entry
        for units, ways in results["first"].items()
        for way, entry in ways.items()
        if way != "published"
    }
    entries |= {f"tutorial, {name}": e for name, e in results["tutorial"].items()}
    entries["search inside of 3 x 10 folds"] = {"published": ""} | results["nested"]
    rows = [[name, e["published"], pm(e["accuracy"], e["error"], 1)] for name, e in entries.items()]
    return ["accuracy in %", "published", "ours"], rows


BOSTON = {
    "400": [
        ("rmse", "root mean squared error", (2.97, 0.19), (3.18, 0.21)),
        ("log_likelihood", "log-likelihood", (-2.46, 0.06), (-2.68, 0.13)),
    ],
    "4000": [
        ("rmse", "root mean squared error", (2.80, 0.19), (3.02, 0.18)),
        ("log_likelihood", "log-likelihood", (-2.39, 0.05), (-2.55, 0.09)),
    ],
}


@table
def published_boston():
    header = ["", "epochs", "published", "their second run", "ours"]
    rows = []
    for n_epochs, scores in BOSTON.items():
        results = load("gal")["results"][n_epochs]
        for name, words, *theirs in scores:
            ours = results[name], results[f"{name}_error"]
            rows.append([words, f"{int(n_epochs):,}", *(pm(*pair, 2) for pair in (*theirs, ours))])
    return header, rows


@table
def published_mnist():
    published = {"dropout": "1.06", "no dropout": ""}
    rows = []
    for name, value in published.items():
        ours = load("srivastava_errors")["results"][name]
        error = pm(ours["error"], ours["standard_error"], 2)
        rows.append([name, value, ours["n_epochs"], error, f"{ours['train_error']:.2f}"])
    return ["error, %", "published", "epochs", "ours, test images", "ours, training images"], rows


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


def _p(p):
    """The probability of so large a difference by chance."""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


@table
def published_regularizers():
    published = {"L2": "1.62", "dropout and L2": "1.25", "dropout and max-norm": "1.05"}
    results = load("srivastava_regularizers")["results"]
    header = ["error, %", "published", "epochs", "ours, test images", "ours, training images"]
    rows = []
    for name, value in published.items():
        ours = results["all"][name]
        error = pm(ours["error"], ours["standard_error"], 2)
        p = _p(ours["p"]) if "p" in ours else ""
        rows.append([name, value, ours["n_epochs"], error, f"{ours['train_error']:.2f}", p])
    return [*header, "p, against the line above"], rows


@table
def published_regularizers_few():
    names = "L2", "dropout and L2", "dropout and max-norm"
    ours = _differences(load("srivastava_regularizers")["results"]["test"], names)
    rows = [[name, *columns] for name, columns in zip(names, ours, strict=True)]
    return ["", "error, %", "against the line above"], rows


@table
def published_data_size():
    rows = []
    for n_images, results in load("srivastava_data_size")["results"].items():
        (without, _), (dropout, gain) = _differences(results, ["no dropout", "dropout"])
        rows.append([f"{int(n_images):,}", without, dropout, gain])
    return ["images", "no dropout, error in %", "dropout", "difference"], rows


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


@table
def speed_search():
    seconds = load("speed")["results"]["grid_search"]
    reference = seconds["ours, batchwise"]
    rows = [[who, f"{s:,.1f}", f"{s / reference:.2f}"] for who, s in seconds.items()]
    return ["", "seconds", "times ours, batchwise"], rows


@table
def speed_stacks():
    rows = []
    for case, seconds in load("speed")["results"]["stacks"].items():
        alone, stacked = seconds["one by one"], seconds["in stacks"]
        rows.append([case, f"{alone:.2f}", f"{stacked:.2f}", f"{alone / stacked:.2f}"])
    return ["", "one by one, s", "in stacks, s", "one by one / in stacks"], rows


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
def text_epoch():
    header = ["rows x features, batch size", "ours, s", "scikit-learn, s", "scikit-learn / ours"]
    rows = []
    for entry in load("text_epoch")["results"]:
        (n_rows, n_features), seconds = entry["shape"], entry["seconds"]
        ours, theirs = seconds["ours"], seconds["scikit-learn"]
        name = f"{n_rows:,} x {n_features:,}, {entry['batch']}"
        rows.append([name, f"{ours:.2f}", f"{theirs:.2f}", f"{theirs / ours:.1f}"])
    return header, rows


@table
def text_documents():
    rows = []
    for name, figures in load("text_documents")["results"].items():
        size = f"{name}, {figures['rows']:,} x {figures['features']:,}"
        for who in ("ours", "logistic regression"):
            columns = zip(figures[who]["mean"], figures[who]["error"], (1, 3, 1), strict=True)
            rows.append([f"{size}: {who}", *(pm(*column) for column in columns)])
    return ["", "accuracy, %", "log-loss", "seconds"], rows


@table
def streams():
    by_rows = load("streams")["results"]
    names = next(iter(by_rows.values()))
    rows = [
        [name, *(f"{of[name][age]:,}" for of in by_rows.values() for age in ("new", "old"))]
        for name in names
    ]
    ages = [f"{int(n):,} rows, {age}" for n in by_rows for age in ("new", "old")]
    return ["µs a call", *ages], rows


@table
def scale_memory():
    memory = load("scale_memory")["results"]
    rows = [[who, *(f"{size:.0f}" for size in sizes)] for who, sizes in memory["beyond"].items()]
    rows.append(["the file itself", *(f"{size:,.0f}" for size in memory["data"])])
    return ["MB", *(f"{n:,} rows" for n in memory["rows"])], rows


def _epochs(cells, what):
    """Seconds of an epoch and megabytes, of everyone at every size; "-" where it was left out."""
    names = list(dict.fromkeys(name for cell in cells.values() for name in cell))
    rows = []
    for name in names:
        of_name = [cell.get(name) for cell in cells.values()]
        seconds = ["-" if one is None else f"{one['seconds']:.3g}" for one in of_name]
        megabytes = ["-" if one is None else f"{one['megabytes']:.0f}" for one in of_name]
        rows += [[f"{name}: s an epoch", *seconds], [f"{name}: MB beyond the data", *megabytes]]
    return ["", *(f"{int(n):,} {what}" for n in cells)], rows


@table
def scale_rows():
    return _epochs(load("scale_epoch")["results"]["rows"], "rows")


@table
def scale_columns():
    return _epochs(load("scale_epoch")["results"]["columns"], "columns")


@table
def scale_accuracy():
    rows = []
    for name, results in load("scale_accuracy")["results"].items():
        for who, figures in results.items():
            if isinstance(figures, dict):
                rows.append([f"{name}: {who}", f"{100 * figures['accuracy']:.1f}"])
    return ["", "accuracy, %"], rows


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


@table
def clusters():
    results = load("clusters")["results"]
    alone = {part: results[part]["one process"] for part in ("search", "ensemble")}
    header = ["two workers", "60 fits, s", "gain", "five networks, s", "gain"]
    header += ["a call, s", "a task, ms"]
    rows = []
    for name, tasks in results["tasks"].items():
        row = [name]
        for part, reference in alone.items():
            seconds = results[part][name]
            row += [f"{seconds:.1f}", f"{reference / seconds:.2f}"]
        rows.append([*row, f"{tasks['call']:.2f}", f"{1e3 * tasks['task']:.2f}"])
    return header, rows
