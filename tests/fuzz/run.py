"""Run random programs until there were as many calls as asked for: ``make fuzz``.

With `--programs opinion` scikit-learn's networks go through the same programs.
"""

import argparse
import faulthandler
import resource
import sys
import time
import traceback
from collections import Counter

from fuzz.contract import CALLS
from fuzz.machine import Programs
from fuzz.second_opinion import Opinions
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

MACHINES = {"contract": Programs, "opinion": Opinions}

A_BATCH = 100
"""Programs that have a seed in common."""

HANGS = 1800
"""Seconds after which these are taken to hang; the traceback says where."""


def run_batch(
    machine: type, number: int, *, n_programs: int = A_BATCH, shrinks: bool = True
) -> None:
    """Run programs of one seed; raise for the first violation, by the simplest program with it."""
    how = settings(
        max_examples=n_programs,
        stateful_step_count=40,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=[*HealthCheck],
        phases=(Phase.generate, *([Phase.shrink] if shrinks else [])),
    )
    run_state_machine_as_test(seed(number)(machine), settings=how)


def tell() -> None:
    """Print how many calls of each method there were, and how they ended."""
    by_method: dict[str, Counter] = {}
    for (name, ended), n in sorted(CALLS.items()):
        by_method.setdefault(name, Counter())[ended] = n
    for name, ends in by_method.items():
        print(f"{name:22}" + ", ".join(f"{ended} {n:,}" for ended, n in ends.most_common()))


def main() -> int:
    """Run what the command line asks for, and return the number of violations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="when to end (default: 20,000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first hundred programs")
    parser.add_argument("--programs", choices=[*MACHINES], default="contract")
    parser.add_argument("--explore", action="store_true", help="go on after violations, unshrunk")
    options = parser.parse_args()
    n_violations, number, start = 0, options.seed, time.monotonic()
    while CALLS.total() < options.calls:
        faulthandler.dump_traceback_later(HANGS, exit=True)
        try:
            run_batch(MACHINES[options.programs], number, shrinks=not options.explore)
        except Exception:
            n_violations += 1
            traceback.print_exc()
            if not options.explore:
                break
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"seed {number}: {CALLS.total():,} calls, {memory:.0f} MB at most", flush=True)
        number += 1
    faulthandler.cancel_dump_traceback_later()
    print(
        f"\n{CALLS.total():,} calls in {time.monotonic() - start:.0f} s with the seeds "
        f"{options.seed} to {number - 1}: {n_violations} violations"
    )
    tell()
    return n_violations


if __name__ == "__main__":
    sys.exit(main())
