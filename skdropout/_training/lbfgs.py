"""Training by L-BFGS: all rows at once, nothing random, the flat vector as it is."""

from math import isfinite

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from skdropout._core import threads
from skdropout._core.buffers import Buffer
from skdropout._core.losses import RunningLoss
from skdropout._network.masks import Drops, Masks
from skdropout._network.training_pass import TrainingPass
from skdropout._training.job import Job


def train_by_lbfgs(job: Job) -> list[float]:
    """Move the parameters to a minimum of loss plus penalties; return the loss of each iteration.

    Limited-memory BFGS with a history of ten steps [Byrd et al., 1995, doi 10.1137/0916069], from
    scipy. Training ends where no component of the gradient is larger than `tol`.
    """
    member = job.lead
    settings, network, batches = member.settings, member.network, member.batches
    p = network.parameters.flat
    n_rows = len(batches.rows)
    gradient = Buffer(network.parameters.layout, network.dtype)
    drops, rng = Drops.nothing(network.n_layers), member.state.streams["dropout"]
    masks = Masks(network.sizes, drops, n_rows, network.dtype, rng)
    full_pass = TrainingPass(
        network, gradient, member.loss, n_rows, masks=masks, sparse=batches.is_sparse
    )
    batch = full_pass.batch
    share = 1.0 / batches.load(batches.rows[:], batch)
    penalties = settings.penalties.spans(network)
    running_loss = RunningLoss(member.loss, network.sizes[-1], network.dtype)
    tmp = np.empty_like(p)
    losses: list[float] = []
    latest = p.astype(np.float64)
    in_iteration = stopped = interrupted = False

    def objective(at):
        nonlocal in_iteration
        if not in_iteration:
            job.callbacks.begin()
            in_iteration = True
        p[:] = at
        z = full_pass.forward()
        full_pass.backward()
        running_loss.add(z, batch.y, batch.weight, 1.0)
        (value,), _ = running_loss.pop()
        for span, elastic_net in penalties:
            value += elastic_net.add(p[span], gradient.flat[span], share, tmp[span])
        return value, gradient.flat.astype(np.float64)

    def after_iteration(intermediate_result):
        nonlocal in_iteration, stopped
        p[:] = latest[:] = intermediate_result.x
        losses.append(float(intermediate_result.fun))
        if settings.verbose:
            print(f"Iteration {len(losses)}, loss = {losses[-1]:.8f}")
        in_iteration = False
        stopped = job.callbacks.end()
        if stopped:
            raise StopIteration

    options = {"maxiter": settings.max_iter, "maxfun": settings.max_fun, "gtol": settings.tol}
    options["ftol"] = min(settings.tol, 1e7 * np.finfo(float).eps)  # no more than scipy's own
    try:
        with (
            np.errstate(over="ignore", invalid="ignore"),
            threads.one_for(n_rows, network.largest_layer),
        ):
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
        job.warn(f"Training interrupted by user after {len(losses)} iterations.")
    if not (interrupted or isfinite(result.fun)) or not network.is_finite():
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values "
            "and need to be preprocessed."
        )
    if not (interrupted or stopped or result.success):
        job.warn(
            f"lbfgs failed to converge after {result.nit} iterations: {result.message} Increase "
            "max_iter or max_fun, or scale the data.",
            ConvergenceWarning,
        )
    return losses or [float(result.fun)]
