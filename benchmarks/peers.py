"""The steps that a PyTorch user writes: eager, channels last, fused Adam; on a GPU also compiled, and as a CUDA graph.

jaxgan's step also keeps an average of G's parameters and a dozen metrics; the peers do without. Nothing here imports
JAX: `python -m benchmarks.peers` is the script whose start is compared with jaxgan's.
"""

import itertools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.peer_networks import Options, discriminator, generator

PENALTY_WEIGHT = 10.0


def _adam(module: nn.Module, options: Options) -> torch.optim.Adam:
    betas, rate = (options["b1"], options["b2"]), options["learning_rate"]
    on_gpu = next(module.parameters()).is_cuda  # where a step may be captured into a graph
    return torch.optim.Adam(module.parameters(), rate, betas, options["epsilon"], fused=True, capturable=on_gpu)


def _entropy(logits: Tensor, label: float) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


class GanStep:
    """One update of D and one of G, as jaxgan's `gan` with `non_saturating` and Adam makes them.

    Args:
      settings: resolved recipe, without soft labels.
      images: the set, uint8 [n, h, w, c] or float32 [n, d].
      labels: [n], for a conditional recipe.
      classes: 0 without labels.
      exact: pad as jaxgan does; not for timing.
      precision: "float32", or "bfloat16" for autocast.
    """

    def __init__(
        self,
        settings: Options,
        images: np.ndarray,
        labels: np.ndarray | None = None,
        classes: int = 0,
        exact: bool = False,
        precision: str = "float32",
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        system, shape = settings["system"], images.shape[1:]
        self.latents, self.fresh, self.batch = system["latent_size"], system["fresh_latents"], settings["batch_size"]
        self.generator = generator(settings["generator"], shape, self.latents, classes, exact).to(self.device)
        self.discriminator = discriminator(settings["discriminator"], shape, classes, exact).to(self.device)
        self.g_adam = _adam(self.generator, settings["generator_optimizer"])
        self.d_adam = _adam(self.discriminator, settings["discriminator_optimizer"])
        self.images = torch.from_numpy(np.array(images)).to(self.device)
        self.labels = torch.from_numpy(np.array(labels, np.int64)).to(self.device) if classes else None
        self.autocast = precision == "bfloat16"

    def networks(self) -> list[nn.Module]:
        """What can be compiled."""
        return [self.generator, self.discriminator]

    def draw(self) -> tuple[Tensor, Tensor | None]:
        """A batch as the networks take it: images in [-1, 1], channels last, or points; and labels."""
        index = torch.randint(len(self.images), (self.batch,), device=self.device)
        return prepared(self.images[index]), None if self.labels is None else self.labels[index]

    def fakes(self, labels: Tensor | None) -> Tensor:
        """Generated examples of new latents."""
        with self._cast():
            return self.generator(torch.randn(self.batch, self.latents, device=self.device), labels)

    def discriminator_loss(self, real: Tensor, fake: Tensor, labels: Tensor | None = None) -> Tensor:
        """-log D(x) - log(1 - D(G(z))), the mean."""
        with self._cast():
            return _entropy(self.discriminator(real, labels), 1.0) + _entropy(self.discriminator(fake, labels), 0.0)

    def generator_loss(self, fake: Tensor, labels: Tensor | None = None) -> Tensor:
        """-log D(G(z)), the mean."""
        with self._cast():
            return _entropy(self.discriminator(fake, labels), 1.0)

    def __call__(self) -> None:
        """One step on a random batch."""
        real, labels = self.draw()
        with torch.set_grad_enabled(not self.fresh):
            fake = self.fakes(labels)
        self.d_adam.zero_grad()
        self.discriminator_loss(real, fake.detach(), labels).backward()
        self.d_adam.step()
        self.g_adam.zero_grad()
        self.discriminator.requires_grad_(False)  # its gradients would be computed in vain
        self.generator_loss(self.fakes(labels) if self.fresh else fake, labels).backward()
        self.discriminator.requires_grad_(True)
        self.g_adam.step()

    def _cast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast, cache_enabled=False)


def prepared(images: Tensor) -> Tensor:
    """uint8 [b, h, w, c] -> [b, c, h, w] in [-1, 1], channels last; points stay as they are."""
    if images.ndim == 2:
        return images
    return (images.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """(|grad D(x)| - 1)^2 at x = mix real + (1 - mix) fake, [b] (Gulrajani et al. 2017); mix [b, 1, 1, 1]."""
    between = (mix * real + (1 - mix) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1) ** 2


class CriticStep:
    """WGAN-GP updates of a critic, on given real and generated images in turn.

    Args:
      options: resolved `config.discriminator`.
      optimizer: resolved `config.discriminator_optimizer`.
      real: float32 [n, b, h, w, c] in [-1, 1]: n batches.
      fake: the same.
      precision: "float32", or "bfloat16" for autocast.
    """

    def __init__(
        self, options: Options, optimizer: Options, real: np.ndarray, fake: np.ndarray, precision: str = "float32"
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.critic = discriminator(options, real.shape[2:]).to(self.device)
        self.adam = _adam(self.critic, optimizer)
        images = (torch.from_numpy(np.array(x)).to(self.device).permute(0, 1, 4, 2, 3) for x in (real, fake))
        self.batches = itertools.cycle(list(zip(*images, strict=True)))
        self.batch = real.shape[1]
        self.autocast = precision == "bfloat16"

    def networks(self) -> list[nn.Module]:
        """What can be compiled: nothing, since torch.compile refuses second derivatives."""
        return []

    def loss(self, mix: Tensor) -> Tensor:
        """Loss mean D(fake) - mean D(real) + 10 mean penalty, on the next batch."""
        real, fake = next(self.batches)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast, cache_enabled=False):
            gap = self.critic(fake).mean() - self.critic(real).mean()
            return gap + PENALTY_WEIGHT * gradient_penalty(self.critic, real, fake, mix).mean()

    def __call__(self) -> None:
        """One step with new interpolations."""
        self.adam.zero_grad()
        self.loss(torch.rand(self.batch, 1, 1, 1, device=self.device)).backward()
        self.adam.step()


Step = GanStep | CriticStep


# Ways to run a step.


@dataclass(frozen=True)
class Variant:
    """A way to run a step.

    Attributes:
      name: in the tables.
      precision: "float32" or "bfloat16", of the networks' arithmetic.
      compiler: backend of torch.compile, or None.
      graph: replay the whole step as one CUDA graph.
    """

    name: str
    precision: str = "float32"
    compiler: str | None = None
    graph: bool = False


def variants(toy: bool) -> list[Variant]:
    """Those that this machine can run; the toy sizes run, on any machine, all that need no GPU."""
    eager = [Variant("PyTorch eager")]
    if torch.cuda.is_available():
        return [
            *eager,
            Variant("PyTorch bf16 compile", "bfloat16", "inductor"),
            Variant("PyTorch bf16 graph", "bfloat16", graph=True),
            Variant("PyTorch bf16 compile + graph", "bfloat16", "inductor", graph=True),
        ]
    return [*eager, Variant("PyTorch bf16 compile", "bfloat16", "aot_eager")] if toy else eager


def tune() -> None:
    """What a user who cares for speed sets on a GPU: the fastest convolutions, and TF32 as in jaxgan's default."""
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")


def runner(step: Step, variant: Variant, steps: int) -> Callable[[], None]:
    """A call that makes `steps` steps and waits for them."""
    if variant.compiler:
        torch.compiler.reset()  # or networks of one class, one after another, reach the limit and run eagerly
        for network in step.networks():
            network.compile(backend=variant.compiler)
    return repeated(captured(step) if variant.graph else step, steps)


def repeated(one: Callable[[], object], times: int) -> Callable[[], None]:
    """A call that does one thing so many times and waits for the device."""

    def run() -> None:
        for _ in range(times):
            one()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return run


def captured(step: Step) -> Callable[[], None]:
    """The step as a CUDA graph; a replay draws new random numbers."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # as PyTorch asks: a few steps on another stream, which also make Adam's state
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def main() -> None:
    """A training script's start: `python -m benchmarks.peers SETTINGS.json IMAGES.npz STEPS`."""
    settings, images, steps = json.loads(Path(sys.argv[1]).read_text()), np.load(sys.argv[2]), int(sys.argv[3])
    step = GanStep(settings, images["image"], images["label"], int(images["label"].max()) + 1)
    runner(step, Variant("eager"), steps)()
    print(f"step {steps}", flush=True)


if __name__ == "__main__":
    main()
