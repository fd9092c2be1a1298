"""Training by L-BFGS: all rows at once, nothing random, the flat vector as it is."""

from math import isfinite
from warnings import warn

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from skdropout._core.buffers import Buffer
from skdropout._core.losses import Loss, RunningLoss
from skdropout._core.penalties import ElasticNet
from skdropout._network.network import Network
from skdropout._network.plan import Plan
from skdropout._training.batches import Batches
from skdropout._training.callbacks import NoTasks


def train_by_lbfgs(
    network: Network,
    batches: Batches,
    loss: Loss,
    penalty: ElasticNet,
    bias_penalty: ElasticNet,
    *,
    max_iter: int,
    max_fun: int,
    tol: float,
    verbose: bool,
    tasks: NoTasks,
) -> list[float]:
    """Move the parameters to a minimum of loss plus penalties; return the loss of each iteration.

    Limited-memory BFGS with a history of ten steps [Byrd et al., 1995, doi 10.1137/0916069], from
    scipy. Training ends where no component of the gradient is larger than `tol`.
    """
    p = network.parameters.flat
    gradient = Buffer(network.parameters.layout, network.dtype)
    no_dropout = {"scheme": None, "rates": [0.0] * network.n_layers, "rng": None}
    n_rows = len(batches.rows)
    plan = Plan(network, gradient, loss, n_rows, **no_dropout, sparse=batches.is_sparse)
    share = 1.0 / batches.load(batches.rows, plan)
    parts = (network.weights_span, penalty), (network.biases_span, bias_penalty)
    running_loss = RunningLoss(loss, network.sizes[-1], network.dtype)
    tmp = np.empty_like(p)
    losses = []
    latest = p.astype(np.float64)
    in_iteration = stopped = interrupted = False

    def objective(at):
        nonlocal in_iteration
        if not in_iteration:
            tasks.begin()
            in_iteration = True
        p[:] = at
        plan.run()
        running_loss.add(plan.z, plan.y, plan.weight, 1.0)
        value = running_loss.pop()
        for part, of_part in parts:
            value += of_part.add(p[part], gradient.flat[part], share, tmp[part])
        return value, gradient.flat.astype(np.float64)

    def after_iteration(intermediate_result):
        nonlocal in_iteration, stopped
        p[:] = latest[:] = intermediate_result.x
        losses.append(float(intermediate_result.fun))
        if verbose:
            print(f"Iteration {len(losses)}, loss = {losses[-1]:.8f}")
        in_iteration = False
        stopped = tasks.end()
        if stopped:
            raise StopIteration

    options = {"maxiter": max_iter, "maxfun": max_fun, "gtol": tol}
    options["ftol"] = min(tol, 1e7 * np.finfo(float).eps)  # no more than scipy's own
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            result = minimize(
                objective,
                latest.copy(),
                jac=True,
                method="L-BFGS-B",
                callback=after_iteration,
                options=options,
            )
        p[:] = result.x
    except KeyboardInterrupt:
        if not losses:
            raise
        p[:] = latest
        interrupted = True
        warn(f"Training interrupted by user after {len(losses)} iterations.", stacklevel=7)
    if not (interrupted or isfinite(result.fun)) or not network.is_finite():
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values "
            "and need to be preprocessed."
        )
    if not (interrupted or stopped or result.success):
        warn(
            f"lbfgs failed to converge after {result.nit} iterations: {result.message} Increase "
            "max_iter or max_fun, or scale the data.",
            ConvergenceWarning,
            stacklevel=7,
        )
    return losses or [float(result.fun)]
