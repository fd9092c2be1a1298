"""What people use today, each in its good form, trained like the network it is compared with.

PyTorch gets a plain loop over one tensor in memory, a fused optimizer and both cores; skorch gets
the same module and its own loop, without the callbacks that print.
"""

from itertools import pairwise

import numpy as np
import torch
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

torch.set_num_threads(2)

OPTIMIZERS = {
    "sgd": lambda parameters, lr: torch.optim.SGD(
        parameters, lr=lr, momentum=0.9, nesterov=True, fused=True
    ),
    "adam": lambda parameters, lr: torch.optim.Adam(parameters, lr=lr, fused=True),
}


class Module(nn.Module):
    """A multilayer perceptron with dropout; one logit for two classes."""

    def __init__(self, sizes, rate=0.0, input_rate=0.0):
        super().__init__()
        layers = [nn.Dropout(input_rate)] if input_rate else []
        for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
            layers.append(nn.Linear(fan_in, fan_out))
            if i < len(sizes) - 2:
                layers += [nn.ReLU(), nn.Dropout(rate)] if rate else [nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, X):
        z = self.layers(X)
        return z.squeeze(-1) if z.shape[-1] == 1 else z


class TorchLoop:
    """PyTorch as one would write it by hand."""

    def __init__(self, hidden, solver, lr, batch_size, epochs, rate=0.0, input_rate=0.0):
        self.hidden, self.solver, self.lr = hidden, solver, lr
        self.batch_size, self.epochs = batch_size, epochs
        self.rate, self.input_rate = rate, input_rate

    def fit(self, X, y):
        n_classes = len(np.unique(y))
        sizes = [X.shape[1], *self.hidden, 1 if n_classes == 2 else n_classes]
        self.module = module = Module(sizes, self.rate, self.input_rate)
        loss = nn.BCEWithLogitsLoss() if n_classes == 2 else nn.CrossEntropyLoss()
        optimizer = OPTIMIZERS[self.solver](module.parameters(), self.lr)
        X = torch.from_numpy(X)
        y = torch.from_numpy(y.astype(np.float32 if n_classes == 2 else np.int64))
        module.train()
        for _ in range(self.epochs):
            order, total = torch.randperm(len(X)), 0.0
            for rows in order.split(self.batch_size):
                optimizer.zero_grad()
                of_batch = loss(module(X[rows]), y[rows])
                of_batch.backward()
                optimizer.step()
                total += of_batch.item() * len(rows)
        return self


def make_skorch(n_features, n_classes, hidden, solver, lr, batch_size, epochs, rate=0.0):
    """A skorch classifier, to be fitted to float32 targets of two classes or int64 ones of more."""
    binary = n_classes == 2
    optimizer = {
        "sgd": {
            "optimizer": torch.optim.SGD,
            "optimizer__momentum": 0.9,
            "optimizer__nesterov": True,
        },
        "adam": {"optimizer": torch.optim.Adam},
    }[solver]
    return (NeuralNetBinaryClassifier if binary else NeuralNetClassifier)(
        Module,
        module__sizes=[n_features, *hidden, 1 if binary else n_classes],
        module__rate=rate,
        criterion=nn.BCEWithLogitsLoss if binary else nn.CrossEntropyLoss,
        **optimizer,
        optimizer__fused=True,
        lr=lr,
        batch_size=batch_size,
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks__print_log=None,
        callbacks__valid_acc=None,
        verbose=0,
    )
