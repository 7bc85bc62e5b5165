"""How D judges: what it is shown, what it says of a batch, and what is remembered of it."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan.augment import Augmentation, adjusted
from jaxgan.penalties import Recent
from jaxgan.schedules import value_at
from jaxgan.systems.inputs import Metrics
from jaxgan.systems.packing import pack, unpack
from jaxgan.systems.players import Pass, Variables, passes

MEMORY = 0.99
"""Decay of the running means in `Memory`, a D update; LeCam's value (Tseng et al. 2021)."""


class View(NamedTuple):
    """How a batch is looked at: the strength of augmentation, float32 [], and the key of all that is drawn for it.

    Real and generated examples are augmented in the same way, number by number.
    """

    strength: jax.Array
    key: jax.Array


class Verdict(NamedTuple):
    """What D says of real and of generated examples: logits [b] each, class logits if it has any, and its statistics
    after both.
    """

    on_real: jax.Array
    on_fake: jax.Array
    real_classes: jax.Array | None
    fake_classes: jax.Array | None
    statistics: Variables


@dataclasses.dataclass(frozen=True)
class Judge:
    """D and what stands before it: augmentation, and packs of several examples.

    Attributes:
      module: D.
      augmentation: of every example that D sees in training, if any.
      packing: examples a pack.
    """

    module: nn.Module
    augmentation: Augmentation | None
    packing: int

    def look(
        self, params: Any, statistics: Variables, packs: jax.Array, labels: jax.Array | None, view: View, advance: bool
    ) -> Pass:
        """D's pass over packs [b, ...]; `advance` as of `passes`."""
        return self._passes(params, statistics, [(self._augmented(packs, view), labels)], view, advance)[0]

    def _augmented(self, packs: jax.Array, view: View) -> jax.Array:
        if self.augmentation is None:
            return packs
        examples = unpack(packs, self.packing)
        examples = self.augmentation.apply(examples, view.strength, jax.random.fold_in(view.key, 0))
        return pack(examples, self.packing)

    def _passes(
        self, params: Any, statistics: Variables, batches: Sequence[Any], view: View, advance: bool
    ) -> list[Pass]:
        seen = passes(self.module, params, statistics, batches, jax.random.fold_in(view.key, 1), advance=advance)
        for one, (packs, _) in zip(seen, batches, strict=True):
            if one.output.shape != packs.shape[:1]:  # [b, 1] would broadcast against [b] in a loss
                raise ValueError(
                    f"a discriminator returns logits [b], not {one.output.shape} for {len(packs)} examples"
                )
        return seen

    def verdict(
        self,
        params: Any,
        statistics: Variables,
        real: jax.Array,
        fake: jax.Array,
        labels: jax.Array | None,
        view: View,
        *,
        joint: bool,
        advance: bool,
    ) -> Verdict:
        """D on real and on generated packs [b, ...], in one pass over both (`joint`) or in two."""
        shown = [self._augmented(packs, view) for packs in (real, fake)]
        if joint:
            both = None if labels is None else jnp.concatenate([labels, labels])
            (seen,) = self._passes(params, statistics, [(jnp.concatenate(shown), both)], view, advance)
            n, classes = len(real), seen.classes
            of_real, of_fake = (None, None) if classes is None else (classes[:n], classes[n:])
            return Verdict(seen.output[:n], seen.output[n:], of_real, of_fake, seen.statistics)
        first, second = self._passes(params, statistics, [(packs, labels) for packs in shown], view, advance)
        return Verdict(first.output, second.output, first.classes, second.classes, second.statistics)


@flax.struct.dataclass
class Memory:
    """What is remembered of the last updates, float32 [] each.

    Running means, which start at 0: of its logits on real and generated examples, and of the sign of those on real
    ones (that adaptive augmentation looks at). `strength` is that of adaptive augmentation, in [0, 1], `path_length`
    the running mean of G's path lengths.
    """

    real_logit: jax.Array
    fake_logit: jax.Array
    real_sign: jax.Array
    strength: jax.Array
    path_length: jax.Array

    def recent(self, updates: jax.Array) -> Recent:
        """What penalties are told after so many updates of D, int32 []: means without their start at 0, as in Adam."""
        filled = jnp.maximum(1 - MEMORY**updates, 1 - MEMORY)  # before the first update they are 0 all the same
        return Recent(self.real_logit / filled, self.fake_logit / filled)


def blank_memory() -> Memory:
    """At the start of training."""
    return Memory(*(jnp.zeros(()) for _ in dataclasses.fields(Memory)))


def remembered(
    memory: Memory, on_real: jax.Array, on_fake: jax.Array, augmentation: Augmentation | None, shown: int
) -> Memory:
    """The memory after an update of D that said this of `shown` examples."""
    now = jnp.mean(on_real), jnp.mean(on_fake), jnp.mean(jnp.sign(on_real))
    before = memory.real_logit, memory.fake_logit, memory.real_sign
    real, fake, sign = (MEMORY * old + (1 - MEMORY) * new for old, new in zip(before, now, strict=True))
    power = memory.strength
    if augmentation is not None and augmentation.p is None:
        power = adjusted(augmentation, power, sign, shown)
    return Memory(real, fake, sign, power, memory.path_length)


def strength(augmentation: Augmentation | None, memory: Memory, images: jax.Array) -> jax.Array:
    """Of the augmentation, float32 []: as remembered where it adapts, else by its schedule."""
    if augmentation is None or augmentation.p is None:
        return memory.strength
    return value_at(augmentation.p, images)


def class_loss(classes: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean cross-entropy of class logits [b, classes] with labels int32 [b], float32 []."""
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(classes, labels))


def judgement(on_real: jax.Array, on_fake: jax.Array) -> Metrics:
    """How D judged a batch: mean logits, accuracies, and the four counts of the confusion matrix."""
    real_right, fake_right = jnp.sum(on_real > 0).astype(jnp.float32), jnp.sum(on_fake < 0).astype(jnp.float32)
    count = len(on_real)
    return {
        "real_logit": jnp.mean(on_real),
        "fake_logit": jnp.mean(on_fake),
        "real_accuracy": real_right / count,
        "fake_accuracy": fake_right / count,
        "real_called_real": real_right,
        "real_called_fake": count - real_right,
        "fake_called_real": count - fake_right,
        "fake_called_fake": fake_right,
    }
