"""What a discriminator has learnt without labels: linear classifiers on its features, frozen, from a few labels.

Four classifiers learn from the same labelled examples, as many of each class, and are judged on the whole test split:

- `features`: logistic regression on the features of the trained D;
- `random_features`: the same on those of a D as it was before training, another one for each draw of labels, with
  running statistics of images of the run, if it has any;
- `pixels`: the same on the pixels;
- `supervised`: D's own layers with a linear map on their features, all trained from their start by these labels alone.

Logistic regression sees its inputs centred and divided by one number, their root mean squared norm over the labelled
examples, so that one grid of L2 weights fits all three; the weight is chosen by cross-validation among the labelled
examples. The supervised net is given no such choice: its steps and learning rate are fixed. Nothing is chosen on the
test split. The figures are means over draws of the labelled examples; `..._draw_se` are their standard errors.

Source: the use is that of Radford et al. 2016, section 5, with D's last features instead of those of all layers.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.data import DataSpec, Source, open_source
from jaxgan.data.few_labels import choose, underlying
from jaxgan.data.order import epoch_permutation
from jaxgan.drawing import in_chunks
from jaxgan.errors import JaxganError
from jaxgan.evaluation.held_out import open_test_split
from jaxgan.evaluation.metric import LEAVE_OUT, Aim, Metric, of_state, wrong_data
from jaxgan.evaluation.mnist import mnist_of
from jaxgan.systems import System
from jaxgan.systems.averages import STATISTICS, reestimated
from jaxgan.systems.features import check_alone, features_of, sizes
from jaxgan.systems.inputs import scaled
from jaxgan.systems.players import FEATURES, new_player, stepped, train_pass

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Budget(NamedTuple):
    """What every classifier may use: the first three linear ones, the others the supervised net.

    Attributes:
      draws: of the labelled examples.
      inverse_weights: of L2, sklearn's C, to choose from.
      folds: of the cross-validation that chooses.
      steps: of the supervised net's Adam.
      batch_size: labelled examples a step of it, drawn with replacement.
      learning_rate: of it.
    """

    draws: int = 5
    inverse_weights: tuple[float, ...] = (1.0, 10.0, 100.0, 1000.0)
    folds: int = 5
    steps: int = 1000
    batch_size: int = 64
    learning_rate: float = 1e-3


BUDGET = Budget()

SEEN = (16, 64)
"""Batches of unlabelled images, and images in each, that the running statistics of an untrained D are of."""


class Split(NamedTuple):
    """Examples [n, ...], images or what stands for them, and their labels int [n]."""

    examples: np.ndarray
    labels: np.ndarray


def probe100_mnist(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """Linear classifiers of MNIST from 100 labels, on D's features, random ones and pixels, and a supervised net."""
    mnist_of("probe100_mnist", underlying(data))
    return probe("probe100_mnist", 100, system, data)


def probe1000_mnist(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """Linear classifiers of MNIST from 1,000 labels; the others are those of `probe100_mnist`."""
    mnist_of("probe1000_mnist", underlying(data))
    return probe("probe1000_mnist", 1000, system, data)


def probe100_cifar10_jpg(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """Linear classifiers of CIFAR-10 as an image folder from 100 labels; the others as of `probe100_mnist`."""
    _check_cifar10("probe100_cifar10_jpg", spec, data)
    return probe("probe100_cifar10_jpg", 100, system, data)


def probe1000_cifar10_jpg(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """Linear classifiers of CIFAR-10 as an image folder from 1,000 labels; the others as of `probe100_mnist`."""
    _check_cifar10("probe1000_cifar10_jpg", spec, data)
    return probe("probe1000_cifar10_jpg", 1000, system, data)


def _check_cifar10(metric: str, spec: DataSpec, data: Mapping[str, Any]) -> None:
    if underlying(data)["name"] != "folder" or spec.class_names != CIFAR10:
        raise wrong_data(metric, "folder with CIFAR-10's classes", data)


def probe(name: str, labels: int, system: System, data: Mapping[str, Any], budget: Budget = BUDGET) -> Metric:
    """The metric for one number of labels on any data with classes and a test split.

    Args:
      name: of the metric, for messages.
      labels: labelled examples a draw.
      system: that is trained.
      data: settings of the run's data; the labelled examples come from its split, draw i by seed i.
      budget: of every classifier.

    Raises:
      JaxganError: the system has no D of single examples without labels, or it grows, or the data has no classes or no
        test split.
    """
    module = _discriminator(name, system)
    arrays = open_test_split(f"the metric {name}", data).arrays()
    source = open_source(underlying(data), 0)
    test, draws = Split(arrays["image"], arrays["label"]), [_drawn(source, labels, i) for i in range(budget.draws)]
    starts = [module.init(jax.random.key(draw), _example(source.spec), train=False) for draw in range(budget.draws)]
    extract = jax.jit(lambda variables, images: features_of(module, variables, scaled(images)))

    def on_features(variables: Any, draws: Sequence[Split]) -> list[float]:
        return on_inputs(lambda images: in_chunks(extract, variables, images), draws)

    def on_inputs(inputs_of: Callable[[np.ndarray], np.ndarray], draws: Sequence[Split]) -> list[float]:
        others = Split(inputs_of(test.examples), test.labels)
        return [linear_accuracy(Split(inputs_of(d.examples), d.labels), others, budget) for d in draws]

    @functools.cache  # they do not depend on what is scored
    def compared() -> dict[str, list[float]]:
        pairs, images = list(zip(starts, draws, strict=True)), _unlabelled(source)
        return {
            "random_features": [on_features(acquainted(module, start, images), [draw])[0] for start, draw in pairs],
            "pixels": on_inputs(lambda images: images.reshape(len(images), -1).astype(np.float32), draws),
            "supervised": [supervised_accuracy(module, start, draw, test, budget) for start, draw in pairs],
        }

    def score(state: Any) -> dict[str, float]:
        values = {"features": on_features(state.discriminator.variables, draws)} | compared()
        errors = {f"{key}_draw_se": float(np.std(v, ddof=1) / np.sqrt(len(v))) for key, v in values.items()}
        return {key: float(np.mean(v)) for key, v in values.items()} | errors

    protocol = {
        "labels": labels,
        "held_out": f"{underlying(data)['name']} test ({len(test.labels)})",
        "feature_size": sizes(module, _example(source.spec))[FEATURES],
        "random_statistics": SEEN,
        **budget._asdict(),
    }
    return of_state(len(test.labels), score, protocol, Aim("features"))


def _discriminator(metric: str, system: System) -> nn.Module:
    """D, if it looks at one example at a time, without its label, and reveals features."""
    networks, shape = system.networks(), getattr(system, "shape", None)
    if "discriminator" in networks and len(system.stages) == 1:
        module, (example, *labels) = networks["discriminator"]
        if example.shape[1:] == shape and not any(a is not None for a in labels) and FEATURES in sizes(module, example):
            check_alone(metric, module)
            return module
    raise JaxganError(
        f"the metric {metric} reads the features of a discriminator that is shown single examples and no labels, and "
        f"does not grow; this run has none: {LEAVE_OUT}."
    )


def _example(spec: DataSpec) -> np.ndarray:
    return np.zeros((1, *spec.shape), np.float32)


def _drawn(source: Source, labels: int, seed: int) -> Split:
    chosen = choose(source, labels, seed, "the number of labels of the probe")
    return Split(*(np.stack([example[key] for example in chosen]) for key in ("image", "label")))


def _unlabelled(source: Source) -> np.ndarray:
    """Images of the run's split, [batches, count, *shape]; as many whole batches as there are, up to SEEN."""
    batches, count = SEEN
    order = epoch_permutation(0, 0, source.spec.size)[: batches * count]
    images = np.stack([source[int(index)]["image"] for index in order])
    return images[: max(len(images) // count, 1) * count].reshape(-1, min(count, len(images)), *images.shape[1:])


@functools.partial(jax.jit, static_argnums=0)
def acquainted(module: nn.Module, start: Any, images: jax.Array) -> Any:
    """An untrained D's variables with the running statistics, if it has any, that it has of images.

    Args:
      module: the discriminator.
      start: its variables as they begin, with a mean of 0 and a variance of 1 of whatever there is.
      images: [batches, b, *shape], uint8 or float32 as networks take them.
    """
    if STATISTICS not in start:
        return start
    params, others = start["params"], {name: values for name, values in start.items() if name != "params"}

    def training_pass(statistics: Any, i: jax.Array) -> Any:
        collections, inputs = others | {STATISTICS: statistics}, (scaled(images[i]),)
        return train_pass(module, params, collections, inputs, jax.random.key(0), advance=False).statistics[STATISTICS]

    return {**start, STATISTICS: reestimated(training_pass, start[STATISTICS], len(images))}


def linear_accuracy(learnt: Split, test: Split, budget: Budget) -> float:
    """Accuracy on the test split of multinomial logistic regression with L2, fitted to inputs [n, d].

    The regression is fitted in the at most n coordinates that the labelled inputs span, which gives the same
    classifier: L2 leaves its weights in that span.
    """
    from sklearn.linear_model import LogisticRegression  # slow to import
    from sklearn.model_selection import GridSearchCV

    centre = learnt.examples.mean(axis=0)
    _, lengths, basis = np.linalg.svd(learnt.examples - centre, full_matrices=False)
    norm = max(np.sqrt(np.sum(lengths**2) / len(learnt.labels)), 1e-12)
    inputs, others = ((x - centre) @ basis.T / norm for x in (learnt.examples, test.examples))
    search = GridSearchCV(LogisticRegression(max_iter=2000), {"C": budget.inverse_weights}, cv=budget.folds)
    return float(search.fit(inputs, learnt.labels).score(others, test.labels))


def supervised_accuracy(module: nn.Module, start: Any, learnt: Split, test: Split, budget: Budget) -> float:
    """Accuracy on the test split of a discriminator's layers with a linear map on their features, trained on labels.

    Args:
      module: the discriminator.
      start: its variables before training.
      learnt: labelled examples.
      test: judged by.
      budget: steps, batch and learning rate.
    """
    classes = int(learnt.labels.max()) + 1
    width = sizes(module, np.zeros((1, *learnt.examples.shape[1:]), np.float32))[FEATURES]
    variables, head = _fitted(module, budget, start, jnp.zeros((width + 1, classes)), learnt.examples, learnt.labels)
    logits = in_chunks(functools.partial(_classified, module), (variables, head), test.examples)
    return float(np.mean(logits.argmax(axis=1) == test.labels))


@functools.partial(jax.jit, static_argnums=0)
def _classified(module: nn.Module, trained: tuple[Any, jax.Array], images: jax.Array) -> jax.Array:
    return _logits(features_of(module, trained[0], scaled(images)), trained[1])


def _logits(features: jax.Array, head: jax.Array) -> jax.Array:
    """Linear in features [n, d], by weights [d + 1, classes] of which the last row is the bias."""
    return features @ head[:-1] + head[-1:]


@functools.partial(jax.jit, static_argnums=(0, 1))
def _fitted(
    module: nn.Module, budget: Budget, start: Any, head: jax.Array, images: jax.Array, labels: jax.Array
) -> tuple[Any, jax.Array]:
    """D's variables and the weights of the linear map after the budget's steps of Adam on the cross-entropy."""
    optimizer = optax.adam(budget.learning_rate)
    player = new_player(start, optimizer)
    both = player.replace(params=(player.params, head), opt_state=optimizer.init((player.params, head)))  # type: ignore[attr-defined]

    def step(player: Any, number: jax.Array) -> tuple[Any, None]:
        row_key, noise_key = jax.random.split(jax.random.fold_in(jax.random.key(0), number))
        rows = jax.random.randint(row_key, (budget.batch_size,), 0, len(labels))

        def loss(params: Any) -> tuple[jax.Array, Any]:
            seen = train_pass(module, params[0], player.statistics, (scaled(images[rows]),), noise_key)
            assert seen.features is not None  # looked after by `_discriminator`
            losses = optax.softmax_cross_entropy_with_integer_labels(_logits(seen.features, params[1]), labels[rows])
            return jnp.mean(losses), seen.statistics

        grads, statistics = jax.grad(loss, has_aux=True)(player.params)
        return stepped(player, grads, statistics, optimizer), None

    both, _ = jax.lax.scan(step, both, jnp.arange(budget.steps))
    return {"params": both.params[0], **both.statistics}, both.params[1]
