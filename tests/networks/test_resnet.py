"""The residual family: its layers by hand, whole networks against PyTorch, derivatives, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.networks import DISCRIMINATORS, GENERATORS
from jaxgan.networks.attention import SelfAttention, attention_weights
from jaxgan.networks.conditioning import ConditionalBatchNorm, split_latents
from jaxgan.networks.layers import INITIALISERS
from jaxgan.registry import build

RNG = np.random.default_rng(0)
ZEROS = jax.nn.initializers.zeros


def make(table, shape, num_classes=0, **options):
    options = dict(name="resnet", width=2) | options
    return build(options, table, "config.network", shape=shape, num_classes=num_classes, dtype=jnp.float32)


def drawn(module, *inputs):
    """Variables as of a trained network: no zeros, scales around 1, unit vectors, variances of 1."""
    starts = {"mean": 0.1, "var": 1.0, "scale": 1.0}
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs, train=False))

    def draw(path, leaf):
        value = RNG.normal(size=leaf.shape).astype(np.float32)
        if path[0].key == "spectral":
            return value / np.linalg.norm(value)
        return value * (path[-1].key != "var") / 3 + starts.get(path[-1].key, 0.0)

    return jax.tree_util.tree_map_with_path(draw, shapes)


# self-attention


def attention(c, **params):
    shapes = {"f": (c, c // 8), "g": (c, c // 8), "h": (c, c // 2), "o": (c // 2, c)}
    kernels = {name: RNG.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    tree = {name: {"kernel": kernel[None, None]} for name, kernel in kernels.items()}
    return SelfAttention(ZEROS, jnp.float32), kernels, tree | params


def test_at_gamma_0_attention_is_the_identity_and_starts_there():
    layer, _, params = attention(8, gamma=jnp.zeros(()))
    x = jnp.asarray(RNG.normal(size=(2, 3, 4, 8)), jnp.float32)
    np.testing.assert_array_equal(layer.apply({"params": params}, x), x)
    started = SelfAttention(INITIALISERS["normal"], jnp.float32).init(jax.random.key(0), x)
    assert started["params"]["gamma"] == 0


def test_the_weights_of_each_query_sum_to_1():
    """With one key of score log 3 and one of 0: 3/4 and 1/4."""
    queries, keys = jnp.asarray([[[1.0], [0.0]]]), jnp.asarray([[[np.log(3.0)], [0.0]]])
    np.testing.assert_allclose(attention_weights(queries, keys), [[[0.75, 0.25], [0.5, 0.5]]], rtol=1e-5)
    many = attention_weights(*(jnp.asarray(RNG.normal(size=(2, n, 3))) for n in (5, 7)))
    assert many.shape == (2, 5, 7)
    np.testing.assert_allclose(many.sum(axis=-1), 1, rtol=1e-5)


def test_attention_is_the_papers_sum_over_pooled_positions():
    """Position by position in NumPy, at an odd height: windows of rows (0, 1) and (2), columns (0, 1) and (2, 3)."""
    gamma, x = 0.7, RNG.normal(size=(3, 4, 8)).astype(np.float32)
    layer, kernels, params = attention(8, gamma=jnp.asarray(gamma))
    windows = [
        x[rows, columns].reshape(-1, 8) for rows in (slice(0, 2), slice(2, 3)) for columns in (slice(0, 2), slice(2, 4))
    ]
    keys = np.stack([(window @ kernels["g"]).max(axis=0) for window in windows])
    values = np.stack([(window @ kernels["h"]).max(axis=0) for window in windows])
    expected = np.empty_like(x)
    for i in np.ndindex(3, 4):
        scores = np.exp(keys @ (x[i] @ kernels["f"]))
        expected[i] = x[i] + gamma * (scores / scores.sum() @ values) @ kernels["o"]
    np.testing.assert_allclose(layer.apply({"params": params}, x[None])[0], expected, rtol=1e-4, atol=1e-4)


# conditions


def test_classes_share_statistics_and_differ_in_scale_and_shift():
    norm = ConditionalBatchNorm(True, 0.9, 3, ZEROS, jnp.float32)
    x, labels = jnp.asarray(RNG.normal(size=(4, 2, 3, 2)) * 3 + 1, jnp.float32), jnp.asarray([0, 2, 2, 1])
    variables = norm.init(jax.random.key(0), x, labels)
    mean, var = np.asarray(x).mean((0, 1, 2)), np.asarray(x).var((0, 1, 2))
    whitened = (np.asarray(x) - mean) / np.sqrt(var + 1e-5)
    start, moved = norm.apply(variables, x, labels, mutable=["batch_stats"])
    np.testing.assert_allclose(start, whitened, atol=1e-4)  # scale 1 and shift 0 in every class
    np.testing.assert_allclose(moved["batch_stats"]["BatchNorm_0"]["mean"], 0.1 * mean, rtol=1e-4)

    scales, shifts = np.asarray([[1.0, 2], [3, 4], [5, 6]]), np.asarray([[0.0, 1], [2, 3], [-1, 0]])
    tables = {"scale": {"embedding": jnp.asarray(scales)}, "shift": {"embedding": jnp.asarray(shifts)}}
    out, _ = norm.apply(variables | {"params": tables}, x, labels, mutable=["batch_stats"])
    per_example = lambda table: table[np.asarray(labels)][:, None, None]  # noqa: E731
    np.testing.assert_allclose(out, per_example(scales) * whitened + per_example(shifts), atol=1e-3)


def test_a_vector_adds_linear_maps_to_scale_and_shift():
    norm = ConditionalBatchNorm(False, 0.9, 0, INITIALISERS["orthogonal"], jnp.float32)
    x, vector = jnp.full((1, 1, 1, 2), 3.0), jnp.asarray([[1.0, -1, 2]])
    variables = norm.init(jax.random.key(0), x, None, vector)
    params = variables["params"]
    scale, shift = (np.asarray(vector @ params[f"{name}_projection"]["kernel"]) for name in ("scale", "shift"))
    out = norm.apply(variables, x, None, vector)  # the running statistics are 0 and 1 so far
    np.testing.assert_allclose(out[:, 0, 0], (1 + scale) * 3 + shift, rtol=1e-4)


def test_latents_are_split_over_the_first_map_and_the_blocks():
    first, *parts = split_latents(jnp.arange(11.0)[None], 3)
    assert [part[0].tolist() for part in (first, *parts)] == [[0, 1, 2, 3, 4], [5, 6], [7, 8], [9, 10]]
    with pytest.raises(JaxganError, match="3 latents for 3 blocks, but at least 4 are needed"):
        split_latents(jnp.zeros((1, 3)), 3)


def test_a_block_sees_its_part_of_the_latents_and_none_before_it_does():
    net = make(GENERATORS, (8, 8, 1), multipliers=(1, 1, 1), hierarchical=True)
    z = jnp.asarray(RNG.normal(size=(2, 6)), jnp.float32)
    variables = drawn(net, z)

    @jax.jit
    def maps(z):
        return net.apply(variables, z, train=False, capture_intermediates=True)[1]["intermediates"]

    before, after = maps(z), maps(z.at[:, 4:].add(1))
    np.testing.assert_array_equal(before["block_0"]["__call__"][0], after["block_0"]["__call__"][0])
    assert np.abs(before["block_1"]["__call__"][0] - after["block_1"]["__call__"][0]).min() > 1e-6


# whole networks


@pytest.mark.parametrize(
    ("shape", "up", "down"),
    [
        ((32, 32, 3), [(8, 8), (16, 16), (32, 32)], [(16, 16), (8, 8), (4, 4), (4, 4)]),
        ((33, 20, 1), [(17, 10), (33, 20)], [(17, 10), (9, 5), (9, 5)]),
    ],
)
def test_sides_halve_from_the_image_inwards(shape, up, down):
    for table, inputs, expected in ((GENERATORS, (2, 5), up), (DISCRIMINATORS, (2, *shape), down)):
        net, inputs = make(table, shape), jnp.zeros(inputs)
        kept = jax.eval_shape(
            lambda net=net, x=inputs: net.init_with_output(jax.random.key(0), x, train=True, capture_intermediates=True)
        )[1]["intermediates"]
        blocks = [kept[name]["__call__"][0].shape[1:3] for name in sorted(kept) if name.startswith("block")]
        assert blocks == expected


def tensors(torch, tree, **options):
    return jax.tree.map(lambda leaf: torch.tensor(np.array(leaf), **options), tree)


def divided(kernel, vectors):
    """PyTorch's W / (u^T W v), or the kernel itself without vectors."""
    return kernel / (vectors["u"] @ kernel.reshape(-1, kernel.shape[-1]) @ vectors["v"]) if vectors else kernel


def conv2d(torch, params, x, vectors=None, padding=1):
    kernel = divided(params["kernel"], vectors).permute(3, 2, 0, 1)
    return torch.nn.functional.conv2d(x, kernel, params["bias"], padding=padding)


def test_the_generator_computes_as_in_pytorch():
    """With class tables, running statistics and odd sizes: 3x4 -> 5x8 -> 9x16."""
    torch = pytest.importorskip("torch")
    net = make(GENERATORS, (9, 16, 3), num_classes=3, multipliers=(2, 1, 2))
    z, labels = jnp.asarray(RNG.normal(size=(2, 5)), jnp.float32), jnp.asarray([2, 0])
    variables = drawn(net, z, labels)
    params, stats = tensors(torch, variables["params"]), tensors(torch, variables["batch_stats"])

    def norm(params, stats, x):
        mean, var = (stats["BatchNorm_0"][name][None, :, None, None] for name in ("mean", "var"))
        if "BatchNorm_0" in params:
            scale, shift = (params["BatchNorm_0"][name][None] for name in ("scale", "bias"))
        else:
            scale, shift = (params[name]["embedding"][[2, 0]] for name in ("scale", "shift"))
        return torch.relu((x - mean) / (var + 1e-5).sqrt() * scale[:, :, None, None] + shift[:, :, None, None])

    def up(x, size):
        return torch.nn.functional.interpolate(x, scale_factor=2)[:, :, : size[0], : size[1]]

    x = torch.tensor(np.array(z)) @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]
    x = x.reshape(2, 3, 4, 4).permute(0, 3, 1, 2)
    norms = ("ConditionalBatchNorm_0", "ConditionalBatchNorm_1")
    for name, size in (("block_0", (5, 8)), ("block_1", (9, 16))):
        p, s = params[name], stats[name]
        h = conv2d(torch, p["Conv_0"], up(norm(p[norms[0]], s[norms[0]], x), size))
        h = conv2d(torch, p["Conv_1"], norm(p[norms[1]], s[norms[1]], h))
        x = h + conv2d(torch, p["Conv_2"], up(x, size), padding=0)
    theirs = torch.tanh(conv2d(torch, params["Conv_0"], norm(params[norms[0]], stats[norms[0]], x)))
    out = np.asarray(jax.jit(lambda: net.apply(variables, z, labels, train=False))())
    assert 0.1 < np.abs(out).mean() < 0.9
    np.testing.assert_allclose(out.transpose(0, 3, 1, 2), theirs, atol=1e-4)


def torch_discriminator(torch, params, vectors, x, plain, pool):
    """Logits for labels 2 and 0; a block has a shortcut kernel unless it is the identity's."""

    def norm(params, name, h):
        if name not in params:
            return torch.relu(h)
        scale, shift = (params[name][key][:, None, None] for key in ("scale", "bias"))
        return torch.relu(torch.nn.functional.layer_norm(h, h.shape[1:]) * scale + shift)

    h = x
    blocks = [name for name in params if name.startswith("block")]
    for index in range(len(blocks)):
        p, v = params[f"block_{index}"], vectors.get(f"block_{index}", {})
        shortcut, h = h, h if index == 0 else norm(p, "LayerNorm_0", h)
        h = conv2d(torch, p["Conv_0"], h, v.get("Conv_0"))
        h = conv2d(torch, p["Conv_1"], norm(p, "LayerNorm_1", h), v.get("Conv_1"))
        h = h + (conv2d(torch, p["Conv_2"], shortcut, v.get("Conv_2"), padding=0) if "Conv_2" in p else shortcut)
        h = torch.nn.functional.avg_pool2d(h, 2) if index < len(blocks) - plain else h
    h = getattr(torch, pool)(torch.relu(h), (2, 3))
    head, v = params["Head_0"], vectors.get("Head_0", {})
    logits = h @ divided(head["Dense_0"]["kernel"], v.get("Dense_0"))[:, 0] + head["Dense_0"]["bias"]
    return logits + (divided(head["Embed_0"]["embedding"], v.get("Embed_0"))[[2, 0]] * h).sum(1)


@pytest.mark.parametrize(
    "options",
    [
        dict(multipliers=(1, 2), plain=0, normalisation="layer", pool="mean"),
        dict(multipliers=(2, 2), plain=1, spectral=True, pool="sum"),
    ],
    ids=["layer norms", "spectral"],
)
def test_the_discriminator_and_its_second_derivatives_are_as_in_pytorch(options):
    """Logits, and the gradient of a gradient penalty in the parameters, of two sets of parameters under vmap."""
    torch = pytest.importorskip("torch")
    net = make(DISCRIMINATORS, (8, 12, 3), num_classes=3, **options)
    x, labels = jnp.asarray(RNG.normal(size=(2, 8, 12, 3)), jnp.float32), jnp.asarray([2, 0])
    seeds = [{"spectral": {}} | drawn(net, x, labels) for _ in range(2)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *seeds)

    def penalty(params, vectors):
        def total(x):
            logits = net.apply({"params": params, "spectral": vectors}, x, labels, train=True)
            return jnp.sum(logits), logits

        slopes, logits = jax.grad(total, has_aux=True)(x)
        return jnp.mean(jnp.square(slopes)), logits

    gradients, logits = jax.jit(jax.vmap(jax.grad(penalty, has_aux=True)))(stacked["params"], stacked["spectral"])
    for seed, variables in enumerate(seeds):
        params = tensors(torch, variables["params"], requires_grad=True)
        their_x = torch.tensor(np.array(x).transpose(0, 3, 1, 2), requires_grad=True)
        vectors = tensors(torch, variables["spectral"])
        theirs = torch_discriminator(torch, params, vectors, their_x, options["plain"], options["pool"])
        expected = theirs.detach().numpy()
        np.testing.assert_allclose(logits[seed], expected, atol=1e-4 * np.abs(expected).max())
        (slopes,) = torch.autograd.grad(theirs.sum(), their_x, create_graph=True)
        slopes.square().mean().backward()
        mine = jax.tree.leaves(jax.tree.map(lambda leaf, i=seed: leaf[i], gradients))
        wanted = [torch.zeros(leaf.shape) if leaf.grad is None else leaf.grad for leaf in jax.tree.leaves(params)]
        largest = max(float(leaf.abs().max()) for leaf in wanted)
        assert largest > 1e-6
        for a, b in zip(mine, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * largest)


def test_sum_pooling_is_the_mean_times_the_positions():
    options = dict(multipliers=(1, 1), head_bias=False)
    total, mean = (make(DISCRIMINATORS, (6, 10, 1), pool=pool, **options) for pool in ("sum", "mean"))
    x = jnp.asarray(RNG.normal(size=(3, 6, 10, 1)), jnp.float32)
    variables = drawn(total, x)
    a, b = jax.jit(lambda: [net.apply(variables, x, train=True) for net in (total, mean)])()
    np.testing.assert_allclose(a, 15 * b, rtol=1e-4)  # 3 x 5 positions after one halving


def test_the_residual_gain_scales_the_branches_alone():
    x = jnp.zeros((1, 8, 8, 1))
    one, three = (
        jax.jit(
            lambda gain=gain: make(DISCRIMINATORS, x.shape[1:], residual_gain=gain).init(
                jax.random.key(0), x, train=True
            )
        )()
        for gain in (1.0, 3.0)
    )
    for name, factor in (("Conv_0", 3), ("Conv_1", 3), ("Conv_2", 1)):
        kernels = [variables["params"]["block_0"][name]["kernel"] for variables in (one, three)]
        np.testing.assert_allclose(kernels[1], factor * kernels[0], rtol=1e-5)
    np.testing.assert_array_equal(*(variables["params"]["Head_0"]["Dense_0"]["kernel"] for variables in (one, three)))


def test_orthogonal_kernels_start_orthogonal():
    net = make(GENERATORS, (8, 8, 3), kernel_init="orthogonal", multipliers=(4, 4))
    params = jax.jit(lambda: net.init(jax.random.key(0), jnp.zeros((1, 5)), train=True))()["params"]
    kernel = np.asarray(params["block_0"]["Conv_0"]["kernel"]).reshape(-1, 8)
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(8), atol=1e-5)


# refusals


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (GENERATORS, dict(multipliers=(2,)), r"multipliers is \(2,\), but must be \(\) or at least 2 numbers"),
        (GENERATORS, dict(attention=(16, 5)), r"no map has a short side of 5; the nearest is 8 of \[8, 16\]"),
        (
            GENERATORS,
            dict(multipliers=(1,) * 6),
            "has 6 entries, but 16x16 images .* after 4 halvings; give at most 5",
        ),
        (DISCRIMINATORS, dict(multipliers=(1,) * 6, plain=1), "has 6 entries, but 16x16 images .* give at most 5"),
        (GENERATORS, dict(momentum=1.0), r"momentum is 1.0, but must be in \[0, 0.999999\]"),
        (GENERATORS, dict(class_embedding=-1), "class_embedding is -1"),
        (DISCRIMINATORS, dict(attention=(16,)), r"no map has a short side of 16; the nearest is 8 of \[4, 8\]"),
        (DISCRIMINATORS, dict(multipliers=(1, 1), plain=3), r"plain is 3, but must be in \[0, 2\]"),
        (DISCRIMINATORS, dict(plain=-1), "plain is -1"),
    ],
)
def test_impossible_settings_are_refused(table, options, message):
    with pytest.raises(JaxganError, match=message):
        make(table, (16, 16, 1), **options)
