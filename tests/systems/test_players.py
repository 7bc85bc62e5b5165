"""A network's passes over one batch after another: noise of their own, statistics of all, one turn of the vectors."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from jaxgan.systems.players import passes


class Noted(nn.Module):
    """It counts its passes in two collections, adds up what it sees, and returns it under noise."""

    @nn.compact
    def __call__(self, x, *, train):
        total, turns = (self.variable(name, "n", jnp.zeros, ()) for name in ("batch_stats", "spectral"))
        total.value += x.sum()
        if self.is_mutable_collection("spectral"):
            turns.value += 1
        return x + jax.random.normal(self.make_rng("noise"), x.shape)


@pytest.mark.parametrize("advance", [True, False])
def test_each_batch_has_noise_of_its_own_and_statistics_take_in_all(advance):
    x, start = jnp.ones((3, 2)), {"batch_stats": {"n": jnp.zeros(())}, "spectral": {"n": jnp.zeros(())}}
    seen = passes(Noted(), {}, start, [(x,), (2 * x,), (3 * x,)], jax.random.key(0), advance=advance)
    assert [one.statistics["batch_stats"]["n"] for one in seen] == [6, 18, 36]
    assert [one.statistics["spectral"]["n"] for one in seen] == [advance] * 3  # the vectors turn in the first
    noise = [one.output - times * x for times, one in enumerate(seen, start=1)]
    assert float(jnp.abs(noise[0] - noise[1]).min()) > 1e-3
    assert float(jnp.abs(noise[1] - noise[2]).min()) > 1e-3
