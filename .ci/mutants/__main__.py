"""Change the core in many places, one at a time, and see whether the tests notice: `make mutants`.

A mutant is the package with one small change, such as `+` for `-` or an argument left out. It is
caught if one of the tests that run the changed line fails, or if they take far too long. What is
changed is a copy in a temporary folder. The folder `.mutants` keeps what is known: a run that was
cut goes on from there, and those that survived are tried again. Without it, all are tried anew.
"""

import argparse
import compileall
import gc
import json
import resource
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from changes import Mutant, sample
from nearby import TIMEOUT, Nearby, Round, record, run_pytest

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".mutants"
CORE = [
    "_core/activations.py",
    "_core/losses.py",
    "_core/penalties.py",
    "_core/scores.py",
    "_network/masks.py",
    "_network/network.py",
    "_network/ops.py",
    "_network/sparse.py",
    "_network/training_pass.py",
    "_network/windows.py",
    "_training/*.py",
    "constraints.py",
    "dropout.py",
    "optimizers.py",
]
NOT_COPIED = (".git", ".venv*", ".*_cache", ".hypothesis", ".mutants", "__pycache__", "_build")
MEMORY = 8 << 30
"""Bytes that a mutant may ask for."""


@dataclass
class Result:
    """What became of a mutant: `by` is the test that caught it, "" if none has."""

    name: str
    by: str
    seconds: float


def attack(mutant: Mutant, copy: Path, rounds: Iterable[Round]) -> Result:
    """Put the mutant into the copy, and run the rounds of tests until one fails.

    If they take too long, but not without the mutant, it is caught, too.
    """
    target, start, by = copy / mutant.file, time.monotonic(), ""
    original = target.read_text("utf-8")
    for tests, seconds in rounds:
        (copy / "tests.txt").write_text("\n".join(tests), "utf-8")
        run = partial(run_pytest, copy, "-x", "@tests.txt", timeout=30 + 5 * seconds)
        target.write_text(mutant.code, "utf-8")
        code, output = run()
        target.write_text(original, "utf-8")
        if code == TIMEOUT and run()[0] == TIMEOUT:
            code = 0
        if by := verdict(code, output):
            break
    return Result(mutant.name(), by, round(time.monotonic() - start, 1))


def verdict(code: int, output: str) -> str:
    """The test that failed, or another reason why a mutant is caught; "" if it is not."""
    if code in (0, TIMEOUT):
        return "too slow" if code else ""
    failed = (line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR ")))
    return next(failed, f"exit code {code}")


def is_survivor(mutant: Mutant, results: dict[str, Result]) -> bool:
    """Whether it was tried, and is not caught so far."""
    return mutant.name() in results and not results[mutant.name()].by


def report(mutants: list[Mutant], results: dict[str, Result]):
    """Print the survivors, and the score with and without those that change nothing."""
    known = tomllib.loads(Path(__file__).with_name("equivalent.toml").read_text("utf-8"))
    reasons = {(one["file"], one["before"], one["after"]): one["why"] for one in known["mutants"]}
    survivors = [mutant for mutant in mutants if is_survivor(mutant, results)]
    n_equivalent = 0
    for mutant in survivors:
        texts = (" ".join(text.split()) for text in (mutant.before, mutant.after))
        why = reasons.get((mutant.file, *texts))
        n_equivalent += why is not None
        print(f"\n{mutant.diff()}\n{f'Changes nothing: {why}' if why else 'Survived'}")
    n_caught, n_all = len(mutants) - len(survivors), len(mutants)
    n_real = n_all - n_equivalent
    print(f"\n{n_caught} of {n_all} mutants were caught: {n_caught / n_all:.1%}")
    print(f"without {n_equivalent} that change nothing, of {n_real}: {n_caught / n_real:.1%}")


def main():
    """Try the mutants one by one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--number", type=int, default=300, help="of mutants")
    parser.add_argument("--seed", type=int, default=0, help="which of them")
    parser.add_argument("--tests", nargs="+", help="run these alone on what has survived so far")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    files = [path for pattern in CORE for path in sorted((ROOT / "skdropout").glob(pattern))]
    mutants = sample(files, ROOT, options.number, options.seed)
    KEPT.mkdir(exist_ok=True)
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory() as folder, (KEPT / "results.jsonl").open("a+") as file:
        file.seek(0)
        for line in file:
            result = Result(**json.loads(line))
            results[result.name] = result
        copy = Path(folder).resolve() / ROOT.name
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
        compileall.compile_dir(copy / "skdropout", quiet=2)
        code, output = run_pytest(copy, "tests/test_activations.py")
        if code:
            sys.exit(f"{output}\nThe tests fail without a mutant.")
        nearby = None
        if not options.tests:
            record(copy, KEPT)
            nearby = Nearby(KEPT, {mutant.file for mutant in mutants})
            gc.freeze()  # for the processes, which share it
        new = [mutant for mutant in mutants if mutant.name() not in results]
        survivors = [mutant for mutant in mutants if is_survivor(mutant, results)]
        todo = [*new, *survivors] if nearby else survivors
        for i, mutant in enumerate(todo, 1):
            rounds: Iterable[Round] = [(options.tests, 600.0)]
            if nearby:
                rounds = nearby.rounds(mutant.file, mutant.lines)
            result = results[mutant.name()] = attack(mutant, copy, rounds)
            what = result.by or "survived"
            print(f"{i:4d} of {len(todo)}, {mutant.file}, {result.seconds:3.0f} s: {what}")
            print(json.dumps(asdict(result)), file=file, flush=True)
    report([mutant for mutant in mutants if mutant.name() in results], results)


if __name__ == "__main__":
    main()
