"""Steps per second of the recipe `mnist_dcgan` beside PyTorch: `python benchmarks/mnist_dcgan.py`.

The same networks (GANs in Action, chapter 4), batch and optimizers, float32, in one process, in turn (A B A B ...); the
figure is the median of the ratios of neighbouring measurements. PyTorch pads symmetrically, which shifts its sampling
grid by a pixel and costs the same. Each step: new latents for D and for G, one update of each.
"""

import argparse
import statistics
import time

import jax
import numpy as np
import torch
from torch import nn

from jaxgan import config
from jaxgan.data import make_feed
from jaxgan.data.memory import ArraySource
from jaxgan.systems import build_system
from jaxgan.training import tally
from jaxgan.training.loop import make_call

BATCH = 128


def jaxgan_stepper(images: np.ndarray, steps: int):
    """A function that makes `steps` steps of jaxgan and waits for them."""
    settings = config.resolve(config.load("mnist_dcgan"))
    source = ArraySource(images)
    system = build_system(settings, source.spec)
    feed = make_feed(source, BATCH, 1, (0,), 2**31)
    call, items = make_call(system, feed, jax.random.key(1)), feed.items(0, steps)
    state = jax.jit(lambda: system.init(jax.random.key(0), {}))()
    names = tally.metric_names(system.update, state, source.spec.zeros(BATCH), jax.random.key(0))
    carry = [state, tally.empty(len(names))]

    def run() -> None:
        carry[0], carry[1], step = call(*carry, feed.constants, next(items))
        jax.block_until_ready(step)

    return run


def torch_stepper(images: np.ndarray, steps: int):
    """The same for PyTorch, channels last."""
    generator = nn.Sequential(
        nn.Linear(100, 256 * 7 * 7),
        nn.Unflatten(1, (256, 7, 7)),
        nn.ConvTranspose2d(256, 128, 3, 2, 1, output_padding=1),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.01),
        nn.ConvTranspose2d(128, 64, 3, 1, 1),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(0.01),
        nn.ConvTranspose2d(64, 1, 3, 2, 1, output_padding=1),
        nn.Tanh(),
    ).to(memory_format=torch.channels_last)
    discriminator = nn.Sequential(
        nn.Conv2d(1, 32, 3, 2, 1),
        nn.LeakyReLU(0.01),
        nn.Conv2d(32, 64, 3, 2, 1),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(0.01),
        nn.Conv2d(64, 128, 3, 2, 1),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.01),
        nn.Flatten(),
        nn.Linear(2048, 1),
    ).to(memory_format=torch.channels_last)
    g_adam = torch.optim.Adam(generator.parameters(), lr=1e-3, eps=1e-7)
    d_adam = torch.optim.Adam(discriminator.parameters(), lr=1e-3, eps=1e-7)
    entropy = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    data = torch.from_numpy(images).permute(0, 3, 1, 2)

    def run() -> None:
        for _ in range(steps):
            real = (data[torch.randint(len(data), (BATCH,))].float() / 127.5 - 1).to(memory_format=torch.channels_last)
            with torch.no_grad():
                fake = generator(torch.randn(BATCH, 100))
            d_adam.zero_grad()
            (entropy(discriminator(real), ones) + entropy(discriminator(fake), zeros)).backward()
            d_adam.step()
            g_adam.zero_grad()
            entropy(discriminator(generator(torch.randn(BATCH, 100))), ones).backward()
            g_adam.step()

    return run


def seconds(run) -> float:
    """Wall time of one call."""
    before = time.perf_counter()
    run()
    return time.perf_counter() - before


def main() -> None:
    """Prints the medians of both and the median of their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10, help="a measurement (default: 10)")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each (default: 7)")
    options = parser.parse_args()
    images = np.random.default_rng(0).integers(0, 256, (6000, 28, 28, 1), dtype=np.uint8)
    runs = [make(images, options.steps) for make in (jaxgan_stepper, torch_stepper)]
    for run in runs:
        run()  # compiles, and warms the allocators
    rounds = [[seconds(run) / options.steps for run in runs] for _ in range(options.rounds)]
    ours, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(a / b for a, b in rounds)
    print(f"jaxgan  {1 / ours:6.2f} steps/s (jax {jax.__version__}, {jax.devices()[0].platform})")
    print(f"PyTorch {1 / theirs:6.2f} steps/s (torch {torch.__version__}, {torch.get_num_threads()} threads)")
    print(f"time of jaxgan / time of PyTorch: {ratio:.2f} (median of {options.rounds} neighbouring pairs)")


if __name__ == "__main__":
    main()
