"""What is told of the epochs of a training, and may stop it."""


class EpochCallbacks:
    """Callbacks of a training; these do nothing."""

    def begin(self) -> None:
        """An epoch begins."""

    def end(self) -> bool:
        """An epoch is over; return whether to stop."""
        return False

    def finish(self) -> None:
        """The training is over."""
