"""A process that fits and predicts for an hour: does anything grow, does anything change?

A round goes through all situations below, once each, on small data. Each is seeded, and has to come
to the same bits as in the first round. After a round, rubbish collected, the resident memory and
the numbers of Python objects, threads and open files of this process are noted; the first tenth of
the time warms up. What is noted in the last tenth must be what was noted in the one after the
warm-up: no more objects, threads or files, and no more memory by two percent. It reads /proc, so it
needs Linux.

An hour, or ``--minutes``. The exit code is 1 if anything grew or changed.
"""

import argparse
import gc
import os
import sys
import threading
from hashlib import blake2b
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from common import save
from soak_situations import SITUATIONS

MAY_GROW = {"memory_mb": 0.02, "objects": 0.0, "threads": 0.0, "files": 0.0}
"""By what part, from the tenth of the time after the warm-up to the last one."""

OF_JOBLIB = 4
"""Objects that joblib 1.6 keeps for each call of its processes, to clean up at exit."""

N_ROUNDS = 20
"""At the least, however short the time."""

N_KEPT = 200
"""Rounds whose notes are saved, evenly over the time."""


def look_around(n_rounds):
    """What may grow in a process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return {
        "memory_mb": pages * os.sysconf("SC_PAGESIZE") / 2**20,
        "objects": len(gc.get_objects()) - OF_JOBLIB * n_rounds,
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
    }


def digest_of(arrays):
    """A few letters that tell arrays from all others, by their bits."""
    digest = blake2b(digest_size=8)
    for array in arrays:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def run(minutes):
    """Rounds until the time is over: seconds and digests by situation, and what each round left."""
    seconds = {situation.__name__: [] for situation in SITUATIONS}
    digests = {name: set() for name in seconds}
    notes = {name: [] for name in ("minute", *MAY_GROW)}
    start, n_rounds = perf_counter(), 0
    while perf_counter() - start < 60 * minutes or n_rounds < N_ROUNDS:
        for situation in SITUATIONS:
            name, begin = situation.__name__, perf_counter()
            digests[name].add(digest_of(situation()))
            seconds[name].append(perf_counter() - begin)
        n_rounds += 1
        found = {"minute": (perf_counter() - start) / 60, **look_around(n_rounds)}
        for name, value in found.items():
            notes[name].append(value)
        if n_rounds % 20 == 1:
            print({name: round(value, 1) for name, value in found.items()}, flush=True)
    return seconds, digests, notes


def compare(notes):
    """Of each thing noted: its medians after the warm-up and in the end, slope, whether it is flat.

    The slope is that of the line of least squares from the warm-up on, for an hour.
    """
    part = np.array(notes["minute"]) / notes["minute"][-1]
    warm = part >= 0.1
    hours = np.array(notes["minute"])[warm] / 60
    compared = {}
    for name, may_grow in MAY_GROW.items():
        values = np.array(notes[name])
        before, after = np.median(values[warm & (part < 0.2)]), np.median(values[part >= 0.9])
        compared[name] = {
            "after_warm_up": round(float(before), 2),
            "in_the_end": round(float(after), 2),
            "slope_an_hour": round(float(np.polyfit(hours, values[warm], 1)[0]), 2),
            "is_flat": bool(after <= before * (1 + may_grow)),
        }
    return compared


def tell(seconds, digests, compared):
    """Print both tables; return whether all is well."""
    print(f"\n{'situation':<36}{'runs':>6}{'ms':>8}  same bits")
    for name, times in seconds.items():
        same = len(digests[name]) == 1
        print(f"{name:<36}{len(times):>6}{1e3 * median(times):>8.0f}  {'yes' if same else 'NO'}")
    print(f"\n{'':<12}{'warm':>12}{'end':>12}{'an hour':>12}  flat")
    for name, row in compared.items():
        before, after, slope, is_flat = row.values()
        flat = "yes" if is_flat else "NO"
        print(f"{name:<12}{before:>12,.2f}{after:>12,.2f}{slope:>12,.2f}  {flat}")
    are_same = all(len(found) == 1 for found in digests.values())
    return are_same and all(row["is_flat"] for row in compared.values())


def main(minutes):
    """Run, tell, save; return the exit code."""
    seconds, digests, notes = run(minutes)
    compared = compare(notes)
    is_well = tell(seconds, digests, compared)
    every = -(-len(notes["minute"]) // N_KEPT)
    results = {
        "rounds": len(notes["minute"]),
        "situations": {
            name: {
                "runs": len(times),
                "median_ms": round(1e3 * median(times), 1),
                "same_bits": len(digests[name]) == 1,
            }
            for name, times in seconds.items()
        },
        "compared": compared,
        "notes": {name: [round(value, 2) for value in notes[name][::every]] for name in notes},
    }
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    save("soak", {"minutes": minutes, "threads": threads, "may_grow": MAY_GROW}, results)
    return int(not is_well)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    sys.exit(main(parser.parse_args().minutes))
