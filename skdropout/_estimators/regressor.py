"""The regressor: numbers in, numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, overload

from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.ensemble import VotingRegressor
from sklearn.neural_network import MLPRegressor

from skdropout._core.buffers import Array
from skdropout._core.checks import check_flag, check_number
from skdropout._core.uncertainty import measure_spread
from skdropout._estimators.base import BaseDropoutMLP, if_stochastic
from skdropout._estimators.export import to_regressor
from skdropout._estimators.fitting import Given, fit, partial_fit
from skdropout._estimators.labels import Numbers


@dataclass(eq=False, repr=False, kw_only=True)
class DropoutMLPRegressor(RegressorMixin, BaseDropoutMLP):
    """Multilayer perceptron regressor with dropout.

    A drop-in for :class:`sklearn.neural_network.MLPRegressor` that drops units at random while it
    learns: layer by layer ``h = f(h W + b)``, in training ``h = f(h W + b) * mask / keep``. It
    minimises the loss plus ``alpha (l1_ratio |W|_1 + (1 - l1_ratio) / 2 |W|^2)``.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, or "auto", default="auto"
        Units of each hidden layer, each at least 1. An empty sequence is linear regression.
        "auto" is (256, 128), and (64,) for a sparse `X` of more than 5,000 features, as texts have.
    activation : str or sequence of str, default="relu"
        Activation of the hidden layers, one name for all or one for each: "identity",
        "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu".
    dropout_rate : float or sequence of float in [0, 1), or "auto", default=0.0
        Fraction of the hidden units dropped in training, one for all layers or one for each.
        0 is no dropout; "auto" is what it is for `DropoutMLPClassifier`.
    input_dropout_rate : float in [0, 1), default=0.0
        Fraction of the inputs dropped in training.
    dropout : str, DropoutScheme or sequence of these, default="batchwise"
        How units are dropped: "batchwise", the same ones for a whole mini-batch, of which always as
        many are kept, ``1 - rate`` times the units, rounded [1]_; "bernoulli", for each sample on
        its own [2]_; "gaussian", multiplied by normal noise of the same variance instead; "alpha",
        for ``activation="selu"`` only; "dropconnect", weights instead of units; or an object from
        :mod:`skdropout.dropout`. One for all layers, or one for each hidden layer, of which the
        first is that of the inputs, too.
    dropout_schedule : str or Schedule, default="constant"
        How all dropout rates change from epoch to epoch: "constant"; "linear", falling to zero;
        "flat_cosine", constant in the first half, then falling to zero; "early", in the first half
        only; "late", in the second half only; or an object from :mod:`skdropout.schedules`.
        With these names, but for "constant", training runs to `max_iter`, unless early stopping
        ends it.
    solver : str or Optimizer, default="adam"
        "adam", "nadam", "amsgrad", "rmsprop", "adagrad", "adadelta", "sgd", or an object from
        :mod:`skdropout.optimizers`. A name takes the defaults of its class, except where it says
        otherwise below. "lbfgs" takes all samples at once; it needs rates of zero, refuses
        `weight_decay`, `max_norm`, `clip_norm` and `batch_norm`, and ignores `early_stopping`.
    alpha : float >= 0 or sequence of float, default=0.0001
        Strength of the penalty on the weights, one for all layers or one for each, that of the
        outputs included. As in `MLPRegressor`, it is divided by the summed weight of the batch.
    l1_ratio : float in [0, 1] or sequence of float, default=0.0
        Part of the penalties that is L1, for all layers or for each; the rest is L2.
    bias_alpha : float >= 0 or sequence of float, default=0.0
        Strength of the same penalty on the biases, for all layers or for each.
    weight_decay : float >= 0 or "auto", default="auto"
        Decoupled weight decay [3]_: weights shrink by ``learning rate * weight_decay`` at each
        step, whatever the solver. "auto" is 0.2 with Adam, AMSGrad and NAdam (at a
        `learning_rate_init` above 5 its inverse), else 0.
    max_norm : float > 0, Constraint, None or sequence of these, default=None
        Largest Euclidean norm of the weights into one unit [2]_, or an object from
        :mod:`skdropout.constraints`; for all layers or for each, that of the outputs included, of
        which None leaves one alone.
    clip_norm : float > 0 or None, default=None
        Largest Euclidean norm of the gradient of all parameters; a longer one is scaled to it.
    batch_norm : bool, default=False
        Whether hidden layers are normalised before their activation, in training by mean and
        variance of the mini-batch (weighted as the samples are), in prediction by running ones
        [4]_. A last batch of one sample joins the one before. Not with "lbfgs".
    fit_intercept : bool, default=True
        Whether units have biases. Without them columns are divided by their root mean square and
        not centred where `standardize` is true, and `batch_norm` is refused.
    weight_init : str, Initializer, callable or sequence of these, default="auto"
        How weights are drawn, in all layers or in each, that of the outputs included:
        "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
        "lecun_normal", "truncated_normal", "orthogonal"; an object from
        :mod:`skdropout.initializers`; a function ``(rng, fan_in, fan_out) -> W``; or "auto": by the
        activation that they feed, He for "relu" and its kin, LeCun for "selu", Glorot for the
        others and for the outputs. Biases start at zero.
    batch_size : int >= 1 or "auto", default="auto"
        Samples in a mini-batch; "auto" is a hundredth of them, at least 32 and at most 256.
    learning_rate : str or Schedule, default="auto"
        How the learning rate changes: "auto", "constant", "invscaling", "adaptive",
        "inverse_time", "cosine", "flat_cosine", "one_cycle", or an object from
        :mod:`skdropout.schedules`. "auto" is constant, and the network that is judged and kept is
        an average of those of the late epochs [5]_; where nothing is held out it is "cosine", for
        1,000 steps, or 500 that take all rows at once, or `max_iter` epochs if these are less; in
        `partial_fit` it is "constant".
        It acts with every solver but "lbfgs" (in `MLPRegressor` with "sgd" alone). "cosine",
        "flat_cosine" and "one_cycle" end at zero in epoch `max_iter`, unless what is held out ends
        them sooner; `tol` and `n_iter_no_change` have no other part in them. Where "adaptive"
        lowers the rate, training goes back to the best epoch first, if anything is held out.
    learning_rate_init : float > 0, default=0.01
        The learning rate that the schedule starts from, for "one_cycle" the highest.
    power_t : float >= 0, default=0.5
        Exponent of "invscaling".
    max_iter : int >= 1, default=2000
        Largest number of epochs; most trainings end long before.
    shuffle : bool, default=True
        Whether the samples come in a new random order each epoch.
    random_state : int, RandomState instance or None, default=None
        Decides the initial weights, the order of the samples and the dropout, by three
        independent streams. An int gives the same network each time, for any `n_jobs`: to the
        last bit as long as no layer has more than 131,072 weights, nor its weights times the batch
        size more than 2,097,152. Beyond, and in predictions of many rows, the number of BLAS
        threads may change the last digits.
    tol : float >= 0, default=1e-4
        The least improvement that counts: of the loss or the score on what is held out, else of
        the training loss. With dropout the loss of an epoch depends on which units were dropped;
        what is watched then is the loss of the whole network on up to 1,000 of the training
        samples.
    verbose : bool or int, default=False
        Whether to print a line an epoch.
    warm_start : bool, default=False
        Whether `fit` goes on with the weights of the previous `fit`, with a fresh solver.
    momentum : float in [0, 1], default=0.9
        Momentum of "sgd".
    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.
    beta_1 : float in [0, 1), default=0.9
        Decay of the first moment in "adam", "nadam" and "amsgrad".
    beta_2 : float in [0, 1), default=0.999
        Decay of the second moment in "adam", "nadam" and "amsgrad".
    epsilon : float > 0, default=1e-8
        Keeps denominators from zero in "adam", "nadam" and "amsgrad".
    early_stopping : bool or "monitor", default=False
        Whether to train a single network and hold out a part of the samples (stratified by class),
        to stop when it no longer improves on these, and to go back to the best epoch. "monitor"
        tells in `history_` how it does on these, or on `X_val`, and changes nothing else: training
        goes on to `max_iter`, unless a number of `n_iter_no_change` or "adaptive" ends it, and the
        last epoch is kept.
    validation_fraction : float in [0, 1), default=0.1
        The part held out.
    scoring : None, "loss", str or callable, default=None
        What decides on the samples held out, or on `X_val`: None or "loss" is the loss (with class
        weights and label smoothing); else a scorer of
        scikit-learn by name or as a callable ``scorer(estimator, X, y)``, which gets
        ``sample_weight`` too where `fit` was given weights; of an ensemble it can predict this `X`
        alone.
    n_iter_no_change : int >= 1, inf or "auto", default="auto"
        Epochs without improvement after which training stops. "auto" is 10; where something is
        held out it is as many as make 500 steps (250 where a step takes all samples), at least 5,
        and (up to 20,000 samples) 0.15 of the epochs so far more.
    max_fun : int >= 1, default=15000
        Largest number of evaluations of the loss by "lbfgs".
    standardize : bool, default=True
        Whether the columns of `X` and `y` are centred and divided by their standard
        deviation for the training, columns of mostly one value by half of their range if that is
        more (sparse ones are not centred, and divided by their root mean square). It
        becomes part of the first weights and of the last ones, so that `coefs_` and `intercepts_`
        are those for the data as they are given. Penalties, weight decay, `max_norm`, `tol` and the
        losses are meant inside. In `partial_fit` numbers too far from the mean to be true are
        learned as if they were nearer [6]_. False takes the data as they are, as `MLPRegressor`
        does.
    cv : "auto", None, int, splitter or iterable of splits, default="auto"
        None trains a single network. A number of folds, or what else
        :func:`~sklearn.model_selection.check_cv` takes, trains a network on each training part.
        After each epoch the predictions for the rows that each of them has not seen decide, all
        together, when to stop and which epoch is kept; the prediction is the average of the
        networks. "auto" is 5 for 50 to 20,000 samples. For more samples a tenth, 100,000 at the
        most, is held out from a single network, for less nothing is. With `X_val`,
        `early_stopping`, `warm_start` or "lbfgs", "auto" is None.
    n_jobs : int or None, default=None
        The workers of joblib that train the networks of an ensemble. None is one, unless a
        :func:`joblib.parallel_config` says otherwise. The networks are the same for any number.
    loss : {"squared_error", "poisson"}, default="squared_error"
        Half the squared error, or half the Poisson deviance of the mean ``exp(z)``, which needs
        ``y >= 0``; summed over the outputs.

    Attributes
    ----------
    n_outputs_ : int
        Output units, one a column of `y`.
    out_activation_ : {"identity", "exp"}
        Activation of the outputs: "exp" for the Poisson loss.
    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights of each layer. Live: assigning to an item, or into it, changes the network. Only of
        a single network; those of an ensemble are in `estimators_`.
    intercepts_ : list of ndarray of shape (fan_out,)
        Biases of each layer, live as well; of a single network.
    estimators_ : list of DropoutMLPRegressor
        The networks of an ensemble, each a fitted estimator; only with `cv`.
    oof_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        The means that the networks predict for the rows they have not seen; NaN for rows that are
        never held out, or have no weight. Only with `cv`.
    oof_score_ : float
        Their score, by `scoring` or R2; only with `cv`.
    history_ : dict of str to list
        For each epoch: "loss" (with penalty and dropout) and its parts "data_loss" and "penalty",
        "training_score" (R2 with dropout, of the predictions that each step was taken from;
        not with another `scoring`), "learning_rate" (of its last step), "dropout_rate" (a tuple
        where layers differ), "input_dropout_rate" and, where something is held out,
        "validation_loss" and, for a single network or with `scoring`, "validation_score"; the loss
        alone with "lbfgs".
    loss_ : float
        Training loss of the last epoch, the mean of all networks.
    loss_curve_ : list of float
        Training loss of each epoch.
    best_loss_ : float or None
        Lowest training loss; None where something is held out and decides.
    validation_scores_ : list of float or None
        Validation score of each epoch; None without one.
    best_validation_score_ : float or None
        Highest of the validation scores of all epochs, those of earlier fits that a warm start
        goes on from too; None without one.
    n_iter_ : int
        Epochs of the last `fit`, or the calls of `partial_fit`.
    t_ : int or float
        Samples seen in training, by their weight; 0 with "lbfgs".
    n_layers_ : int
        Layers, inputs and outputs included.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where `X` has names that are all strings.

    See Also
    --------
    DropoutMLPClassifier : The same network for classes.
    sklearn.neural_network.MLPRegressor : The same network without dropout.

    Notes
    -----
    Dropout is off by default: noise in the hidden units is noise in the predicted numbers, and
    small tables seldom gain by it. With the Poisson loss it also makes predictions too low, as the
    mean over the thinned networks of ``exp(z)`` is larger than ``exp`` of the mean `z`, which is
    what the whole network predicts; keep the rates small there, or at zero.

    References
    ----------
    .. [1] B. Graham, J. Reizenstein and L. Robinson, "Efficient batchwise dropout training using
       submatrices", 2015, arXiv 1502.02478.
    .. [2] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, "Dropout: a
       simple way to prevent neural networks from overfitting", JMLR 15, 2014.
    .. [3] I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019,
       arXiv 1711.05101.
    .. [4] S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by
       reducing internal covariate shift", ICML 2015, arXiv 1502.03167.
    .. [5] O. Shamir and T. Zhang, "Stochastic gradient descent for non-smooth optimization:
       convergence results and optimal averaging schemes", ICML 2013, arXiv 1212.1824.
    .. [6] P. Samuelson, "How deviant can you be?", Journal of the American Statistical
       Association 63, 1968, doi 10.2307/2285901.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from sklearn.model_selection import train_test_split
    >>> from skdropout import DropoutMLPRegressor
    >>> X, y = make_friedman1(500, random_state=0)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> network = DropoutMLPRegressor(random_state=0).fit(X_train, y_train)
    >>> network.score(X_test, y_test) > 0.8
    True
    """

    dropout_rate: float | Sequence[float] | Array | str = 0.0  # see Notes
    learning_rate_init: float = 0.01
    loss: str = "squared_error"

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train from new weights, or go on with the old ones if `warm_start` is set.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The training data. float32 is kept, everything else becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The numbers to predict, not negative for the Poisson loss.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples; None stands for ones. A row of weight zero is
            left out.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Samples to validate with, instead of a part of `X`: they decide when to stop, and which
            epoch is kept. `history_` tells the loss and the score on them.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Their targets.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.
        groups : array-like of shape (n_samples,), default=None
            Which samples belong together, for a `cv` that keeps groups whole.

        Returns
        -------
        self : DropoutMLPRegressor
            The fitted regressor.

        Raises
        ------
        ValueError, TypeError
            If an argument of the constructor, the data or the weights are not as they should be,
            before any training; or if the training diverges. What an earlier `fit` left is kept.
        """
        validation = Given(X_val, y_val, sample_weight_val, "_val")
        fit(self, self._labels, Given(X, y, sample_weight), validation, groups)
        return self

    @if_stochastic
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Go once through the given samples, in batches, and keep everything for the next call.

        For all schedules a call is an epoch: a learning rate, or a dropout rate, that falls to zero
        does so in `max_iter` calls. Each call appends to the lists of `history_`, and
        nothing else grows with their number. Callbacks are not called.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The numbers to predict.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples; None stands for ones.

        Returns
        -------
        self : DropoutMLPRegressor
            The regressor.

        Raises
        ------
        ValueError, TypeError
            As in `fit`; and with ``early_stopping=True``.
        """
        partial_fit(self, self._labels, Given(X, y, sample_weight))
        return self

    @overload
    def predict(
        self,
        X: ArrayLike,
        return_std: Literal[False] = False,
        *,
        n_samples: int = 30,
        random_state: Any = None,
        consistent: bool = False,
    ) -> Array: ...

    @overload
    def predict(
        self,
        X: ArrayLike,
        return_std: Literal[True],
        *,
        n_samples: int = 30,
        random_state: Any = None,
        consistent: bool = False,
    ) -> tuple[Array, Array]: ...

    def predict(
        self,
        X: ArrayLike,
        return_std: bool = False,
        *,
        n_samples: int = 30,
        random_state: Any = None,
        consistent: bool = False,
    ) -> Array | tuple[Array, Array]:
        """Predict with the whole network, and measure how much thinned networks disagree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, n_features)
            The samples.
        return_std : bool, default=False
            Whether to return the standard deviation of predictions with dropout kept on, as by
            `predict_samples`, too [1]_, in the unit of `y`. The other arguments are for it. A
            pipeline hands them all on to its last step. The networks of an ensemble disagree even
            without dropout; a single one needs a rate above zero, which is not the default: train
            with one, or set it before, as in ``set_params(dropout_rate=0.1)``.
        n_samples : int >= 1, default=30
            Number of draws: of thinned networks, or of noise, that each row goes through.
        random_state : int, RandomState instance or None, default=None
            Decides which; the random numbers of the training are left alone.
        consistent : bool, default=False
            Whether all rows share the mask of a draw, so that a draw is one function, and
            differences between rows mean something. They always do where a scheme draws one mask
            for a whole batch, as "batchwise" and "dropconnect" do.

        Returns
        -------
        y : ndarray of shape (n,) or (n, n_outputs)
            The predicted means, the same with and without `return_std`.
        std : ndarray of the shape of `y`
            Standard deviation of the predicted means over the thinned networks, around their own
            mean. It grows where the networks disagree and with the rate, so it ranks samples rather
            than being an interval; the noise of the data comes on top of it. Only with
            `return_std`.

        Raises
        ------
        ValueError, TypeError
            With `return_std`, as by `predict_samples`.
        NotFittedError
            If there is no network yet.

        See Also
        --------
        predict_samples : The predictions that `std` is that of.

        References
        ----------
        .. [1] Y. Gal and Z. Ghahramani, "Dropout as a Bayesian approximation: representing model
           uncertainty in deep learning", ICML 2016, arXiv 1506.02142.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from skdropout import DropoutMLPRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> network = DropoutMLPRegressor(dropout_rate=0.1, random_state=0).fit(X, y)
        >>> y_mean, y_std = network.predict(X[:3], return_std=True, random_state=0)
        >>> y_mean.shape, y_std.shape
        ((3,), (3,))
        """
        check_flag("return_std", return_std)
        check_number("n_samples", n_samples, 1, integer=True)
        z = self._raw_predict(X)
        labels = self._fitted_labels
        mean = labels.decide(z)
        if not return_std:
            return mean
        monte_carlo = self._monte_carlo(X, n_samples, random_state, consistent)
        spread = monte_carlo.gather(lambda draws: measure_spread(map(labels.decide, draws)))
        return mean, spread["std"].astype(mean.dtype, copy=False)

    def predict_samples(
        self,
        X: ArrayLike,
        n_samples: int = 30,
        random_state: Any = None,
        *,
        consistent: bool = False,
    ) -> Array:
        """Predict with dropout kept on, by one thinned network after another.

        Rates and scheme are those that the arguments have now; `dropout_schedule` has no part in
        it. Each sample is a predicted mean; the noise of the data is not in it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, n_features)
            The samples.
        n_samples : int >= 1, default=30
            Number of draws: of thinned networks, or of noise, that each row goes through.
        random_state : int, RandomState instance or None, default=None
            Decides which; the random numbers of the training are left alone.
        consistent : bool, default=False
            Whether all rows share the mask of a draw, so that a draw is one function, and
            differences between rows mean something. They always do where a scheme draws one mask
            for a whole batch, as "batchwise" and "dropconnect" do.

        Returns
        -------
        y : ndarray of shape (n_samples, n) or (n_samples, n, n_outputs)
            The predictions of each thinned network.

        Raises
        ------
        ValueError, TypeError
            If it is a single network and `dropout_rate` and `input_dropout_rate` are zero, as all
            predictions would be the same; if `n_samples` or `consistent` are not as above; or if
            the scheme would make sparse `X` dense.
        NotFittedError
            If there is no network yet.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from skdropout import DropoutMLPRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> network = DropoutMLPRegressor(dropout_rate=0.1, random_state=0).fit(X, y)
        >>> network.predict_samples(X[:4], n_samples=10, random_state=0).shape
        (10, 4)
        """
        monte_carlo = self._monte_carlo(X, n_samples, random_state, consistent)
        return monte_carlo.stack(self._fitted_labels.decide)

    def to_sklearn(self) -> MLPRegressor | VotingRegressor:
        """Return the fitted network as scikit-learn's own class, with the same predictions.

        For whatever takes that class alone, as converters to ONNX do (for one output and the
        squared error). Batch normalisation becomes part of the weights.

        Returns
        -------
        mlp : sklearn.neural_network.MLPRegressor or sklearn.ensemble.VotingRegressor
            A fitted regressor with weights of its own; of an ensemble the mean of such.

        Raises
        ------
        ValueError
            If the layers have activations that it does not know, or different ones; or if it is an
            ensemble for several outputs, which a vote does not know.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from skdropout import DropoutMLPRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> network = DropoutMLPRegressor(random_state=0).fit(X, y)
        >>> bool(abs(network.to_sklearn().predict(X) - network.predict(X)).max() < 1e-9)
        True
        """
        return to_regressor(self)

    @property
    def _labels(self) -> Numbers:
        """What the numbers are for the loss that `loss` names now."""
        return Numbers(self.loss)

    @property
    def _fitted_labels(self) -> Numbers:
        """What they are for the loss that the network was trained with."""
        return Numbers.by_activation(self.out_activation_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
