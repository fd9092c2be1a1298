"""
==========================
Partitions of a Dask table
==========================

Bicycles are counted at twelve stations, from winter to summer, and each week has its file. A Dask
dataframe of them is a plan: a partition is read when somebody asks for it. A network learns four
weeks at a time, drawn at random, while the next four are read.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import dask.dataframe as dd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction import FeatureHasher

from skdropout import DropoutMLPRegressor

STATIONS = ["bridge", "campus", "castle", "church", "cinema", "clinic"]
STATIONS += ["harbour", "market", "museum", "park", "school", "tower"]
N_WEEKS, N_AT_ONCE, N_PASSES = 24, 4, 8


def make_week(rng, week, n=1500):
    """A peak in the morning or in the evening, the higher the warmer it is."""
    station = rng.integers(len(STATIONS), size=n)
    hour, kelvin = rng.uniform(0, 24, size=n), rng.normal(273 + week, 3, size=n)
    peak, size = np.where(station % 2, 8, 17), 20 + 5 * station
    count = size * np.exp(-(((hour - peak) / 3) ** 2)) / (1 + np.exp((283 - kelvin) / 3))
    columns = {"milliseconds": 3.6e6 * hour, "kelvin": kelvin}
    columns["count"] = 10 + count + rng.normal(scale=3, size=n)
    return pd.DataFrame({"station": np.take(STATIONS, station), **columns})


rng = np.random.default_rng(0)
folder = TemporaryDirectory()
for week in range(N_WEEKS):
    make_week(rng, week).to_parquet(Path(folder.name, f"{week:02}.parquet"))

# %%
# Dask itself holds a tenth of the rows out. The rest comes in a new random order in each pass;
# while the network learns one buffer, a thread reads the next one.

train, test = dd.read_parquet(folder.name).random_split([0.9, 0.1], random_state=0)
test = test.compute()


def buffers(table, rng):
    """Yield all partitions, some at a time, in a random order."""
    order = rng.permutation(table.npartitions).reshape(-1, N_AT_ONCE)
    tasks = [table.partitions[some.tolist()].compute for some in order]
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(tasks[0])
        for task in tasks[1:]:
            ready, coming = coming.result(), reader.submit(task)
            yield ready
        yield coming.result()


# %%
# Nobody has to know the names of the stations in advance: a hash gives each of them a few
# columns, and needs no pass over the data. ``partial_fit`` takes batches of the rows that it is
# given in a random order, so each of them has rows of four weeks. The number of calls is known
# here, and so the learning rate may fall to zero with the last one; by default it stays what it
# is.

hasher = FeatureHasher(32, input_type="string")


def encode(table):
    """Hashed names beside the numbers as they are."""
    names = hasher.transform([[name] for name in table["station"]])
    return np.c_[names.toarray(), table[["milliseconds", "kelvin"]]]


network = DropoutMLPRegressor(
    (64, 64),
    batch_size=32,
    learning_rate="cosine",
    max_iter=N_PASSES * N_WEEKS // N_AT_ONCE,
    random_state=0,
)
X_test = encode(test)
before, after = [np.nan], []
for _ in range(N_PASSES):
    for buffer in buffers(train, rng):
        X, y = encode(buffer), buffer["count"]
        if after:
            before.append(network.score(X, y))
        network.partial_fit(X, y)
        after.append(network.score(X_test, test["count"]))

# %%
# Beside it gradient boosting, by a random sample as large as a buffer:

sample = train.sample(frac=N_AT_ONCE / N_WEEKS, random_state=0).compute()
boosting = HistGradientBoostingRegressor(random_state=0).fit(encode(sample), sample["count"])
baseline = boosting.score(X_test, test["count"])
print(f"R²: network {after[-1]:.3f}, boosting of {len(sample):,} rows {baseline:.3f}")
assert after[-1] > baseline

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
calls = np.arange(1, len(after) + 1)
ax.plot(
    calls, before, "o", markersize=4, color="#0072b2", label="four weeks, before they are learned"
)
ax.plot(calls, after, color="#009e73", label="rows that are held out")
ax.axhline(baseline, color="#d55e00", linestyle="--", label="boosting of a sample, rows held out")
for end in range(1, N_PASSES):
    ax.axvline(end * N_WEEKS // N_AT_ONCE + 0.5, color="0.8", linewidth=0.8, zorder=0)
ax.set(title=f"{N_PASSES} passes over {N_WEEKS} weeks", xlabel="Call of partial_fit", ylabel="R²")
ax.legend(loc="lower right")
plt.show()
folder.cleanup()

# %%
# Weeks that are drawn together may be cold or warm ones, and for as long as the learning rate is
# large the network leans towards the last of them. As it falls to zero that comes to an end, and
# the network was above gradient boosting that saw as many rows as a buffer holds. After the first
# pass the rows are no longer new: from then on the points are optimistic, and the line is the one
# to go by.
