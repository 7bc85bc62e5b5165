"""The same weights and inputs in PyTorch: outputs, gradients, and whole training steps as source 004 writes them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks import DISCRIMINATORS, GENERATORS, PRESETS
from jaxgan.objectives import non_saturating
from jaxgan.optim import adam
from jaxgan.registry import build
from jaxgan.systems import Gan

torch = pytest.importorskip("torch")
nn = torch.nn

WIDTH, LATENT, BATCH, POINTS = 4, 6, 8, (3, 4, 1)
CONV, DENSE = "pytorch_dcgan", "gans_in_action_mlp"


def torch_generator():
    """Source 004's generator, narrow."""
    w = WIDTH
    return nn.Sequential(
        nn.ConvTranspose2d(LATENT, 8 * w, 4, 1, 0, bias=False), nn.BatchNorm2d(8 * w), nn.ReLU(),
        nn.ConvTranspose2d(8 * w, 4 * w, 4, 2, 1, bias=False), nn.BatchNorm2d(4 * w), nn.ReLU(),
        nn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * w), nn.ReLU(),
        nn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU(),
        nn.ConvTranspose2d(w, 3, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip


def torch_discriminator():
    """Source 004's discriminator, narrow, without its sigmoid."""
    w = WIDTH
    return nn.Sequential(
        nn.Conv2d(3, w, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
        nn.Conv2d(w, 2 * w, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * w), nn.LeakyReLU(0.2),
        nn.Conv2d(2 * w, 4 * w, 4, 2, 1, bias=False), nn.BatchNorm2d(4 * w), nn.LeakyReLU(0.2),
        nn.Conv2d(4 * w, 8 * w, 4, 2, 1, bias=False), nn.BatchNorm2d(8 * w), nn.LeakyReLU(0.2),
        nn.Conv2d(8 * w, 1, 4, 1, 0, bias=False), nn.Flatten(0),
    )  # fmt: skip


def norms(params, *indices):
    """Scale and shift of batch normalisations."""
    return {i: [params[f"BatchNorm_{i}"]["scale"], params[f"BatchNorm_{i}"]["bias"]] for i in indices}


def generator_weights(params):
    """Our parameters (or gradients) as PyTorch orders and shapes them; NHWC becomes NCHW, kernels [in, out, h, w]."""
    whole_map = np.asarray(params["Dense_0"]["kernel"]).reshape(LATENT, 4, 4, 8 * WIDTH).transpose(0, 3, 1, 2)
    kernels = [whole_map, *(np.transpose(params[f"ConvTranspose_{i}"]["kernel"], (3, 2, 0, 1)) for i in range(4))]
    shifts = norms(params, 0, 1, 2, 3)
    return [array for i, kernel in enumerate(kernels) for array in (kernel, *shifts.get(i, []))]


def discriminator_weights(params):
    """The same for D; its last, whole-map convolution is our dense head."""
    kernels = [np.transpose(params[f"Conv_{i}"]["kernel"], (3, 2, 0, 1)) for i in range(4)]
    head = np.asarray(params["Head_0"]["Dense_0"]["kernel"]).reshape(4, 4, 8 * WIDTH, 1).transpose(3, 2, 0, 1)
    shifts = norms(params, 0, 1, 2)
    return [array for i, kernel in enumerate([*kernels, head]) for array in (kernel, *shifts.get(i - 1, []))]


def fill(module, arrays):
    for parameter, array in zip(module.parameters(), arrays, strict=True):
        parameter.data = torch.tensor(np.array(array))
    return module


def ours(preset, player, shape, **options):
    table = {"generator": GENERATORS, "discriminator": DISCRIMINATORS}[player]
    options = PRESETS[preset][player] | options
    return build(options, table, "config.network", shape=shape, num_classes=0, dtype=jnp.float32)


def drawn(module, inputs):
    """Variables N(0, 0.2^2), scales around 1: large enough for every layer to matter to the result."""
    rng = np.random.default_rng(1)
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), inputs, train=False))
    params = jax.tree_util.tree_map_with_path(
        lambda path, x: (rng.normal(size=x.shape) / 5 + (path[-1].key == "scale")).astype(np.float32), shapes["params"]
    )
    starts = {"mean": np.zeros, "var": np.ones}
    stats = jax.tree_util.tree_map_with_path(
        lambda path, x: starts[path[-1].key](x.shape, np.float32), shapes["batch_stats"]
    )
    return params, stats


def loss_and_gradients(module, params, stats, inputs, logits_of):
    """Output in train mode, gradients of the mean BCE against 1 of some logits of it, and running statistics."""

    def loss(params):
        out, moved = module.apply({"params": params, "batch_stats": stats}, inputs, train=True, mutable=["batch_stats"])
        return jnp.mean(jax.nn.softplus(-logits_of(out))), (out, moved["batch_stats"])

    gradients, (out, moved) = jax.jit(jax.grad(loss, has_aux=True))(params)
    return out, gradients, moved


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_dcgan_computes_and_learns_as_pytorchs(player):
    rng, nchw = np.random.default_rng(0), (0, 3, 1, 2)
    module = ours(CONV, player, (64, 64, 3), width=WIDTH)
    if player == "generator":
        peer, weights_of = torch_generator(), generator_weights
        inputs = rng.normal(size=(BATCH, LATENT)).astype(np.float32)
        their_inputs = inputs[:, :, None, None]
        mix = rng.normal(size=(1, 64, 64, 3)).astype(np.float32) / 50  # stands in for a discriminator
    else:
        peer, weights_of = torch_discriminator(), discriminator_weights
        inputs = rng.uniform(-1, 1, size=(BATCH, 64, 64, 3)).astype(np.float32)
        their_inputs = inputs.transpose(nchw)
        mix = np.ones(1, np.float32)
    params, stats = drawn(module, inputs)
    fill(peer, weights_of(params))

    out, gradients, moved = loss_and_gradients(
        module, params, stats, inputs, lambda x: (x * mix).reshape(BATCH, -1).sum(1)
    )
    their_out = peer(torch.tensor(their_inputs))
    their_mix = torch.tensor(mix.transpose(nchw) if mix.ndim == 4 else mix)
    logits = (their_out * their_mix).reshape(BATCH, -1).sum(1)
    nn.functional.binary_cross_entropy_with_logits(logits, torch.ones(BATCH)).backward()

    out = np.asarray(out)
    assert out.std() > 0.1
    np.testing.assert_allclose(out.transpose(nchw) if out.ndim == 4 else out, their_out.detach(), atol=1e-4)
    for gradient, parameter in zip(weights_of(gradients), peer.parameters(), strict=True):
        scale = float(parameter.grad.abs().max())
        assert scale > 1e-5
        np.testing.assert_allclose(gradient, parameter.grad, atol=1e-3 * scale)
    for i, norm in enumerate(layer for layer in peer if isinstance(layer, nn.BatchNorm2d)):
        running = moved[f"BatchNorm_{i}"]
        np.testing.assert_allclose(running["mean"], norm.running_mean, atol=1e-5)
        # PyTorch's running variance is the unbiased one, up to n / (n - 1) of ours with n >= 8 * 16.
        np.testing.assert_allclose(running["var"], norm.running_var, rtol=1 / 100)


def dense_weights(params):
    """Kernels [in, out] of the perceptrons as PyTorch's [out, in], with biases."""
    hidden = params["_Trunk_0"]["Dense_0"]
    last = params["Dense_0"] if "Dense_0" in params else params["Head_0"]["Dense_0"]
    return [array for layer in (hidden, last) for array in (np.transpose(layer["kernel"]), layer["bias"])]


def torch_perceptron(inputs, outputs, *end):
    return nn.Sequential(nn.Linear(inputs, 128), nn.LeakyReLU(0.01), nn.Linear(128, outputs), *end)


def test_three_training_steps_are_those_of_source_004():
    """D's step on real and detached fakes, then G's through the updated D, on the same fakes; both players compared."""
    pixels, rate = 3 * 4 * 1, 2e-4
    system = Gan(
        generator=ours(DENSE, "generator", POINTS),
        discriminator=ours(DENSE, "discriminator", POINTS),
        objective=non_saturating(),
        penalties=(),
        generator_penalty=None,
        augmentation=None,
        generator_optimizer=adam(1, rate),
        discriminator_optimizer=adam(1, 5 * rate),
        shape=POINTS,
        num_classes=0,
        latent_size=LATENT,
    )
    state = jax.jit(system.init)(jax.random.key(0), {})
    net_g = fill(torch_perceptron(LATENT, pixels, nn.Tanh()), dense_weights(state.generator.params))
    net_d = fill(torch_perceptron(pixels, 1, nn.Flatten(0)), dense_weights(state.discriminator.params))
    optimizer_g = torch.optim.Adam(net_g.parameters(), rate, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(net_d.parameters(), 5 * rate, betas=(0.5, 0.999))
    criterion, ones, zeros = nn.BCEWithLogitsLoss(), torch.ones(BATCH), torch.zeros(BATCH)
    update, rng = jax.jit(system.update), np.random.default_rng(0)
    before = dense_weights(state.generator.params)

    for step in range(3):
        real = rng.integers(0, 256, (BATCH, *POINTS), dtype=np.uint8)
        key = jax.random.key(step)
        state, metrics = update(state, {"image": real}, key)
        z = jax.random.normal(jax.random.fold_in(jax.random.split(key)[0], 0), (BATCH, LATENT))  # as the system draws

        x = torch.tensor(real.reshape(BATCH, -1).astype(np.float32) / 127.5 - 1)
        net_d.zero_grad()
        d_real = criterion(net_d(x), ones)
        d_real.backward()
        fake = net_g(torch.tensor(np.array(z)))
        d_fake = criterion(net_d(fake.detach()), zeros)
        d_fake.backward()
        optimizer_d.step()
        net_g.zero_grad()
        g_loss = criterion(net_d(fake), ones)
        g_loss.backward()
        optimizer_g.step()

        assert float(metrics["discriminator_loss"]) == pytest.approx((d_real + d_fake).item(), abs=1e-5)
        assert float(metrics["generator_loss"]) == pytest.approx(g_loss.item(), abs=1e-5)

    after = dense_weights(state.generator.params)
    assert max(np.abs(new - old).max() for new, old in zip(after, before, strict=True)) > 2 * rate
    for player, net in ((state.generator, net_g), (state.discriminator, net_d)):
        for mine, theirs in zip(dense_weights(player.params), net.parameters(), strict=True):
            np.testing.assert_allclose(mine, theirs.detach(), atol=1e-5)
