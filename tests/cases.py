"""A batch and all that trains a network on it, put together without an estimator.

`make_case` builds a `Case`: a network with random parameters, data, and the pass and the update
that move it. Nothing happens by itself; a test says what it wants to differ from the defaults, and
then calls

- ``case.run()`` for one pass, which returns the loss of the batch: the raw predictions are in
  ``case.step.z``, the gradient in ``case.gradient``;
- ``case.take_step()`` for a pass and an update, which returns the loss with the penalty;
- ``case.masks()`` for the masks of the last pass, those of windows written out;
- ``case.compile(...)`` for another pass through the same network, which the methods above take as
  their first argument.

`make_network` and `make_update` make the parts, for tests that need one of them alone.
"""

from dataclasses import dataclass, field
from itertools import cycle
from math import inf

import numpy as np
import reference
from scipy.sparse import csr_array

from skdropout._core.buffers import Buffer
from skdropout._core.losses import CLASS_LOSSES, NUMBER_LOSSES, Loss, RunningLoss
from skdropout._core.penalties import ElasticNet
from skdropout._network import windows
from skdropout._network.masks import Drops, Masks
from skdropout._network.network import Network
from skdropout._network.training_pass import TrainingPass
from skdropout._network.windows import UnitPermutation, WindowCosts, Windows
from skdropout._training.data import Batches, ClassTargets, DenseTargets
from skdropout._training.update import ParameterUpdate, Penalties, UpdateRule
from skdropout.dropout import Alpha, Batchwise, Bernoulli, DropConnect, Gaussian
from skdropout.optimizers import Optimizer

SCHEMES = [Bernoulli(), Batchwise(), Gaussian(), Alpha(), DropConnect()]

TARGETS = {
    "binary": (CLASS_LOSSES["logistic"], 1),
    "multiclass": (CLASS_LOSSES["softmax"], 3),
    "multilabel": (CLASS_LOSSES["logistic"], 4),
    "numbers": (NUMBER_LOSSES["squared_error"], 3),
    "counts": (NUMBER_LOSSES["poisson"], 2),
    "brier": (CLASS_LOSSES["brier"], 3),
}
"""The loss of each kind of target, and the number of outputs."""

CLASS_TARGETS = ["binary", "multiclass", "multilabel", "brier"]
"""Those that `reference` knows."""


NO_PENALTY = ElasticNet(0.0, 0.0)


def make_penalties(weights=NO_PENALTY, biases=NO_PENALTY, n_layers=3):
    """One penalty for the weights of all layers and one for the biases, or one for each."""
    each = (of if isinstance(of, tuple) else (of,) * n_layers for of in (weights, biases))
    return Penalties(*each)


PENALTIES = {"weights": ElasticNet(0.3, 0.4), "biases": ElasticNet(0.2, 0.4)}

MIXED = ("tanh", "relu")
"""Activations whose dropout is an operation of its own, and those where it is part of the gate."""

ALWAYS, NEVER = WindowCosts(calls=-inf), windows.NEVER
"""Costs of windows: with these there are some wherever there can be, or nowhere."""


def set_window_costs(monkeypatch, costs):
    """Let the trainings of estimators have windows as `costs` say: `ALWAYS`, `NEVER`, others."""
    monkeypatch.setattr("skdropout._network.windows.COSTS", costs)


class Rest(Optimizer):
    """Leaves the parameters where they are, and the gradient to be looked at."""

    def update(self, p, g, *, tmp, t, lr):
        pass


def make_network(sizes, activations=MIXED, dtype=np.float64, *, batch_norm=False, seed=5):
    """A network with random parameters; hidden layers have the activations in turn, or the one."""
    names = cycle([activations] if isinstance(activations, str) else activations)
    hidden = [next(names) for _ in sizes[1:-1]]
    network = Network(sizes, hidden, dtype, batch_norm=batch_norm)
    flat = network.parameters.flat
    flat[:] = np.random.default_rng(seed).normal(scale=0.6, size=flat.size)
    return network


def make_update(
    network,
    optimizer=None,
    *,
    penalties=None,
    weight_decay=0.0,
    clip_norm=None,
    constraint=None,
    state=None,
):
    """An update that does nothing but what is asked for; by default no more than a `Rest`.

    `penalties` are arguments of `make_penalties`; `constraint` is one for all layers, or one for
    each.
    """
    n_layers = network.n_layers
    constraints = constraint if isinstance(constraint, tuple) else (constraint,) * n_layers
    rule = UpdateRule(optimizer or Rest(), weight_decay, clip_norm, constraints)
    of_layers = make_penalties(**penalties or {}, n_layers=n_layers)
    return ParameterUpdate(network, rule, of_layers, state)


@dataclass(eq=False)
class Case:
    """What `make_case` returns.

    Attributes
    ----------
    network : Network
    drops : Drops
    loss : Loss
    X : ndarray of shape (n_rows, n_features)
        Dense, whatever the network gets.
    y : ndarray of shape (n_rows, n_outputs)
        Not smoothed.
    weight : ndarray of shape (n_rows,)
        In double precision; ones where all rows weigh the same.
    smoothing : float
    batches : Batches
        Of all rows, in their order.
    update : ParameterUpdate
    windows : Windows
    rng : Generator
        Draws masks and windows, nothing else.
    sparse : bool
    step : TrainingPass
        For all rows.
    """

    network: Network
    drops: Drops
    loss: Loss
    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    smoothing: float
    batches: Batches
    update: ParameterUpdate
    windows: Windows
    rng: np.random.Generator
    sparse: bool
    step: TrainingPass = field(init=False)

    def __post_init__(self):
        n_outputs = self.network.sizes[-1]
        self._losses = RunningLoss(self.loss, n_outputs, self.network.dtype)
        self.step = self.compile()

    @property
    def gradient(self) -> Buffer:
        """What the last pass wrote; an update and a new order of the units use it up."""
        return self.update.gradient

    def compile(self, n_rows=None, *, larger=None, n_draws=1) -> TrainingPass:
        """Another pass through the same network into the same gradient, with masks of its own.

        Masks for as many as `n_draws` batches may be drawn at once. A pass for fewer rows may work
        in the memory of a `larger` one.
        """
        network, n_rows = self.network, len(self.X) if n_rows is None else n_rows
        masks = Masks(
            network.sizes,
            self.drops,
            n_rows,
            network.dtype,
            self.rng,
            sparse=self.sparse,
            constant=self.windows.masks(network.dtype),
            n_draws=n_draws,
            larger=None if larger is None else larger.masks,
        )
        return TrainingPass(
            network,
            self.gradient,
            self.loss,
            n_rows,
            masks=masks,
            windows=self.windows.windows,
            sparse=self.sparse,
            larger=larger,
        )

    def load(self, step=None) -> float:
        """Put the first rows into a pass, as many as it takes; return their summed weight."""
        step = step or self.step
        return self.batches.load(self.batches.rows[: step.n_rows], step.batch)

    def draw(self, step=None, *, redraw=True, k=0):
        """Draw new masks and windows, those number `k` of an epoch, or take the last ones again."""
        self.windows.begin(redraw=redraw)
        if redraw:
            (step or self.step).masks.draw(k)

    def run(self, step=None, *, redraw=True, k=0) -> float:
        """One pass; return the loss of the batch."""
        step = step or self.step
        self.load(step)
        self.draw(step, redraw=redraw, k=k)
        z = step.forward()
        step.backward()
        self._losses.add(z, step.batch.y, step.batch.weight, 1.0)
        (loss,), _ = self._losses.pop()
        return loss

    def take_step(self, step=None, *, lr=1e-2) -> float:
        """One pass and one update; return the loss with the penalty."""
        weight = self.load(step)
        return self.run(step) + self.update.step(lr, weight)

    def masks(self, step=None) -> list[np.ndarray | None]:
        """Copies of the masks of the last pass in double precision: of the inputs, then of layers.

        They are of units, or of weights, None where nothing is dropped, or only entries of sparse
        rows. Those of windows are written out for the units as they lie now.
        """
        step = step or self.step
        masks = []
        for i, rate in enumerate(self.drops.rates):
            of_entries = self.drops.drops_entries(i, sparse=self.sparse)
            mask = step.masks[i].astype(np.float64) if rate and not of_entries else None
            if i in step.windows:
                whole = np.zeros((1, self.network.sizes[i]))
                for at, units in step.windows[i].parts:
                    whole[:, units] = mask[:, at]
                mask = whole
            masks.append(mask)
        return masks

    # What the textbook says

    @property
    def out(self):
        """The name of the loss in `reference`."""
        return "brier" if self.loss is CLASS_LOSSES["brier"] else self.loss.out_activation

    def reference_masks(self, step=None):
        """The masks of the last pass as `reference` takes them: of units, and of weights."""
        of_units, of_weights = [], []
        for i, (mask, rate) in enumerate(zip(self.masks(step), self.drops.rates, strict=True)):
            is_alpha = rate and isinstance(self.drops.schemes[i], Alpha)
            drops_weights = self.drops.drops_weights(i)
            of_units.append(None if drops_weights else (mask > 0, rate) if is_alpha else mask)
            of_weights.append(mask if drops_weights else None)
        return of_units, of_weights

    def reference_parameters(self):
        """Weights and biases as they are now, in double precision."""
        parameters = self.network.weights, self.network.biases
        return [[p.astype(np.float64) for p in of_kind] for of_kind in parameters]

    def scales(self, buffer=None):
        """What a buffer, by default the parameters, holds for the scales of normalised layers."""
        buffer = self.network.parameters if buffer is None else buffer
        normalised = [i for i in range(self.network.n_layers) if self.network.is_normalised(i)]
        return [buffer[f"scale{i}"].astype(np.float64) for i in normalised]

    def reference_loss_and_gradient(self, **penalties):
        """Loss, and derivatives for weights, biases and scales, at the parameters of now.

        By the masks of the last pass through all rows. `penalties` are arguments of
        `make_penalties`; those of a layer have one `l1_ratio`.
        """
        weights, biases = make_penalties(**penalties, n_layers=self.network.n_layers)
        masks, weight_masks = self.reference_masks()
        return reference.loss_and_gradient(
            *self.reference_parameters(),
            self.X.astype(np.float64),
            self.y,
            self.weight,
            self.network.activations,
            self.out,
            masks,
            weight_masks=weight_masks,
            scales=self.scales(),
            alpha=[penalty.alpha for penalty in weights],
            l1_ratio=[penalty.l1_ratio for penalty in weights],
            bias_alpha=[penalty.alpha for penalty in biases],
            smoothing=self.smoothing,
        )


def make_case(
    target="multiclass",
    scheme=SCHEMES[0],
    *,
    widths=(5, 7, 6),
    activations=MIXED,
    rates=(0.25, 0.5, 0.5),
    n_rows=11,
    dtype=np.float64,
    batch_norm=False,
    weighted=False,
    smoothing=0.0,
    sparse=False,
    costs=NEVER,
    optimizer=None,
    **update,
) -> Case:
    """A network with random parameters, data, and all that trains it on them.

    Parameters
    ----------
    target : str
        A key of `TARGETS`, which gives loss and outputs.
    scheme : DropoutScheme or tuple of DropoutScheme
        One for all, or one for the inputs and each hidden layer.
    widths : tuple of int
        Numbers of inputs and of the units of each hidden layer.
    activations : str or tuple of str
        One for all hidden layers, or some that they have in turn.
    rates : float or tuple of float
        One for all, or one for the inputs and each hidden layer.
    n_rows : int
    dtype : dtype
        Of network and data.
    batch_norm : bool
    weighted : bool
        Whether rows have different weights.
    smoothing : float
        Of the targets, which are classes then.
    sparse : bool
        Whether the network gets its inputs, of which three in ten are zero then, in sparse rows.
    costs : WindowCosts
        `NEVER` any windows, or `ALWAYS`.
    optimizer : Optimizer, default=Rest()
    **update
        `penalties`, `weight_decay`, `clip_norm`, `constraint`, `state` of `make_update`.
    """
    loss, n_outputs = TARGETS[target]
    if not isinstance(rates, tuple):
        rates = (rates,) * len(widths)
    network = make_network((*widths, n_outputs), activations, dtype, batch_norm=batch_norm)
    schemes = scheme if isinstance(scheme, tuple) else (scheme,) * len(rates)
    drops = Drops(schemes, rates)
    data, rng = np.random.default_rng(6), np.random.default_rng(8)

    X = data.normal(size=(n_rows, widths[0])).astype(dtype)
    y, targets = _make_targets(target, n_rows, smoothing, dtype, data)
    weight = data.uniform(0.5, 3.0, n_rows).astype(dtype) if weighted else None
    if sparse:
        X[data.random(X.shape) < 0.3] = 0.0

    parameter_update = make_update(network, optimizer, **update)
    scratch = parameter_update.gradient
    permutation = UnitPermutation(parameter_update.buffers, network.sizes, scratch)
    of_rows = csr_array(X) if sparse else X
    return Case(
        network=network,
        drops=drops,
        loss=loss,
        X=X,
        y=y,
        weight=np.ones(n_rows) if weight is None else weight.astype(np.float64),
        smoothing=smoothing,
        batches=Batches(of_rows, targets, weight, np.arange(n_rows), n_rows, None),
        update=parameter_update,
        windows=Windows.plan(permutation, drops, rng, n_rows=n_rows, n_draws=1, costs=costs),
        rng=rng,
        sparse=sparse,
    )


def _make_targets(target, n_rows, smoothing, dtype, rng):
    """Random targets in full, and as the batches take them."""
    _, n_outputs = TARGETS[target]
    shape = n_rows, n_outputs
    if target == "multiclass":
        codes = rng.integers(n_outputs, size=n_rows).astype(np.uint8)
        return np.eye(n_outputs)[codes], ClassTargets(codes.reshape(-1, 1), n_outputs, smoothing)
    if target == "numbers":
        y = rng.normal(size=shape).astype(dtype)
    elif target == "counts":
        y = rng.poisson(2.0, size=shape).astype(dtype)
    else:
        y = rng.integers(2, size=shape).astype(np.uint8)
    return y, DenseTargets(y, smoothing)


class Listener:
    """A callback of scikit-learn that does nothing, for those that do something."""

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        pass
