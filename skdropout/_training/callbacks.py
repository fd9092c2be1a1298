"""Epochs as tasks of scikit-learn's callbacks; the one file that knows ``sklearn.callback``."""

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:
        """Stands in where there are no callbacks."""

    def with_callbacks(method):
        """Stand in where there are no callbacks."""
        return method


__all__ = ["CallbackSupportMixin", "NoTasks", "tasks_for", "with_callbacks"]


class NoTasks:
    """Nobody listens."""

    def begin(self):
        """An epoch begins."""

    def end(self) -> bool:
        """An epoch is over; return whether to stop."""
        return False

    def finish(self):
        """The training is over."""


class EpochTasks(NoTasks):
    """Tells the callbacks of an estimator of each epoch.

    Parameters
    ----------
    estimator : estimator
        Copied, in the middle of its training, for a callback that asks for a fitted estimator.
    given : dict
        The training data as they were given: X, y and metadata.
    n_epochs : int
        The largest number of epochs.
    """

    def __init__(self, estimator, given, n_epochs):
        self.about = {"estimator": estimator, **given}
        self.fitted = {"reconstruction_attributes": dict}  # a copy of it predicts as it is
        self.root = estimator._init_callback_context(max_subtasks=n_epochs)
        self.root.call_on_fit_task_begin(**self.about)

    def begin(self):
        self.epoch = self.root.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self.about, **self.fitted)

    def end(self):
        return self.epoch.call_on_fit_task_end(**self.about, **self.fitted)

    def finish(self):
        self.root.call_on_fit_task_end(**self.about, **self.fitted)


def tasks_for(estimator, given, n_epochs) -> NoTasks:
    """What to tell of each epoch: nothing, at no cost, if the estimator has no callbacks."""
    if getattr(estimator, "_skl_callbacks", None):
        return EpochTasks(estimator, given, n_epochs)
    return NoTasks()
