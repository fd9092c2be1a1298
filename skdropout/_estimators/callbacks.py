"""Epochs as tasks of scikit-learn's callbacks; the one file that knows ``sklearn.callback``."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from skdropout._training.callbacks import EpochCallbacks

if TYPE_CHECKING:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
else:
    try:
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:  # scikit-learn before 1.9

        class CallbackSupportMixin:
            """Stands in where there are no callbacks."""

        def with_callbacks(method):
            """Stand in where there are no callbacks."""
            return method


__all__ = ["OF_A_FIT", "CallbackSupportMixin", "EstimatorCallbacks", "with_callbacks"]

OF_A_FIT = ("_skl_callbacks", "_parent_callback_ctx", "_callback_fit_ctx")
"""What scikit-learn hangs on an estimator for its callbacks, and those of a pipeline around it."""


class EstimatorCallbacks(EpochCallbacks):
    """Tells the callbacks of an estimator of each epoch.

    Parameters
    ----------
    estimator : estimator
        Copied, in the middle of its training, for a callback that asks for a fitted estimator.
    given : dict
        The training data as they were given: X, y and metadata.
    n_epochs : int
        The largest number of epochs.
    publish : callable
        Lets the estimator predict by its networks as they are now.
    unshared : callable
        Gives the attributes that a copy must not share, as the training goes on with them.
    """

    def __init__(
        self,
        estimator: Any,
        given: dict[str, Any],
        n_epochs: int,
        publish: Callable[[], None],
        unshared: Callable[[], dict[str, Any]],
    ):
        self.publish = publish
        self.about = {"estimator": estimator, **given}
        self.fitted = {"reconstruction_attributes": unshared}
        self.root = estimator._init_callback_context(max_subtasks=n_epochs)
        self.root.call_on_fit_task_begin(**self.about)

    def begin(self) -> None:
        self.epoch = self.root.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self.about, **self.fitted)

    def end(self) -> bool:
        self.publish()
        return self.epoch.call_on_fit_task_end(**self.about, **self.fitted)

    def finish(self) -> None:
        self.root.call_on_fit_task_end(**self.about, **self.fitted)
