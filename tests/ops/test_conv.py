"""The three maps against JAX's own convolution under autodiff, their adjointness, and PyTorch."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from long_forms import thinned

from jaxgan.errors import JaxganError
from jaxgan.ops import choice, lowerings
from jaxgan.ops import conv as ops
from jaxgan.ops.conv import conv, conv_output_size, conv_transpose
from jaxgan.ops.geometry import geometry_of

NHWC = ("NHWC", "HWIO", "NHWC")

# Image size, kernel, strides, padding, channels in, channels out. Together they reach every lowering, see below.
CASES = [
    ((8, 8), (4, 4), (2, 2), "SAME", 6, 5),
    ((7, 9), (4, 4), (2, 2), "SAME", 1, 8),
    ((19, 18), (4, 4), (2, 2), ((2, 0), (1, 3)), 5, 6),
    ((17, 16), (2, 4), (1, 2), "VALID", 5, 3),
    ((7, 6), (3, 3), (2, 2), "SAME", 5, 2),
    ((10, 8), (5, 5), (2, 3), ((3, 1), (0, 2)), 6, 7),
    ((11, 7), (5, 4), (3, 2), 2, 5, 4),
    ((6, 5), (3, 3), (1, 1), "SAME", 40, 5),
    ((6, 5), (3, 2), (1, 1), "SAME", 7, 3),
    ((5, 6), (3, 5), (1, 1), ((3, 0), (1, 6)), 5, 2),
    ((7, 7), (3, 3), (2, 2), ((-1, 1), (2, -2)), 5, 6),
    ((6, 7), (4, 4), (2, 2), "SAME", 130, 5),
    ((7, 6), (3, 3), (2, 1), "VALID", 40, 6),
    ((7, 8), (1, 2), (3, 2), "SAME", 5, 6),
    ((6, 6), (2, 2), (3, 3), "VALID", 5, 3),
    ((4, 3), (4, 3), (1, 1), "VALID", 6, 5),
    ((4, 3), (1, 1), (1, 1), "SAME", 5, 6),
    ((9, 11), (7, 5), (1, 1), "SAME", 5, 6),
    ((6, 13), (5, 7), (1, 1), ((-1, 4), (2, 0)), 6, 3),
    ((8, 7), (3, 3), (1, 1), "SAME", 17, 16),
    ((17, 18), (4, 4), (2, 2), ((1, 2), (2, 0)), 32, 128),
    ((9, 19), (3, 4), (1, 2), ((-1, 2), (0, 3)), 64, 128),
]


def geometry(case):
    size, kernel, strides, padding, *_ = case
    return geometry_of(size, kernel, strides, padding)


def arrays(case, dtype=np.float64, batch=2):
    """x, w, g and directions of the same shapes."""
    size, kernel, _, _, channels, features = case
    shapes = [(batch, *size, channels), (*kernel, channels, features), (batch, *geometry(case).output_size, features)]
    random = np.random.default_rng(0)
    return [jnp.asarray(random.normal(size=shape), dtype) for shape in shapes * 2]


DIRECT = (lowerings.C_direct, lowerings.X_direct, lowerings.W_direct)


def cpu_choices(case, dtype):
    """The three lowerings that a CPU takes."""
    geo, (channels, features) = geometry(case), case[4:]
    if geo.is_matrix:
        return lowerings.C_matrix, lowerings.X_matrix, lowerings.W_matrix
    return tuple(f(geo, channels, features, dtype=dtype) for f in (choice.cpu_C, choice.cpu_X, choice.cpu_W))


def close(actual, desired, tolerance=1e-10):
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance), actual, desired)


def close_in_scale(actual, desired, tolerance):
    """Within a fraction of the greatest element: sums of many terms cancel."""
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(desired), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


def inner(a, b):
    return jnp.vdot(a, b)


def derivatives(f):
    """Value, both first derivatives, and the gradient of a gradient penalty, at cotangent g and directions s, t."""

    def all_of(a, b, g, s, t):
        value, pullback = jax.vjp(f, a, b)

        def first(a, b, g):
            da, db = jax.vjp(f, a, b)[1](g)
            return inner(da, s) + inner(db, t) + inner(da, da) + inner(db, db)

        return value, pullback(g), jax.grad(first, (0, 1, 2))(a, b, g)

    return jax.jit(all_of)


@pytest.mark.parametrize("case", thinned(CASES, (0, 4, 9, 10, 17, 19)))
def test_derivatives_are_those_of_autodiff(case):
    """Values, first and second derivatives of both public functions, to 1e-9 in double precision.

    The rules of differentiation know no case: they are the three maps, of which the next test has all.
    """
    size, _, strides, padding, *_ = case
    explicit = geometry(case).padding

    def plain(x, w):
        return lax.conv_general_dilated(x, w, strides, explicit, dimension_numbers=NHWC)

    def plain_transpose(g, w):
        x = jnp.zeros((g.shape[0], *size, w.shape[2]), g.dtype)
        return jax.vjp(lambda x: plain(x, w), x)[1](g)[0]

    def ours_transpose(g, w):
        return conv_transpose(g, w, strides, padding, output_size=size)

    with jax.enable_x64(True):
        x, w, g, s, t, u = arrays(case)
        ours = derivatives(lambda x, w: conv(x, w, strides, padding))(x, w, g, s, t)
        close(ours, derivatives(plain)(x, w, g, s, t), 1e-9)
        close(derivatives(ours_transpose)(g, w, x, u, t), derivatives(plain_transpose)(g, w, x, u, t), 1e-9)


@pytest.mark.parametrize("case", CASES)
def test_every_lowering_is_the_same_map(case):
    """The CPU's choice and the accelerators' direct form agree, and the three maps are adjoint to each other."""
    geo = geometry(case)
    with jax.enable_x64(True):
        x, w, g, *_ = arrays(case)
        y, dx, dw = jax.jit(lambda x, w, g: (ops.C(geo, x, w), ops.X(geo, g, w), ops.W(geo, x, g)))(x, w, g)
        maps = (lowerings.C_direct, lowerings.X_direct, lowerings.W_direct)
        direct = jax.jit(lambda *pairs: [f(geo, *pair) for f, pair in zip(maps, pairs, strict=True)])
        close((y, dx, dw), tuple(direct((x, w), (g, w), (x, g))))
        close((inner(x, dx), inner(w, dw)), (inner(y, g), inner(y, g)))


def test_cases_reach_every_lowering():
    """A lowering that no case reaches would be untested."""
    chosen = set()
    for case in CASES:
        chosen |= set(cpu_choices(case, jnp.float64))
    assert chosen & set(DIRECT) == {lowerings.C_direct}  # of large kernels
    assert chosen | set(DIRECT) == {
        f for name, f in (vars(lowerings) | vars(choice)).items() if name[:2] in ("C_", "X_", "W_")
    }


@pytest.mark.parametrize(("size", "kernel", "stride"), [(16, 5, 2), (12, 4, 2), (6, 4, 2)])
def test_winograd_is_taken_where_its_own_tiles_save_products(size, kernel, stride):
    """X makes blocks around the image too: here the convolution saves products and its adjoint does not."""
    geo = geometry_of((size, size), (kernel, kernel), (stride, stride), "SAME")
    assert choice.cpu_C(geo, 128, 256, dtype=jnp.float32) is lowerings.C_winograd
    assert choice.cpu_X(geo, 128, 256, dtype=jnp.float32) is not lowerings.X_winograd


@pytest.mark.parametrize("case", thinned([*CASES[:13:4], CASES[17], *CASES[-3:]], (0, 2, 4, 5)))
def test_blocks_of_images_change_nothing(case, monkeypatch):
    """Seven images: one at a time, and three with one left over."""
    geo = geometry(case)
    with jax.enable_x64(True):
        x, w, g, *_ = arrays(case, batch=7)
        pairs = (x, w), (g, w), (x, g)
        direct = tuple(f(geo, *pair) for f, pair in zip(DIRECT, pairs, strict=True))
        for size in (1, 3):
            monkeypatch.setattr(lowerings, "_blocking", lambda images, *_, size=size: (size, images // size))
            maps = cpu_choices(case, x.dtype)
            blocks = jax.jit(lambda *pairs, maps=maps: [f(geo, *pair) for f, pair in zip(maps, pairs, strict=True)])
            close(tuple(blocks(*pairs)), direct)


@pytest.mark.parametrize("case", [CASES[0], CASES[4], CASES[9], CASES[17], CASES[-3]])
def test_no_images(case):
    """A batch of none gives none, and a gradient of zeros."""
    geo, (x, w, g, *_) = geometry(case), arrays(case, np.float32, batch=0)
    y, dx, dw = jax.jit(lambda x, w, g: (ops.C(geo, x, w), ops.X(geo, g, w), ops.W(geo, x, g)))(x, w, g)
    assert (y.shape, dx.shape) == (g.shape, x.shape)
    np.testing.assert_array_equal(dw, np.zeros(w.shape))


@pytest.mark.parametrize("case", [*CASES[:13:3], CASES[17]])
def test_half_floats_are_summed_in_single_precision(case):
    """In bfloat16 every lowering is within its last digit of the sum of the same numbers in float32."""
    geo = geometry(case)
    x, w, g, *_ = arrays(case, jnp.bfloat16, batch=64)
    maps = cpu_choices(case, x.dtype)
    apply = jax.jit(lambda *pairs: tuple(f(geo, *pair) for f, pair in zip(maps, pairs, strict=True)))
    half = apply((x, w), (g, w), (x, g))
    x, w, g = (a.astype(jnp.float32) for a in (x, w, g))
    close_in_scale([a.astype(jnp.float32) for a in half], apply((x, w), (g, w), (x, g)), 2**-8)


@pytest.mark.parametrize("case", thinned(CASES[-3:], (1,)))
def test_winograd_rounds_like_the_plain_product(case):
    """In single precision its greatest error, against double precision, is at most twice that of the patches."""
    geo = geometry(case)
    with jax.enable_x64(True):
        x, w, g, *_ = arrays(case)
        maps = {("C", "patches"): (x, w), ("X", "taps"): (g, w), ("W", "patches"): (x, g)}
        for (name, plain), pair in maps.items():
            exact = vars(lowerings)[f"{name}_direct"](geo, *pair)
            single = [a.astype(jnp.float32) for a in pair]
            ways = [vars(lowerings)[f"{name}_{way}"] for way in ("winograd", plain)]
            winograd, patches = (jnp.abs(jax.jit(way, static_argnums=0)(geo, *single) - exact).max() for way in ways)
            assert 0 < winograd < 2 * patches


@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[3], CASES[4]])
def test_default_size_is_that_of_lax(case):
    _, _, strides, padding, *_ = case
    _, w, g, *_ = arrays(case, np.float32)
    theirs = lax.conv_transpose(g, w, strides, padding, dimension_numbers=NHWC, transpose_kernel=True)
    close(conv_transpose(g, w, strides, padding), theirs, 1e-4)


def test_valid_transpose_with_wide_strides():
    """The least size (PyTorch's) by default; the size of lax on request."""
    _, w, g, *_ = arrays(((6, 6), (2, 2), (3, 3), "VALID", 5, 3), np.float32)
    theirs = lax.conv_transpose(g, w, (3, 3), "VALID", dimension_numbers=NHWC, transpose_kernel=True)
    assert conv_transpose(g, w, 3, "VALID").shape == (2, 5, 5, 5)
    close(conv_transpose(g, w, 3, "VALID", output_size=(6, 6)), theirs, 1e-5)


def test_third_derivative():
    def third(f):
        first = jax.grad(lambda x, w: jnp.sum(jnp.sin(f(x, w))))
        second = jax.grad(lambda x, w: jnp.sum(first(x, w) ** 2), 1)
        return jax.jit(jax.grad(lambda x, w: jnp.sum(second(x, w) ** 2), (0, 1)))

    with jax.enable_x64(True):
        x, w, *_ = arrays(((6, 5), (4, 3), (2, 2), "SAME", 5, 3))
        plain = functools.partial(
            lax.conv_general_dilated, window_strides=(2, 2), padding="SAME", dimension_numbers=NHWC
        )
        ours, theirs = third(lambda x, w: conv(x, w, 2))(x, w), third(plain)(x, w)
        close_in_scale(ours, theirs, 1e-9)


def test_scan_and_checkpoint():
    """Inside a scan, and recomputed in the backward pass, the gradient is the one of the plain loop."""
    x, w, *_ = arrays(((6, 6), (3, 3), (1, 1), "SAME", 5, 5), np.float32)
    layer = lambda x, w: jnp.tanh(conv(x, w))  # noqa: E731

    def scanned(w):
        return jnp.sum(lax.scan(lambda x, _: (jax.checkpoint(layer)(x, w), None), x, None, length=3)[0])

    close(jax.jit(jax.grad(scanned))(w), jax.grad(lambda w: jnp.sum(layer(layer(layer(x, w), w), w)))(w), 1e-3)


def test_batch_may_be_sharded():
    """With images over all devices and the kernel on each, the kernel's gradient is that of one device."""
    devices = jax.devices()
    mesh = jax.sharding.Mesh(np.array(devices), ("data",))
    spec = functools.partial(jax.sharding.NamedSharding, mesh)
    x, w, *_ = arrays(((8, 8), (4, 4), (2, 2), "SAME", 5, 6), np.float32, batch=2 * len(devices))
    gradient = jax.jit(jax.grad(lambda x, w: jnp.sum(jnp.tanh(conv_transpose(conv(x, w, 2), w, 2))), (0, 1)))
    placed = jax.device_put(x, spec(jax.P("data"))), jax.device_put(w, spec(jax.P()))
    close(gradient(*placed), gradient(x, w), 1e-3)


@pytest.mark.parametrize("dtype", thinned([jnp.bfloat16, jnp.float32], (0,)))
def test_dtype_is_kept(dtype):
    """In every lowering; and two types give the wider one."""
    for case in CASES:
        geo, (x, w, g, *_) = geometry(case), arrays(case, dtype)
        ours = jax.eval_shape(lambda x, w, g, geo=geo: (ops.C(geo, x, w), ops.X(geo, g, w), ops.W(geo, x, g)), x, w, g)
        assert {array.dtype for array in ours} == {jnp.dtype(dtype)}
    assert conv(x, w.astype(jnp.float32)).dtype == jnp.float32


def test_forward_mode_is_refused():
    x, w, *_ = arrays(CASES[0], np.float32)
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(lambda x: conv(x, w, 2), (x,), (x,))


def test_sizes():
    """Every size that a transposed convolution offers is one that the convolution takes back, and no other is."""
    for stride, kernel, padding in [(2, 4, "SAME"), (3, 2, "VALID"), (2, 3, 1), (3, 5, ((2, 1), (2, 1)))]:
        g, w = jnp.zeros((1, 3, 3, 1)), jnp.zeros((kernel, kernel, 1, 1))
        for n in range(1, 15):
            make = functools.partial(conv_transpose, g, w, stride, padding, (n, n))
            try:
                legal = conv_output_size(n, kernel, stride, padding) == 3
            except JaxganError:  # the kernel does not fit
                legal = False
            if legal:
                assert jax.eval_shape(make).shape == (1, n, n, 1)
            else:
                with pytest.raises(JaxganError, match="legal heights are"):
                    make()
    assert conv_output_size((7, 8), (4, 3), (2, 1)) == (4, 8)


def test_refusals():
    x, w = jnp.zeros((2, 3, 3, 4)), jnp.zeros((5, 5, 4, 6))
    with pytest.raises(JaxganError, match="does not fit into"):
        conv(x, w, padding="VALID")
    with pytest.raises(JaxganError, match=r"Did you mean 'SAME'"):
        conv(x, w, padding="SAMME")
    with pytest.raises(JaxganError, match="do not fit a kernel"):
        conv_transpose(x, w)
    with pytest.raises(JaxganError, match="do not fit a kernel"):
        conv(x[0], w)
    with pytest.raises(JaxganError, match="no image has size"):
        conv_transpose(jnp.zeros((1, 1, 1, 6)), w, 2, 4)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size"), [(4, 2, 1, (8, 6)), (3, 2, 1, (7, 8)), (3, 1, 0, (5, 6))]
)
def test_pytorch(kernel, stride, padding, size):
    """Values, gradients and the gradient of a squared gradient are PyTorch's, for both functions."""
    torch = pytest.importorskip("torch")
    with jax.enable_x64(True):
        x, w, g, *_ = arrays((size, (kernel, kernel), (stride, stride), padding, 5, 6))
        made = tuple((n - 1) * stride - 2 * padding + kernel for n in g.shape[1:3])

        def penalty(f, a, w):
            return jnp.sum(jax.grad(lambda a: jnp.sum(jnp.tanh(f(a, w, stride, padding))))(a) ** 2)

        for ours, name, a in ((conv, "conv2d", x), (conv_transpose, "conv_transpose2d", g)):
            value, (da, dw) = jax.jit(jax.value_and_grad(functools.partial(penalty, ours), (0, 1)))(a, w)
            tensor = torch.tensor(np.array(a.transpose(0, 3, 1, 2)), requires_grad=True)
            weight = torch.tensor(np.array(w.transpose(3, 2, 0, 1)), requires_grad=True)
            theirs = getattr(torch.nn.functional, name)(tensor, weight, stride=stride, padding=padding)
            (first,) = torch.autograd.grad(theirs.tanh().sum(), tensor, create_graph=True)
            square = (first**2).sum()
            ta, tw = torch.autograd.grad(square, (tensor, weight))
            close(ours(a, w, stride, padding), theirs.detach().numpy().transpose(0, 2, 3, 1))
            close((value, da, dw), (square.item(), ta.numpy().transpose(0, 2, 3, 1), tw.numpy().transpose(2, 3, 1, 0)))
        assert conv_transpose(g, w, stride, padding).shape[1:3] == made


@pytest.mark.parametrize(("case", "batched"), [(CASES[0], (0, 0)), (CASES[7], (0, None)), (CASES[0], (None, 0))])
def test_vmap_gives_each_member_its_own_derivatives(case, batched):
    """Values and second derivatives, with a kernel for each member, one for all, and one image for all."""
    size, _, strides, padding, *_ = case
    with jax.enable_x64(True):
        x, w, g, s, t, _ = arrays(case)
        members = [jnp.stack([a, 2 * b - a, a * b]) if flag == 0 else a
                   for a, b, flag in zip((x, w), (s, t), batched, strict=True)]  # fmt: skip

        def everything(x, w):
            def scalar(x, w):
                y = conv(x, w, strides, padding)
                return jnp.sum(jnp.sin(conv_transpose(y * g, w, strides, padding, output_size=size)))

            slopes = jax.grad(scalar, (0, 1))
            return slopes(x, w), jax.grad(lambda x, w: sum(jnp.sum(a**2) for a in slopes(x, w)), (0, 1))(x, w)

        together = jax.jit(jax.vmap(everything, batched))(*members)
        one = jax.jit(everything)
        for i in range(3):
            alone = one(*(a[i] if flag == 0 else a for a, flag in zip(members, batched, strict=True)))
            close(jax.tree.map(lambda a, i=i: a[i], together), alone, 1e-9)


def test_vmap_over_kernels_makes_no_grouped_convolution():
    """In the program for a GPU, where the maps are convolutions."""
    x, w, g, *_ = arrays(CASES[0], np.float32)
    geo = geometry(CASES[0])
    maps = jax.jit(jax.vmap(lambda x, w, g: (ops.C(geo, x, w), ops.X(geo, g, w), ops.W(geo, x, g))))
    traced = maps.trace(*(jnp.stack([a] * 3) for a in (x, w, g)))
    program = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert len(re.findall(r"stablehlo.convolution", program)) == 3
    assert set(re.findall(r"(?:feature|batch)_group_count = (\d+)", program)) == {"1"}
