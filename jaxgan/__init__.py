"""jaxgan: generative adversarial networks as pure functions compiled by JAX."""

__version__ = "0.1.0"
