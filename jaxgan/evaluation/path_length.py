"""How far the pictures move along ways through the latent space: perceptual path length."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.data.spec import DataSpec
from jaxgan.drawing import CHUNK, generative
from jaxgan.errors import Diverged, JaxganError
from jaxgan.evaluation.comparisons import Library
from jaxgan.evaluation.metric import LEAVE_OUT, Metric, check_generated_images, of_state
from jaxgan.evaluation.scoring import batch_size
from jaxgan.latents import slerp
from jaxgan.systems import Generative, System

EPSILON = 1e-4
FLOAT = 4  # bytes
SEED = 0
"""Of the ends of the ways and the places on them."""

Unrounded = Callable[[np.ndarray], np.ndarray]
"""As of `Extractor`."""


def squared_speeds(
    system: Generative, shape: tuple[int, ...], unrounded: Unrounded, num: int
) -> Callable[[Any], np.ndarray]:
    """What gives, of a settled state, how fast features move on random ways between latents.

      |f(G(slerp(a, b, t + e))) - f(G(slerp(a, b, t)))|^2 / e^2,  e = 1e-4

    with a and b as samples are drawn, t uniform in [0, 1), one label for both pictures, the classes in turn. The
    pictures are neither rounded nor clipped, and computed in float32 without TF32: they differ by less than a level.
    That is enough: on a conditional DCGAN of digits, 1,024 ways with e = 1e-3 have the same mean to 0.02 %.
    Way i depends on i alone. A batch of pictures is held at a time.

    Args:
      system: G, with its latents and labels.
      shape: of the images.
      unrounded: f.
      num: of ways.

    Returns:
      `state -> float64 [num]`; its program is compiled once.
    """
    batch = max(1, batch_size((FLOAT, *shape)) // 2 // CHUNK) * CHUNK

    @jax.jit
    def chunk(state: Any, first: jax.Array, further: jax.Array) -> jax.Array:
        indices = first + jnp.arange(CHUNK, dtype=jnp.int32)
        *ends, place = jax.random.split(jax.random.key(SEED), 3)
        a, b = (system.latents(key, indices) for key in ends)
        t = jax.vmap(lambda i: jax.random.uniform(jax.random.fold_in(place, i)))(indices)
        images = system.generate(state, jax.vmap(slerp)(a, b, t + further), indices % max(system.num_classes, 1))
        return (images + 1) * 127.5

    def pictures(state: Any, first: int, further: float) -> list[np.ndarray]:
        return [np.asarray(chunk(state, np.int32(i), further)) for i in range(first, first + batch, CHUNK)]

    def speeds(state: Any) -> np.ndarray:
        found = []
        with jax.default_matmul_precision("float32"):
            for first in range(0, num, batch):
                images = np.concatenate(pictures(state, first, 0.0) + pictures(state, first, EPSILON))
                start, end = np.split(unrounded(images).astype(np.float64), 2)
                found.append(((end - start) ** 2).sum(axis=1) / EPSILON**2)
        return np.concatenate(found)[:num]

    return speeds


def trimmed_mean(values: np.ndarray) -> float:
    """The mean of values [n] that are neither under the 1st nor over the 99th percentile.

    The percentiles are values themselves, the first the one below it and the last the one above, and stay.
    """
    low, high = np.percentile(values, 1, method="lower"), np.percentile(values, 99, method="higher")
    return float(values[(low <= values) & (values <= high)].mean())


def ppl10k(features: str) -> Callable[[DataSpec, System, Mapping[str, Any]], Metric]:
    """The metric `ppl10k_FEATURES` by a network of `comparisons.FEATURES`."""

    def metric(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
        """Perceptual path length of 10,000 ways through the latent space, by the features of the name.

        Figures:
          ppl: mean of `squared_speeds`, without the lowest and the highest hundredth, as of `trimmed_mean`: low where
            pictures change evenly. A generator that has collapsed has 0.
          ppl_median: of all ways.

        It is not the paper's LPIPS, which compares the layers of a VGG16 at every position and weighs them: here it is
        the squared Euclidean distance of the network's vectors. So figures compare under one network and for one size
        of images only, and never with published ones. The paper has 100,000 ways, crops faces, and brings images over
        256 pixels to 256; here they go to the network as its protocol says. Ways are arcs, on which lengths too go
        evenly from one end to the other; latents that are not normal, BEGAN's and the codes of InfoGAN, are led along
        them like any others, out of their prior.

        Args:
          spec: of the data the run was trained on.
          system: that is trained.
          data: settings of the run's data.

        Raises:
          JaxganError: the run makes no images, or in bfloat16; the network is not to be had, or refuses the images.

        Source: T. Karras et al., 2019 (arXiv:1812.04948), section 4.1, and its published program.
        """
        return path_length(f"ppl10k_{features}", 10_000, features, spec, system, data)

    return metric


def path_length(name: str, num: int, features: str, spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """The metric `name`, of `num` ways by a network of `comparisons.FEATURES`. Others and errors as of `ppl10k`."""
    check_generated_images(name, spec, system)
    _check_precision(name, system)
    try:
        extractor = Library(data, spec.shape).network(features).extractor
    except JaxganError as error:
        raise JaxganError(f"the metric {name}: {error}") from error
    speeds = squared_speeds(generative(system), spec.shape, extractor.unrounded, num)

    def score(state: Any) -> dict[str, float]:
        found = speeds(system.settled(state))
        if not np.isfinite(found).all():
            raise Diverged(f"the metric {name}: what the generator makes is not finite: training diverged.")
        return {"ppl": trimmed_mean(found), "ppl_median": float(np.median(found))}

    protocol = {
        "features": extractor.name,
        **extractor.protocol,
        "quantisation": "none, float32 without TF32",
        "distance": "squared Euclidean between vectors, over epsilon^2; not LPIPS",
        "ways": "slerp between two latents, t uniform in [0, 1)",
        "epsilon": EPSILON,
        "trimmed": "below percentile 1 (lower) and above percentile 99 (higher)",
        "ways_seed": SEED,
        "truncation": None,
        "labels": "the classes in turn, one a way",
        "shape": spec.shape,
        "statistic_version": 1,
    }
    return of_state(num, score, protocol, None)


def _check_precision(name: str, system: System) -> None:
    """Refuses a run in bfloat16, whose pictures a way apart are equal or a step of rounding apart."""
    types = [getattr(module, "dtype", jnp.float32) for module, _ in system.networks().values()]
    if any(jnp.dtype(kind) != jnp.float32 for kind in types):
        raise JaxganError(
            f"the metric {name} is of pictures that differ by less than config.precision=bfloat16 resolves; "
            f"{LEAVE_OUT}."
        )
