"""The table of the classics: what each of them prints, and what comes of it here."""

from common import load
from figures import TABLES, pm, table

EXAMPLE = "{{doc}}`example <auto_examples/{}>`"
EXAMPLES = {
    name: EXAMPLE.format(path)
    for name, path in {
        "eleven lines": "classics/plot_eleven_lines",
        "parts": "classics/plot_mnist_partitions",
        "spirals": "classics/plot_spirals",
        "keras": "classics/plot_mnist_keras",
        "patches": "classics/plot_mnist_patches",
        "sonar": "classics/plot_sonar",
    }.items()
}


def _published(name, column):
    """The rows of a table of published results that have a published figure, and ours."""
    header, rows = TABLES[name]()
    at = next(i for i, title in enumerate(header) if title.startswith(column))
    return [(row[0], row[1], row[at]) for row in rows if row[1]]


def _eleven_lines():
    results = load("tutorials_eleven_lines")["results"]
    by = EXAMPLES["eleven lines"]
    printed_answers = ("0.00966", "0.00787", "0.99359", "0.99212")
    for i, (printed, ours) in enumerate(zip(printed_answers, results["answers"], strict=True), 1):
        yield "Trask 2015, eleven lines", f"answer to row {i}", printed, f"{ours:.5f}", by
    for n_steps, printed in {10_000: "0.0086", 50_000: "0.0035"}.items():
        entry = results[f"{n_steps} steps"]
        ours = pm(entry["error"], entry["standard_error"], 4)
        what = f"mean error, {n_steps:,} steps"
        yield "Trask 2015, a hidden layer", what, printed, ours, by
    entry = results["dropout"]
    right = f"{entry['right']} of {entry['answers']}"
    yield "Trask 2015, dropout in three lines", "answers right", "no figure", right, by


def _parts():
    results, by = load("tutorials_parts")["results"], EXAMPLES["parts"]
    names = {"rate 0": "all units", "rate 0.3": "a thinned network a tenth"}
    printed = {"rate 0": "93.0", "rate 0.3": "no figure"}
    for key, name in names.items():
        ours = pm(results[key]["accuracy"], results[key]["error"], 2)
        yield f"Klein, sliced matrices: {name}", "MNIST accuracy, %", printed[key], ours, by


def _spirals():
    for entry in load("tutorials_spirals")["results"].values():
        what = f"accuracy, %, {entry['points']:,} points an arm"
        is_printed = entry["points"] == 1000 and entry["network"] == "as printed"
        ours = pm(entry["accuracy"], entry["error"], 1)
        name = f"Kinsley and Kukieła 2020: {entry['network']}"
        yield name, what, "73.7" if is_printed else "", ours, EXAMPLES["spirals"]


def _keras():
    _, rows = TABLES["published_keras"]()
    (_, printed, *_), (_, ours, *_) = rows[:2]
    yield (
        "Keras mnist_mlp",
        "MNIST accuracy, %",
        printed,
        ours,
        "[page](published.md#mnist-as-in-keras)",
    )
    for entry in load("pictures_mnist")["results"]:
        ours = pm(100 - entry["error"], entry["standard_error"], 2)
        name = f"Keras mnist_cnn, here {entry['pictures']}"
        yield name, "MNIST accuracy, %", "99.25", ours, EXAMPLES["patches"]
    for n_epochs, printed in {25: "75", 50: "79"}.items():
        what = f"CIFAR-10 accuracy, %, {n_epochs} epochs"
        yield "Keras cifar10_cnn", what, printed, "not measured", "`benchmarks/pictures.py cifar`"


def _others():
    page = "[page](published.md#mnist-as-dropout-was-introduced)"
    for name, number in ("published_mnist", 2), ("published_regularizers", 9):
        for way, printed, ours in _published(name, "ours, test"):
            source = f"Srivastava et al. 2014, table {number}: {way}"
            yield source, "MNIST error, %", printed, ours, page
    page = "[page](published.md#boston-housing-with-dropout-kept-on)"
    for words, n_epochs, printed, _, ours in TABLES["published_boston"]()[1]:
        what = f"Boston housing, {words}, {n_epochs} epochs"
        yield "Gal and Ghahramani 2016", what, printed, ours, page
    for name, printed, ours in _published("published_sonar", "ours"):
        if name.startswith("tutorial"):
            source, made_by = "Brownlee 2016", EXAMPLES["sonar"]
        else:
            source, made_by = "Gorman and Sejnowski 1988", "[page](published.md#sonar)"
        name = name.removeprefix("tutorial, ")
        yield f"{source}: {name}", "sonar accuracy, %", printed, ours, made_by


@table
def classics():
    header = ["classic", "what it prints", "printed", "here", "made by"]
    parts = (_eleven_lines(), _parts(), _spirals(), _keras(), _others())
    return header, [row for part in parts for row in part]


@table
def pictures():
    header = ["", "error on test images, %", "log-loss"]
    rows = [
        [e["pictures"], pm(e["error"], e["standard_error"], 2), f"{e['log_loss']:.4f}"]
        for e in load("pictures_mnist")["results"]
    ]
    return header, rows
