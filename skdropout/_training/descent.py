"""From a gradient to new parameters: penalties, clipping, weight decay, the optimizer, constraints.

The vectors are worked through in blocks that stay in the cache.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from scipy.linalg import get_blas_funcs

from skdropout._core.buffers import Array, Buffer
from skdropout._core.penalties import ElasticNet
from skdropout._core.vectors import flush, is_finite, scal
from skdropout._network.network import Network
from skdropout.constraints import Constraint
from skdropout.optimizers import Optimizer

BLOCK = 40_000
"""Elements of a block: its vectors stay in the cache, and the calls for it are few."""
FLUSHING = 100
"""Steps after which numbers that have all but vanished become zero. Averages of a gradient that is
zero from then on, of a dead unit or a rare word, would not: they end in slow, subnormal numbers."""


@dataclass(eq=False, slots=True)
class Block:
    """A piece of all vectors: parameters, gradient, scratch, what the optimizer remembers.

    `penalised` and `decayed` hold the parts of it that a penalty or weight decay acts on.
    """

    p: Array
    g: Array
    tmp: Array
    slots: tuple[Array, ...]
    penalised: list[tuple[ElasticNet, Array, Array, Array]]
    decayed: list[tuple[float, Array]]

    def penalise(self, share: float) -> float:
        """Return `share` times the penalties and add their gradient."""
        value = 0.0
        for penalty, p, g, tmp in self.penalised:
            value += penalty.add(p, g, share, tmp)
        return value


class Descent:
    """Moves the parameters of a network against a gradient, step by step.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
    penalty, bias_penalty : ElasticNet
    weight_decay : float
        Decoupled decay of the weights: ``W -= lr weight_decay W`` before each step.
    clip_norm : float or None
        Largest Euclidean norm of the whole gradient.
    constraint : Constraint or None
        Projects each weight matrix after each step.
    state : dict, default=None
        What `get_state` of an earlier descent of the same optimizer returned, to go on from.

    Attributes
    ----------
    gradient : Buffer
        Where a plan has to put the gradient; used up by each step.
    clears : bool
        Whether the gradient is zero after each step, for a plan that writes parts of it only.
    memory : Buffer
        What the optimizer remembers, a view for each of its slots.
    buffers : list of Buffer
        Parameters, and each of the vectors that the optimizer remembers, laid out alike.
    t : int
        Steps so far.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        *,
        penalty: ElasticNet,
        bias_penalty: ElasticNet,
        weight_decay: float,
        clip_norm: float | None,
        constraint: Constraint | None,
        state: dict | None = None,
    ):
        parameters = network.parameters
        size, dtype = parameters.flat.size, parameters.flat.dtype
        self.optimizer = optimizer
        self.clip_norm = clip_norm
        self.constraint = constraint
        self.gradient = Buffer(parameters.layout, dtype)
        self.clears = False
        slots = {slot: (size,) for slot in optimizer.slots}
        if (
            state is None
            or state["optimizer"] != type(optimizer).__name__
            or state["memory"].size != Buffer.size_of(slots)
        ):
            state = {"t": 0, "memory": None}
        self.t = state["t"]
        self.memory = Buffer(slots, dtype, memory=state["memory"])
        remembered = (self.memory[slot] for slot in optimizer.slots)
        self.buffers = [parameters, *(Buffer(parameters.layout, dtype, m) for m in remembered)]
        self._constrained = network.weights if constraint is not None else ()
        spans = (
            (network.weights_span, penalty, weight_decay),
            (network.biases_span, bias_penalty, 0.0),
        )
        scratch = np.empty(min(BLOCK, size), dtype)
        self._blocks = []
        for start in range(0, size, BLOCK):
            stop = min(start + BLOCK, size)
            block = Block(
                p=parameters.flat[start:stop],
                g=self.gradient.flat[start:stop],
                tmp=scratch[: stop - start],
                slots=tuple(self.memory[slot][start:stop] for slot in optimizer.slots),
                penalised=[],
                decayed=[],
            )
            for span, of_span, decay in spans:
                inside = slice(max(span.start - start, 0), max(span.stop - start, 0))
                p, g, tmp = block.p[inside], block.g[inside], block.tmp[inside]
                if p.size and of_span.alpha:
                    block.penalised.append((of_span, p, g, tmp))
                if p.size and decay:
                    block.decayed.append((decay, p))
            self._blocks.append(block)

    def get_state(self) -> dict:
        """What the optimizer remembers, as plain values and one array."""
        name = type(self.optimizer).__name__
        return {"optimizer": name, "t": self.t, "memory": self.memory.flat}

    def is_finite(self) -> bool:
        """Whether nothing that the optimizer remembers is NaN or infinite."""
        return is_finite(self.memory.flat)

    def step(self, lr: float, batch_weight: float) -> float:
        """Take one step and return the penalty as it was before it."""
        self.t += 1
        share = 1.0 / batch_weight
        value = 0.0
        clips = self.clip_norm is not None
        if clips:  # needs the whole gradient
            value += sum(block.penalise(share) for block in self._blocks)
            clip(self.gradient.flat, self.clip_norm)
        for block in self._blocks:
            if not clips:
                value += block.penalise(share)
            for decay, p in block.decayed:
                scal(1.0 - lr * decay, p)
            self.optimizer._update(block.p, block.g, *block.slots, tmp=block.tmp, t=self.t, lr=lr)
            if self.clears:
                block.g.fill(0.0)  # while it is in the cache
            if self.t % FLUSHING == 0:
                for x in (block.p, *block.slots):
                    flush(x)
        for W in self._constrained:
            self.constraint.project(W)
        return value


def clip(g: Array, largest: float):
    """``g *= min(1, largest / ||g||)``."""
    find_norm = get_blas_funcs("nrm2", (g,))  # whose squares neither overflow nor underflow
    norm = float(find_norm(g))
    if norm > largest:
        if norm == inf:  # longer than the largest number, or itself not finite
            g /= float(abs(g).max())
            norm = float(find_norm(g))
        g *= largest / norm
