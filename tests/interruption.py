"""Ctrl-C in the middle of a training."""

from skdropout.optimizers import SGD


class Interrupted(SGD):
    """Somebody presses Ctrl-C in the twelfth step."""

    def update(self, p, g, *slots, tmp, t, lr):
        if t == 12:
            raise KeyboardInterrupt
        super().update(p, g, *slots, tmp=tmp, t=t, lr=lr)
