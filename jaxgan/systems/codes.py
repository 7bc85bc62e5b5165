"""InfoGAN's codes: the latents that can be told from what G makes of them, and how well a posterior tells them."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

SHOWN = 10
"""Values of a continuous code that a sheet shows, from -2 to 2: beyond what is drawn, as in the paper's figure 2."""


class Codes(NamedTuple):
    """Independent codes, written as a vector: the one-hot codes of categories, then numbers.

    c = (e_{k_1}, ..., e_{k_m}, u_1, ..., u_n), with k_i uniform over categorical[i] categories, u_j uniform on [-1, 1]

    The posterior Q(c | x) is given by as many numbers: the logits of the categories, then the means of the u_j, whose
    deviations are fixed at 1, as in the authors' code for MNIST: log Q of a number has no upper bound otherwise.

    Attributes:
      categorical: number of categories of each categorical code.
      continuous: number of continuous codes.

    Source: Chen et al. 2016 (arXiv:1606.03657).
    """

    categorical: tuple[int, ...]
    continuous: int

    @property
    def size(self) -> int:
        """Length of the vector."""
        return sum(self.categorical) + self.continuous

    def draw(self, key: jax.Array, indices: jax.Array) -> jax.Array:
        """Codes [n, size] of the samples with these indices, int32 [n]; each depends on (key, index) only."""

        def draw_one(i: jax.Array) -> jax.Array:
            *keys, last = jax.random.split(jax.random.fold_in(key, i), len(self.categorical) + 1)
            pairs = zip(keys, self.categorical, strict=True)
            categories = [jax.nn.one_hot(jax.random.randint(own, (), 0, count), count) for own, count in pairs]
            return jnp.concatenate([*categories, jax.random.uniform(last, (self.continuous,), minval=-1.0)])

        return jax.vmap(draw_one)(indices)

    def split(self, vectors: jax.Array) -> tuple[list[jax.Array], jax.Array]:
        """Vectors [n, size] as those of each category, [n, categorical[i]], and the numbers, [n, continuous]."""
        *categories, numbers = jnp.split(vectors, np.cumsum(self.categorical, dtype=int), axis=-1)
        return categories, numbers

    def entropy(self) -> tuple[float, float]:
        """H(c) in nats, of the categories and of the numbers: sum_i log categorical[i] and continuous * log 2."""
        return sum(map(math.log, self.categorical)), self.continuous * math.log(2)

    def log_posterior(self, codes: jax.Array, told: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Log Q(c | x) of codes [n, size] under a posterior [n, size]: of the categories, [n], and of the numbers, [n].

        sum_i log softmax(l_i)[k_i]   and   sum_j -(u_j - mu_j)^2 / 2 - log(2 pi) / 2
        """
        (categories, numbers), (logits, means) = self.split(codes), self.split(told)
        nothing = jnp.zeros(len(codes))
        pairs = zip(categories, logits, strict=True)
        discrete = sum((jnp.sum(c * jax.nn.log_softmax(logit), axis=-1) for c, logit in pairs), nothing)
        return discrete, jnp.sum(-jnp.square(numbers - means) / 2 - math.log(2 * math.pi) / 2, axis=-1)

    def information(self, codes: jax.Array, told: jax.Array) -> tuple[jax.Array, jax.Array]:
        """L_I = H(c) + E log Q(c | x), a lower bound of I(c; x) in nats, of the categories and of the numbers, [] each.

        It is tight where Q is the true posterior; that of the categories is H(c) where Q is sure and right.

        Source: Chen et al. 2016, equation 5.
        """
        pairs = zip(self.entropy(), self.log_posterior(codes, told), strict=True)
        discrete, numbers = (entropy + jnp.mean(likelihood) for entropy, likelihood in pairs)
        return discrete, numbers

    def sweeps(self, rows: jax.Array) -> Iterator[tuple[str, jax.Array]]:
        """Sheets of codes, [n, columns, size], by name, in each of which one code varies from column to column.

        Args:
          rows: codes [n, size]; but for the code that varies, row r has their numbers and the categories r (modulo
            their count).
        """
        position, turns = 0, np.arange(len(rows))
        each = [np.eye(count, dtype=np.float32) for count in self.categorical]
        turned = [codes[turns % len(codes)] for codes in each]
        rows = jnp.concatenate([*turned, self.split(rows)[1]], axis=-1)
        values = np.linspace(-2, 2, SHOWN, dtype=np.float32)[:, None]
        named = [(f"categorical_{index}", codes) for index, codes in enumerate(each)]
        for name, column in [*named, *((f"continuous_{index}", values) for index in range(self.continuous))]:
            sheet = jnp.broadcast_to(rows[:, None], (len(rows), len(column), self.size))
            varied = jnp.broadcast_to(column, (len(rows), *column.shape))
            yield name, sheet.at[:, :, position : position + column.shape[1]].set(varied)
            position += column.shape[1]
