"""The optimisation of style transfer: L-BFGS on the pixels of a picture, many iterations a compiled program.

    minimise  content_weight sum_l a_l |F_l(x) - F_l(content)|^2
              + style_weight sum_l b_l / n_l^2 |G_l(x) - G_l(style)|^2

with means for squared norms, activations F_l, their Gram matrices G_l and the number n_l of channels of layer l.
Source: Gatys, Ecker & Bethge 2016, with the weights of the first author's later code.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.errors import JaxganError
from jaxgan.networks.vgg import VGG, Pooling
from jaxgan.pretrained.vgg_weights import Weights
from jaxgan.style.losses import content_loss, gram, style_loss

PER_CALL = 10
"""Iterations of a call of the compiled program, between which progress can be shown."""

OPTIMIZER = optax.lbfgs(memory_size=10)

PRECISION = "float32"
"""Of convolutions and Gram matrices on every device: three digits of TF32 would show in the losses."""

Start = Literal["content", "noise"]
Layers = Mapping[str, float]
Terms = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a picture is to be like, and how it is sought.

    Attributes:
      content_layers: a_l, by activation.
      style_layers: b_l, by activation.
      content_weight: of all content losses.
      style_weight: of all style losses, each divided by the square of its layer's number of channels.
      steps: iterations of L-BFGS.
      start: from the content, or from uniform noise.
      pooling: of the VGG.
      seed: of the noise.
    """

    content_layers: Layers
    style_layers: Layers
    content_weight: float = 10.0
    style_weight: float = 1e3
    steps: int = 300
    start: Start = "content"
    pooling: Pooling = "max"
    seed: int = 0


class Goal(NamedTuple):
    """What the loss of a layer is measured from, float32 [1, ...], and its weight, float32 []."""

    target: jax.Array
    weight: jax.Array


class Goals(NamedTuple):
    """Those of the content, activations [1, h, w, c], and of the style, Gram matrices [1, c, c], by layer.

    Attributes:
      unit: of activations, see `Weights`.
    """

    content: dict[str, Goal]
    style: dict[str, Goal]
    unit: jax.Array


class Result(NamedTuple):
    """A picture and how it came about.

    Attributes:
      picture: uint8 [h, w, 3].
      history: total loss before each iteration, float32 [steps].
      before: terms of the loss, weighted, of what was started from, which is the first of the history in parts; their
        names are "content LAYER" and "style LAYER".
      after: of `picture`.
    """

    picture: np.ndarray
    history: np.ndarray
    before: dict[str, float]
    after: dict[str, float]


def transfer(
    weights: Weights,
    content: np.ndarray,
    style: np.ndarray,
    settings: Settings,
    progress: Callable[[int, float], None] = lambda steps, loss: None,
) -> Result:
    """Makes a picture with the content of one and the style of another.

    Args:
      weights: of the VGG.
      content: uint8 [h, w, 3].
      style: uint8 of any height and width.
      settings: what is wanted.
      progress: told every few iterations how many there have been since it was last told, and the total loss.

    Returns:
      the picture, of the content's size.

    Raises:
      JaxganError: an unknown layer, or a loss that is not finite.
    """
    net = VGG(weights.depth, tuple({**settings.content_layers, **settings.style_layers}), settings.pooling)
    params, start = jax.device_put(weights.params), _images(content)
    with jax.default_matmul_precision(PRECISION):
        reached = _features(net, params, start), _features(net, params, _images(style))
        goals = _goals(*reached, settings, weights.unit)
        if settings.start == "noise":
            start = jax.random.uniform(jax.random.key(settings.seed), start.shape, minval=-1, maxval=1)

        phases, history = _phases(start), np.zeros(settings.steps, np.float32)
        start = jnp.sin(phases)
        state = OPTIMIZER.init(phases)
        for first in range(0, settings.steps, PER_CALL):
            count = min(PER_CALL, settings.steps - first)
            phases, state, losses = _advance(net, params, goals, phases, state, count)
            history[first : first + count] = losses[:count]
            if not np.isfinite(history).all():
                raise JaxganError("the loss is no longer a finite number; lower --content-weight and --style-weight.")
            progress(count, float(history[first + count - 1]))
        picture = np.rint((np.asarray(jnp.sin(phases)[0]) + 1) * 127.5).astype(np.uint8)
        before, after = (
            {name: float(term) for name, term in terms(_features(net, params, images), goals).items()}
            for images in (start, _images(picture))
        )
        return Result(picture, history, before, after)


def terms(features: Mapping[str, jax.Array], goals: Goals) -> Terms:
    """The losses of every layer, weighted: "content LAYER" and "style LAYER", float32 [] each.

    Args:
      features: activations [1, h, w, c], by layer.
      goals: of some of them.
    """
    scaled = {layer: values * goals.unit for layer, values in features.items()}
    found = {
        f"content {layer}": goal.weight * content_loss(scaled[layer], goal.target)
        for layer, goal in goals.content.items()
    }
    found |= {
        f"style {layer}": goal.weight * style_loss(scaled[layer], goal.target) for layer, goal in goals.style.items()
    }
    return {name: term[0] for name, term in found.items()}


def _goals(content: Mapping[str, jax.Array], style: Mapping[str, jax.Array], settings: Settings, unit: float) -> Goals:
    """From the activations of both pictures. Weights are data, so that a program serves them all."""
    return Goals(
        {
            layer: Goal(content[layer] * unit, jnp.float32(settings.content_weight * factor))
            for layer, factor in settings.content_layers.items()
        },
        {
            layer: Goal(
                gram(style[layer] * unit), jnp.float32(settings.style_weight * factor / style[layer].shape[-1] ** 2)
            )
            for layer, factor in settings.style_layers.items()
        },
        jnp.float32(unit),
    )


def _images(picture: np.ndarray) -> jax.Array:
    return jnp.asarray(picture[None], jnp.float32) / 127.5 - 1


def _phases(images: jax.Array) -> jax.Array:
    """What is optimised: x = sin(phase) is a colour whatever the phase; `images` come back as 0.99 times themselves.

    Pixels left free to leave the range and cut back at the end lose much of what was reached. A tanh has next to no
    slope at white and black, where skies and shadows then stay as they are.
    """
    return jnp.arcsin(0.99 * images)  # at 1 the slope would be 0


@functools.partial(jax.jit, static_argnums=0)
def _features(net: VGG, params: Any, images: jax.Array) -> dict[str, jax.Array]:
    return net.apply({"params": params}, images)  # type: ignore[return-value]


@functools.partial(jax.jit, static_argnums=0)
def _advance(net: VGG, params: Any, goals: Goals, phases: jax.Array, state: Any, count: int) -> tuple[Any, ...]:
    """Makes `count` iterations of L-BFGS, PER_CALL at most, with a line search by Wolfe's conditions.

    Returns:
      phases [1, h, w, 3], the optimizer's state, and the total loss before each iteration, float32 [PER_CALL].
    """

    def loss(phases: jax.Array) -> jax.Array:
        return sum(terms(_features(net, params, jnp.sin(phases)), goals).values(), jnp.float32(0))

    def iteration(i: jax.Array, carry: tuple[Any, ...]) -> tuple[Any, ...]:
        phases, state, history = carry
        value, gradient = optax.value_and_grad_from_state(loss)(phases, state=state)
        step, state = OPTIMIZER.update(gradient, state, phases, value=value, grad=gradient, value_fn=loss)
        return optax.apply_updates(phases, step), state, history.at[i].set(value)

    return jax.lax.fori_loop(0, count, iteration, (phases, state, jnp.zeros(PER_CALL)))
