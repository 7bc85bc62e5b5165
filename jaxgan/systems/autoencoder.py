"""Autoencoders: images through a bottleneck, and back to what they were, or were before they were corrupted.

    minimise mean L(D(E(c(x))), x)

c leaves images alone, or makes them worse, which makes a denoiser of the autoencoder (Vincent et al. 2008). With linear
E and D and the squared error, D spans the subspace of the principal components (Baldi & Hornik 1989).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan.data.spec import DataSpec
from jaxgan.networks import ENCODERS, GENERATORS
from jaxgan.optim import OPTIMIZERS
from jaxgan.systems.coder import Coder, CoderState, Networks, built_parts
from jaxgan.systems.corruptions import CORRUPTIONS, Corruption
from jaxgan.systems.inputs import SHOWN, Batch, Metrics, comparison, scaled
from jaxgan.systems.likelihoods import LOSSES, check_output


@dataclasses.dataclass(frozen=True)
class Autoencoder:
    """An encoder and a decoder that learn to give images back.

    Attributes:
      encoder: Linen module, images to codes.
      decoder: Linen module, codes to images, or to logits under cross_entropy.
      corruption: of the images that are encoded, if any; what they are compared with is never corrupted.
      optimizer: moves both.
      shape: of one image.
      latent_size: numbers in a code.
      loss: of an image, summed over it: "squared" or "absolute" error, both of images in [-1, 1], or "cross_entropy"
        with the image in [0, 1], in nats.
    """

    PARTS: ClassVar[dict[str, Any]] = {
        "encoder": ENCODERS,
        "decoder": GENERATORS,
        "corruption": CORRUPTIONS,
        "optimizer": OPTIMIZERS,
    }
    stages: ClassVar[tuple[int, ...]] = (0,)
    micro_batches: ClassVar[int] = 1
    num_classes: ClassVar[int] = 0
    translations: ClassVar[tuple[str, ...]] = ("reconstruction",)

    encoder: nn.Module
    decoder: nn.Module
    corruption: Corruption | None
    optimizer: optax.GradientTransformation
    shape: tuple[int, ...]
    latent_size: int = 32
    loss: Literal["squared", "absolute", "cross_entropy"] = "squared"

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> "Autoencoder":
        """Builds the system that a recipe describes, for data of this kind.

        Raises:
          JaxganError: the data has no images, a number is out of range, or a part does not fit.
        """
        system = cls(**built_parts(cls, config, spec, per_latent=1))
        check_output(system.decoder, LOSSES[system.loss], f"config.system.loss={system.loss}")
        return system

    @property
    def coder(self) -> Coder:
        """Both networks with their optimizer."""
        return Coder(self.encoder, self.decoder, self.optimizer)

    def networks(self) -> Networks:
        """Each network with example arguments."""
        return self.coder.networks(self.shape, self.latent_size)

    def init(self, key: jax.Array, batch: Batch) -> CoderState:
        """A state at step 0; the batch is not looked at."""
        return self.coder.init(key, self.networks())

    def update(self, state: CoderState, batch: Batch, key: jax.Array, *, stage: int = 0) -> tuple[CoderState, Metrics]:
        """One step.

        Args:
          state: before the step.
          batch: `image` [b, *shape], uint8 in 0..255 or float32 in [-1, 1].
          key: of this step.
          stage: not used; this system has one.

        Returns:
          the state after the step, and `reconstruction_loss`, the mean loss of an image.
        """
        images = scaled(batch["image"])
        inputs = self.corrupted(images, jax.random.fold_in(key, 0))

        def loss_of(_: jax.Array, output: jax.Array) -> tuple[jax.Array, Metrics]:
            loss = jnp.mean(LOSSES[self.loss].loss(output, images))
            return loss, {"reconstruction_loss": loss}

        return self.coder.descend(state, inputs, jax.random.fold_in(key, 1), lambda codes: codes, loss_of)

    def corrupted(self, images: jax.Array, key: jax.Array) -> jax.Array:
        """Images [n, *shape] in [-1, 1] as they are encoded in training."""
        return images if self.corruption is None else self.corruption(images, key)

    def settled(self, state: CoderState) -> CoderState:
        """The state itself."""
        return state

    def encode(self, state: CoderState, images: jax.Array) -> jax.Array:
        """Codes [n, latent_size] of images [n, *shape] float32 in [-1, 1], which are not corrupted here."""
        return self.coder.encode(state, images)

    def reconstruction_loss(self, state: CoderState, inputs: jax.Array, images: jax.Array) -> jax.Array:
        """The loss, [n], of what is made of inputs [n, *shape] in [-1, 1] against images of the same shape."""
        return LOSSES[self.loss].loss(self.coder.decode(state, self.encode(state, inputs)), images)

    def translate(self, state: CoderState, images: jax.Array, translation: str) -> jax.Array:
        """Images [n, *shape] in [-1, 1], as given: clean or already corrupted -> images."""
        return LOSSES[self.loss].images(self.coder.decode(state, self.encode(state, images)))

    def previews(self, state: CoderState, batch: Batch, key: jax.Array) -> dict[str, jax.Array]:
        """Rows of images, corrupted images if they are, and what is made of them; codes of two numbers as points."""
        images = scaled(batch["image"])
        inputs = self.corrupted(images, key)[:SHOWN]
        made = self.translate(state, inputs, "reconstruction")
        rows = (images, made) if self.corruption is None else (images, inputs, made)
        sheets = {"reconstruction": comparison(*rows)}
        return sheets | ({"codes": self.encode(state, images)} if self.latent_size == 2 else {})
