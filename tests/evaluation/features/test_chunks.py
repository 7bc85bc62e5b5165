"""How images come to a feature network: as RGB, a few at a time, each for itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.evaluation.features.chunks import as_rgb, through_network


def test_grey_images_have_their_channel_three_times():
    grey = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 1), np.uint8)
    np.testing.assert_array_equal(as_rgb(grey), np.concatenate([grey] * 3, -1))
    rgb = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3), np.uint8)
    np.testing.assert_array_equal(as_rgb(rgb), rgb)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 8, 8, 3), np.float32), "uint8 in 0..255, and these are float32"),
        (np.zeros((2, 8, 8, 3), np.int64), "uint8 in 0..255, and these are int64"),
        (np.zeros((8, 8, 3), np.uint8), r"images \[n, height, width, channels\], and these are \[8, 8, 3\]"),
        (np.zeros((2, 8, 8, 4), np.uint8), "grey or RGB images, and these have 4 channels; drop the opacity"),
        (np.zeros((2, 8, 8, 2), np.uint8), "grey or RGB images, and these have 2 channels.$"),
        (np.zeros((2, 8, 8, 0), np.uint8), "these have 0 channels.$"),
    ],
)
def test_other_images_are_refused_in_a_line(images, message):
    with pytest.raises(JaxganError, match=message) as refused:
        as_rgb(images)
    assert len(str(refused.value).splitlines()) == 1


def test_chunks_have_one_size_and_rows_keep_their_order():
    sizes = []

    def compute(params, chunk):
        assert params == "params"
        sizes.append(chunk.shape)
        return chunk.sum((1, 2, 3)), chunk[:, 0, 0]

    images = np.arange(7 * 2 * 2 * 3, dtype=np.uint8).reshape(7, 2, 2, 3)
    sums, corners = through_network(compute, "params", images, 3)
    assert sizes == [(3, 2, 2, 3)] * 3
    np.testing.assert_array_equal(sums, images.sum((1, 2, 3)))
    np.testing.assert_array_equal(corners, images[:, 0, 0])


def test_arithmetic_is_in_float32_on_every_device():
    """A GPU would round to TF32 by default; the setting reaches every product of the compiled program."""
    programs = []

    def compute(params, chunk):
        programs.append(jax.make_jaxpr(lambda x: x @ x.T)(jnp.ones((2, 3))))
        return (chunk,)

    through_network(compute, None, np.zeros((1, 1, 1, 1), np.uint8), 1)
    (product,) = [equation for equation in programs[0].eqns if equation.primitive.name == "dot_general"]
    assert product.params["precision"] in (jax.lax.Precision.HIGHEST, (jax.lax.Precision.HIGHEST,) * 2)


def test_no_images_are_refused():
    with pytest.raises(JaxganError, match="one image or more"):
        through_network(lambda params, chunk: (chunk,), None, np.zeros((0, 2, 2, 3), np.uint8), 4)
