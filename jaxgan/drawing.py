"""Drawing many samples from a state, so that sample i is the same whatever number is drawn."""

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.errors import Diverged, JaxganError
from jaxgan.rows import Rows
from jaxgan.systems import Generative, System, Translating
from jaxgan.systems.inputs import in_range

CHUNK = 64
"""Samples are computed this many at a time, whatever number is asked for, and sample i always at place i % CHUNK. So
the same program computes it every time, and the same seed gives the same bits whether 1 or 10,000 are drawn."""

AHEAD = 2
"""Chunks that are computed or waiting while the one before them is fetched."""


def sample_key(seed: jax.Array | np.uint32) -> jax.Array:
    """The key of the samples of a seed; apart from every key that training makes of the same seed."""
    return jax.random.fold_in(jax.random.key(seed), 2**32 - 1)


def in_chunks(function: Callable[..., Any], state: Any, *arrays: np.ndarray, chunk: int = CHUNK) -> Any:
    """`function(state, *rows)` of as many rows each time, so that what row i becomes does not depend on their number.

    Args:
      function: compiled; `(state, *[chunk, ...]) -> [chunk, ...]`, or a tuple of such arrays, each row by itself.
      state: of the system, or whatever else is the same for all rows.
      arrays: [n, ...] each, n at least 1; the last chunk is filled up with its last row.
      chunk: rows that are computed at once, the same for all n.

    Returns:
      NumPy's array [n, ...], or a tuple of them.
    """
    count = len(arrays[0])
    made: list[Rows] = []
    for first in range(0, count, chunk):
        rows = np.minimum(np.arange(first, first + chunk), count - 1)
        found, form = jax.tree.flatten(function(state, *(array[rows] for array in arrays)))
        made = made or [Rows(count) for _ in found]
        for whole, part in zip(made, found, strict=True):
            whole.add(np.asarray(part))
    return jax.tree.unflatten(form, [whole.whole() for whole in made])


class Samples(NamedTuple):
    """Generated examples and what they were made from.

    Attributes:
      images: float32 [n, *shape], images in [-1, 1].
      latents: float32 [n, ...].
      labels: int32 [n]; zeros where there are no classes.
    """

    images: np.ndarray
    latents: np.ndarray
    labels: np.ndarray


class Sampler:
    """Draws from a state of a system; each of its two programs is compiled once a truncation, on first use.

    Args:
      system: what was trained. One that is not `Generative` is refused when samples are asked for.
    """

    def __init__(self, system: System):
        self._num_classes = system.num_classes

        def draw(
            state: Any, seed: jax.Array, first: jax.Array, labels: jax.Array, truncation: float | None
        ) -> tuple[jax.Array, jax.Array]:
            indices = first + jnp.arange(CHUNK, dtype=jnp.int32)
            latents = generative(system).latents(sample_key(seed), indices, truncation)
            return generate(state, latents, labels, truncation), latents

        def generate(state: Any, latents: jax.Array, labels: jax.Array, truncation: float | None) -> jax.Array:
            return generative(system).generate(state, latents, labels, truncation)

        self._settle = system.settled
        self._draw, self._generate = jax.jit(draw, static_argnums=4), jax.jit(generate, static_argnums=3)

    def __call__(
        self,
        state: Any,
        seed: int,
        num: int,
        labels: Sequence[int] | None = None,
        truncation: float | None = None,
    ) -> Samples:
        """Draws `num` samples.

        Args:
          state: of the system.
          seed: sample i depends on (seed, i) and its label only.
          num: at least 1.
          labels: sample i gets `labels[i % len(labels)]`; by default the classes in turn.
          truncation: less variety for more fidelity, as the system's generator understands it; None is none.
        """
        return Samples(*map(np.concatenate, zip(*self.chunks(state, seed, num, labels, truncation), strict=True)))

    def chunks(
        self,
        state: Any,
        seed: int,
        num: int,
        labels: Sequence[int] | None = None,
        truncation: float | None = None,
    ) -> Iterator[Samples]:
        """The same samples, `CHUNK` at a time, so that they need not all be held; arguments as of drawing."""
        state, wanted = self._settle(state), self._in_turn(labels, num)
        running = (
            self._draw(state, np.uint32(seed), np.int32(first), wanted[first : first + CHUNK], truncation)
            for first in range(0, num, CHUNK)
        )
        for first, (images, latents) in zip(range(0, num, CHUNK), _fetched(running), strict=True):
            some = min(CHUNK, num - first)
            yield Samples(images[:some], latents[:some], wanted[first : first + some])

    def generate(
        self, state: Any, latents: np.ndarray, labels: Sequence[int] | None = None, truncation: float | None = None
    ) -> Samples:
        """The samples of given latents [n, ...]; sample i depends on latent i, its label and i % CHUNK only.

        Args:
          state: of the system.
          latents: float32 [n, ...], n >= 1.
          labels: as for drawing.
          truncation: likewise.
        """
        num = len(latents)
        state, wanted = self._settle(state), self._in_turn(labels, num)
        filled = np.resize(latents, (len(wanted), *latents.shape[1:]))
        chunks = (
            (self._generate(state, filled[first : first + CHUNK], wanted[first : first + CHUNK], truncation),)
            for first in range(0, num, CHUNK)
        )
        images = np.concatenate([image for (image,) in _fetched(chunks)])
        return Samples(images[:num], latents, wanted[:num])

    def _in_turn(self, labels: Sequence[int] | None, num: int) -> np.ndarray:
        """Labels of `num` samples and of what fills up their last chunk."""
        cycle = np.asarray(labels if labels is not None else range(max(self._num_classes, 1)), np.int32)
        return np.resize(cycle, -(-num // CHUNK) * CHUNK)


def generative(system: System) -> Generative:
    """The system itself.

    Raises:
      JaxganError: it makes no samples.
    """
    if not isinstance(system, Generative):
        hint = ": its system makes images of images; use `jaxgan translate`" if isinstance(system, Translating) else ""
        raise JaxganError(f"this run makes no samples of its own{hint}.")
    return system


def _fetched(chunks: Iterator[tuple[jax.Array, ...]]) -> Iterator[tuple[np.ndarray, ...]]:
    """Chunks, of which the first array is images, on the host; the device goes on while the host copies."""
    running = deque(itertools.islice(chunks, AHEAD))
    while running:
        chunk = running.popleft()
        running.extend(itertools.islice(chunks, 1))
        fetched = tuple(map(np.asarray, chunk))
        if not np.isfinite(fetched[0]).all():
            raise Diverged(
                "what the generator makes is not finite: training diverged, or latents are far from those of training."
            )
        yield in_range(fetched[0]), *fetched[1:]
