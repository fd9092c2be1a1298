"""The numbers that depend on the machine, each with what it was measured for.

They change how fast something is, and by rounding its last digits at the most; the few that decide
which random numbers are drawn say so. Multiplications stand for "multiply and add".
"""

VECTOR_PIECE = 10_000
"""Elements that one call of BLAS adds, if it may have two threads. OpenBLAS wakes the second one
for more, which takes the vectors to another cache."""

UPDATE_BLOCK = 40_000
"""Parameters that an update goes through at once. The block's vectors stay in the cache, and the
calls for it are few: 5-14 % of a step of three layers of 1,024 units, nothing on small networks."""

STEPS_BETWEEN_FLUSHES = 100
"""Steps after which numbers that have all but vanished become zero. Averages of a gradient that is
zero from then on, of a dead unit or a rare word, would not: they end in slow, subnormal numbers."""

LOSS_ROWS, LOSS_NUMBERS = 1 << 10, 1 << 14
"""Rows, and raw predictions, whose losses are worked out together, at the most: for a small network
18-21 % of a step."""

INFERENCE_NUMBERS = 1 << 20
"""Elements of the widest layer that a prediction works on at once: memory stays flat."""

SINGLE_THREAD = 1 << 21
"""Multiplications of the largest product of a pass up to which BLAS is held to one thread. On two
idle cores of a Xeon a second thread makes products of 2^20 multiplications 0-15 % faster, of 2^21
8-26 %, of 2^22 20-40 %; on busy cores it makes them up to a hundred times slower."""

SINGLE_THREAD_WEIGHTS = 1 << 17
"""Weights of the largest layer up to which it is. More do not stay in the cache of one core, and a
second core brings one of its own: 12 % at 2^19 weights for a single row, 34 % at 2^20."""

SECOND_THREAD = 1 << 18
"""Multiplications of a product of matrices up to which OpenBLAS takes one thread by itself:
predictions of a few rows do without the 5 to 20 us that holding takes where there are two."""

RANDOM_WORDS = 1 << 13
"""Random 64-bit words drawn at once: 64 kB of scratch, whatever the layer."""

MASK_NUMBERS = 1 << 14
"""Numbers of masks that are drawn at once for batches to come, at the most: 6-12 % of a step of a
small network. It decides which random numbers become which mask."""

PERMUTED_ROWS = 64
"""Rows of a matrix whose units change places at once: what is in between stays in the cache."""

BATCHES_PER_PERMUTATION = 100
"""Windows that are drawn in one order of the units. It decides which units a window holds."""

WINDOW_PIECES = 1.75
"""What a multiplication costs in windows, which are cut into pieces, in those of whole layers."""

WINDOW_CLEARING = 20
"""What it costs to clear the derivative of a weight, in multiplications."""

WINDOW_MOVING = 600
"""What it costs to let a weight, and what is remembered of it, change places and come back, in
multiplications."""

WINDOW_CALLS = 1 << 20
"""What the calls of windows cost for each layer, in multiplications. With the four of them a step
of layers of 256 and more units takes half of the time at a rate of one half."""

LAZY_WEIGHTS, LAZY_TOUCHED = 1 << 18, 0.4
"""Weights of a first layer from which on its rows are moved lazily, and the part of its rows that
a batch may touch, at the most. A row that is touched takes about as long as two and a half."""

STACKED_PARAMETERS, FEWEST_STACKED = 1 << 18, 8
"""Parameters of all networks that are trained as one stack, at the most, and as many networks of
one kind as have to find room in them, at the least. What moves a network leaves the cache of a core
when the others come: networks of 5,000 parameters gain the most, those of 40,000 nothing."""

STACKED_NUMBERS = 1 << 24
"""Numbers of training data that are copied for a stack, at the most. Fits that take turns begin up
to as many; a fit more has to wait until one is done."""

THINNING = 160
"""What it costs to put a weight into a smaller network, in multiplications."""

THINNING_CALLS = 1 << 20
"""What the calls for a smaller network cost, in multiplications."""

COPIED_NUMBERS = 1 << 20
"""Numbers up to which standardised data are a copy. More are worked out batch by batch: memory
stays flat, for 2.5 ns a number."""

MIXED_ROWS, MIXED_NUMBERS = 1 << 18, 1 << 26
"""Rows, and numbers in them, whose order is random as a whole, at the most; of more, blocks of
neighbours are. It decides which rows come together in a batch. From a file that is larger than
memory a row is read 16 times faster than in a random order of all."""
