"""How near an autoencoder comes to images it has not seen; a denoiser, given their corrupted form."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.data.spec import DataSpec
from jaxgan.drawing import in_chunks
from jaxgan.evaluation.held_out import held_out_images
from jaxgan.evaluation.metric import Aim, Metric, of_state, wrong_system
from jaxgan.systems import Autoencoder, System
from jaxgan.systems.inputs import scaled

NUM = 10_000
SEED = 0  # of the corruption


def reconstruction10k_test(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """10,000 test images, corrupted as in training, and what an autoencoder makes of them.

    Figures, means over the images:
      psnr: of what is made, against the image before it was corrupted, in dB; see `peak_ratio`.
      reconstruction_loss: the loss of training, which the protocol names.
      input_psnr: of the corrupted images themselves; only where they are corrupted.

    Args:
      spec: not used; the system says what it is trained on.
      system: that is trained, an autoencoder.
      data: settings of the run's, of which 10,000 images of the test split are scored.

    Raises:
      JaxganError: another system, or no such images.
    """
    name = "reconstruction10k_test"
    if not isinstance(system, Autoencoder):
        raise wrong_system(name, "autoencoders")
    images, held_out = held_out_images(name, data, NUM)
    score = reconstructed(system)

    def score_subject(state: Any) -> dict[str, float]:
        return score(system.settled(state), images)

    corruption = "none" if system.corruption is None else f"{system.corruption.name}, drawn with seed {SEED}"
    protocol = {"held_out": held_out, "corruption": corruption, "loss": system.loss, "quantisation": "none"}
    return of_state(NUM, score_subject, protocol, Aim("psnr"))


def reconstructed(system: Autoencoder) -> Callable[[Any, np.ndarray], dict[str, float]]:
    """`(state, images uint8 [n, h, w, c]) -> the figures of reconstruction10k_test`, compiled once."""

    def corrupted(image: jax.Array, index: jax.Array) -> jax.Array:
        return system.corrupted(image[None], jax.random.fold_in(jax.random.key(SEED), index))[0]

    @jax.jit
    def figures(state: Any, images: jax.Array, indices: jax.Array) -> jax.Array:
        clean = scaled(images)
        inputs = jax.vmap(corrupted)(clean, indices)
        made = system.translate(state, inputs, "reconstruction")
        loss = system.reconstruction_loss(state, inputs, clean)
        return jnp.stack([peak_ratio(made, clean), loss, peak_ratio(inputs, clean)], axis=1)

    def score(state: Any, images: np.ndarray) -> dict[str, float]:
        indices = np.arange(len(images), dtype=np.int32)
        means = in_chunks(figures, state, images, indices).mean(axis=0, dtype=np.float64).tolist()
        named = dict(zip(("psnr", "reconstruction_loss", "input_psnr"), means, strict=True))
        if system.corruption is None:
            del named["input_psnr"]
        return named

    return score


def peak_ratio(images: jax.Array, originals: jax.Array) -> jax.Array:
    """The peak signal-to-noise ratio, 10 log10(2^2 / mean (x - y)^2), [n] dB, of images in [-1, 1].

    At most 100 dB, so that equal images have a number; the noise of rounding to 8 bits leaves 59.
    """
    errors = jnp.mean((images - originals) ** 2, axis=(1, 2, 3))
    return 10 * jnp.log10(4 / jnp.maximum(errors, 4e-10))
