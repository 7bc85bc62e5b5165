"""What a discriminator reveals as it is used, not trained: features, and class logits if it has any."""

from typing import Any

import flax.linen as nn
import jax

from jaxgan.errors import JaxganError
from jaxgan.systems.players import CLASSES, FEATURES, REVEALED, Variables


def features_of(discriminator: nn.Module, variables: Variables, examples: jax.Array) -> jax.Array:
    """Features [n, d] float32 of examples [n, *shape]: what the logits are a function of."""
    return _revealed(discriminator, variables, examples)[FEATURES]


def classes_of(discriminator: nn.Module, variables: Variables, examples: jax.Array) -> jax.Array:
    """Class logits [n, classes] float32 of examples [n, *shape]."""
    return _revealed(discriminator, variables, examples)[CLASSES]


def check_alone(metric: str, discriminator: nn.Module) -> None:
    """Refuses a metric of features where those of an example depend on the others beside it: D `mixes_examples`.

    Raises:
      JaxganError: it says what to set.
    """
    if getattr(discriminator, "mixes_examples", False):
        raise JaxganError(
            f"the metric {metric} reads what D makes of single examples, and minibatch deviation mixes those of a "
            "batch: train with --config.discriminator.group_size=1, or leave the metric out."
        )


def sizes(discriminator: nn.Module, *arguments: Any) -> dict[str, int]:
    """How many numbers a discriminator reveals of an example, by collection; nothing is computed.

    Args:
      discriminator: the module.
      arguments: an example [1, *shape], and a label [1] if it cannot do without.
    """
    variables = jax.eval_shape(lambda: discriminator.init(jax.random.key(0), *arguments, train=False))
    shown = jax.eval_shape(lambda variables: _revealed(discriminator, variables, *arguments), variables)
    return {name: values.shape[-1] for name, values in shown.items()}


def _revealed(discriminator: nn.Module, variables: Variables, *arguments: Any) -> dict[str, jax.Array]:
    shown = discriminator.apply(variables, *arguments, train=False, mutable=list(REVEALED))[1]
    return {name: jax.tree.leaves(values)[0] for name, values in shown.items()}
