"""Which tests run a line, and how long they take; knows no mutants."""

import hashlib
import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from xml.etree import ElementTree

import pytest
from coverage import CoverageData

for name in ("hypothesis", "sklearn.model_selection", "sklearn.neural_network", "sklearn.utils"):
    import_module(name)  # once, and not in each of the processes, which are forks

SKIPPED = "examples", "estimator_checks"
"""Tests that run everything, and for long."""
SECONDS_NEAREST, SECONDS_OTHERS = 2.0, 60.0
"""What the tests nearest to a line take, and those that a survivor of these has to pass."""
TIMEOUT = 124
"""The exit code of what takes too long."""
Round = tuple[list[str], float]
"""Tests, and the seconds that they take."""


class Nearby:
    """The tests that run a line, those first that run the fewest lines in all.

    Parameters
    ----------
    kept : Path
        The folder to which `record` wrote.
    files : iterable of str
        Whose lines count.
    """

    def __init__(self, kept: Path, files: Iterable[str]):
        data = CoverageData(str(kept / "lines.db"))
        data.read()
        self.tests: dict[str, dict[int, frozenset[str]]] = {}
        same: dict[frozenset[str], frozenset[str]] = {}  # most lines share theirs with others
        n_lines: Counter[str] = Counter()
        for file in files:
            lines: dict[int, frozenset[str]] = {}
            for line, contexts in data.contexts_by_lineno(file).items():
                tests = frozenset(context.partition("|")[0] for context in contexts) - {""}
                lines[line] = same.setdefault(tests, tests)
                n_lines.update(lines[line])
            self.tests[file] = lines
        self.order = {test: (n, test) for test, n in n_lines.items()}
        self.seconds: dict[str, float] = {}
        for case in ElementTree.parse(kept / "times.xml").iter("testcase"):
            file = case.attrib["classname"].replace(".", "/") + ".py"
            self.seconds[f"{file}::{case.attrib['name']}"] = float(case.attrib["time"])

    def rounds(self, file: str, lines: Iterable[int]) -> Iterator[Round]:
        """Yield the tests nearest to some lines, then others that run one of them, at random.

        For lines that run when the module is imported, tests are those of all its lines. There are
        none for lines that do not run.
        """
        by_line = self.tests[file]
        of_lines = [by_line[line] for line in lines if line in by_line]
        if not of_lines:
            return
        tests = frozenset().union(*of_lines) or frozenset().union(*by_line.values())
        nearest_first = sorted(tests, key=self.order.__getitem__)
        nearest, seconds = self._take(nearest_first, SECONDS_NEAREST)
        yield nearest, seconds
        others = nearest_first[len(nearest) :]
        random.Random(0).shuffle(others)
        if others:
            yield self._take(others, SECONDS_OTHERS)

    def _take(self, tests: list[str], seconds: float) -> Round:
        """As many of the tests as take so long."""
        chosen, total = [], 0.0
        for test in tests:
            if total >= seconds:
                break
            chosen.append(test)
            total += self.seconds.get(test, 0.1)
        return chosen, total


def record(copy: Path, kept: Path):
    """Run all tests of a copy, if that is not done yet, and keep which lines each of them runs."""
    files = [path for folder in ("skdropout", "tests") for path in (copy / folder).rglob("*.py")]
    state = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()
    done = kept / "lines.sha256"
    if done.exists() and done.read_text("utf-8") == state:
        return
    print("Running all tests, to see which lines they run", flush=True)
    lines, times = copy / "lines.db", copy / "times.xml"
    settings = copy / "lines.ini"
    settings.write_text(f"[run]\nrelative_files = true\ndata_file = {lines}\n", "utf-8")
    coverage = [
        "--cov=skdropout",
        "--cov-context=test",
        "--cov-report=",
        f"--cov-config={settings}",
    ]
    ignored = [f"--ignore=tests/test_{name}.py" for name in SKIPPED]
    code, output = run_pytest(copy, "tests", *coverage, f"--junitxml={times}", *ignored)
    if code:
        sys.exit(f"{output}\nThe tests have to pass first.")
    shutil.move(lines, kept / lines.name)
    shutil.move(times, kept / times.name)
    done.write_text(state, "utf-8")


def run_pytest(copy: Path, *arguments: str, timeout: float | None = None) -> tuple[int, str]:
    """The exit code and the output of pytest in a copy, `TIMEOUT` if it takes longer."""
    output = copy / "output.txt"
    process = get_context("fork").Process(target=_run_here, args=(copy, output, arguments))
    process.start()
    process.join(timeout)
    code = TIMEOUT if process.is_alive() else process.exitcode
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # with whatever it has left behind
    process.join()
    return code, output.read_text("utf-8", "replace")


def _run_here(copy: Path, output: Path, arguments: tuple[str, ...]):
    os.setsid()
    with output.open("w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.chdir(copy)
    os.environ |= {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.path[0], sys.dont_write_bytecode = str(copy), True
    ignored = "-Wignore::pytest.PytestAssertRewriteWarning"  # what we import is no plugin's test
    code = pytest.main(["-q", "-p", "no:cacheprovider", ignored, *arguments])
    sys.stdout.flush()
    os._exit(code)  # without waiting for the workers of joblib
