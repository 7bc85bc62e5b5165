"""GFLOP/s of every lowering of the three maps beside PyTorch's, layer by layer: `--only convolutions`.

Each is timed inside a loop, where a training step runs, in blocks of a few turns. The one that jaxgan chooses on a CPU
carries a star; GPUs and TPUs take the direct ones.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax import lax
from torch.nn import functional

from benchmarks import cost
from benchmarks.measure import Run, seconds
from benchmarks.peers import repeated
from jaxgan.ops import choice, lowerings
from jaxgan.ops.geometry import Geometry, geometry_of, pair
from jaxgan.ops.lowerings import Lowering

TURNS, ROUNDS = 10, 3


@dataclass(frozen=True)
class Layer:
    """A strided convolution, "SAME", square.

    Attributes:
      side: of the image.
      kernel: side.
      stride: of both axes.
      channels: of the image.
      features: of the result.
      batch: images.
    """

    side: int
    kernel: int
    stride: int
    channels: int
    features: int
    batch: int

    @property
    def geometry(self) -> Geometry:
        """As the lowerings take it."""
        return geometry_of(pair(self.side), pair(self.kernel), pair(self.stride), "SAME")

    def arrays(self) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Image, kernel and cotangent."""
        out, rng = self.geometry.output_size, np.random.default_rng(0)
        image, result = (self.batch, self.side, self.side, self.channels), (self.batch, *out, self.features)
        kernel = (self.kernel, self.kernel, self.channels, self.features)
        x, w, g = (jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in (image, kernel, result))
        return x, w, g


@dataclass(frozen=True)
class Measurement:
    """One lowering of one map of one layer.

    Attributes:
      layer: which.
      map: C, X or W.
      lowering: its name; "PyTorch" for the peer.
      chosen: whether jaxgan takes it on a CPU.
      milliseconds: of one application, the median.
      gflops: per second; products with padding and with zeros between pixels do not count.
    """

    layer: Layer
    map: str
    lowering: str
    chosen: bool
    milliseconds: float
    gflops: float


_BOOK, _DCGAN64 = 128, 64  # batches
LAYERS = (
    # GANs in Action, chapter 4: those of G, by their adjoints' images, and those of D.
    Layer(28, 3, 2, 1, 64, _BOOK),
    Layer(14, 3, 1, 64, 128, _BOOK),
    Layer(14, 3, 2, 128, 256, _BOOK),
    Layer(28, 3, 2, 1, 32, _BOOK),
    Layer(14, 3, 2, 32, 64, _BOOK),
    Layer(7, 3, 2, 64, 128, _BOOK),
    # PyTorch's DCGAN, 64x64.
    Layer(64, 4, 2, 3, 64, _DCGAN64),
    Layer(32, 4, 2, 64, 128, _DCGAN64),
    Layer(16, 4, 2, 128, 256, _DCGAN64),
    Layer(8, 4, 2, 256, 512, _DCGAN64),
    Layer(16, 5, 2, 128, 256, _DCGAN64),
    # As of residual networks, and one that makes a picture.
    Layer(32, 3, 1, 64, 64, _DCGAN64),
    Layer(16, 3, 1, 256, 256, _DCGAN64),
    Layer(4, 3, 1, 512, 512, _DCGAN64),
    Layer(64, 3, 1, 64, 3, _DCGAN64),
    # LAPGAN's for MNIST, and a translator's first.
    Layer(28, 7, 1, 32, 32, _DCGAN64),
    Layer(32, 7, 1, 3, 64, _DCGAN64),
)
TOY_LAYERS = (Layer(6, 3, 2, 2, 3, 2), Layer(6, 4, 2, 2, 3, 2), Layer(6, 3, 1, 2, 3, 2))


def candidates(layer: Layer) -> Mapping[str, tuple[Lowering, ...]]:
    """Lowerings that apply, by map."""
    tiled = max(layer.geometry.blocks) < 4  # Winograd's tiles would give nothing
    c = (lowerings.C_direct, lowerings.C_patches) + (lowerings.C_winograd,) * tiled
    x = (lowerings.X_direct, lowerings.X_fold, lowerings.X_taps)
    slow = jax.default_backend() == "cpu"  # W_direct takes seconds there
    w = (() if slow else (lowerings.W_direct,)) + (lowerings.W_patches,) + (lowerings.W_winograd,) * tiled
    if layer.stride > 1:
        return {"C": c, "X": (*x, lowerings.X_winograd), "W": w}
    w += (lowerings.W_mirrored, lowerings.W_rows)
    return {"C": (*c, lowerings.C_taps), "X": (*x, choice.X_mirrored), "W": w}


def chosen(layer: Layer) -> tuple[Lowering, ...]:
    """What jaxgan takes on a CPU."""
    of = layer.geometry, layer.channels, layer.features
    return tuple(f(*of, dtype=jnp.dtype(jnp.float32)) for f in (choice.cpu_C, choice.cpu_X, choice.cpu_W))


def measure(layer: Layer) -> Iterator[Measurement]:
    """Times every lowering and PyTorch, in turn, round by round."""
    x, w, g = layer.arrays()
    operands = {"C": (x, w), "X": (g, w), "W": (x, g)}
    taken, theirs = chosen(layer), torch_maps(layer, x, w, g)
    flops = cost.count(lambda x, w: lowerings.C_direct(layer.geometry, x, w), x, w).flops
    for name, choices in candidates(layer).items():
        runs = {f.__name__: looped(f, layer.geometry, *operands[name]) for f in choices} | {"PyTorch": theirs[name]}
        for run in runs.values():
            run()
        rounds = [[seconds(run) / TURNS for run in runs.values()] for _ in range(ROUNDS)]
        for lowering, times in zip(runs, zip(*rounds, strict=True), strict=True):
            time = statistics.median(times)
            is_chosen = lowering in [f.__name__ for f in taken]
            yield Measurement(layer, name, lowering, is_chosen, 1e3 * time, flops / time / 1e9)


def looped(lowering: Lowering, geometry: Geometry, a: jax.Array, b: jax.Array) -> Run:
    """A few applications in one compiled loop; both its operands change, or XLA would do it once."""

    @jax.jit
    def loop(a: jax.Array, b: jax.Array) -> jax.Array:
        def turn(_: Any, carry: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
            a, b, y = carry
            a, b = (array.at[0, 0, 0, 0].add(1e-9 * y[0, 0, 0, 0]) for array in (a, b))
            return a, b, lowering(geometry, a, b)

        shape = jax.eval_shape(lambda a, b: lowering(geometry, a, b), a, b)
        return lax.fori_loop(0, TURNS, turn, (a, b, jnp.zeros(shape.shape, shape.dtype)))[2]

    return lambda: loop(a, b).block_until_ready()


def torch_maps(layer: Layer, x: jax.Array, w: jax.Array, g: jax.Array) -> Mapping[str, Run]:
    """PyTorch's three maps, channels last and symmetrically padded, as a user's program runs them."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    padding = layer.geometry.padding[0][1]

    def tensor(array: jax.Array, *order: int) -> torch.Tensor:
        moved = torch.tensor(np.asarray(array).transpose(order), device=device)
        return moved.contiguous(memory_format=torch.channels_last)

    image, kernel, cotangent = tensor(x, 0, 3, 1, 2), tensor(w, 3, 2, 0, 1), tensor(g, 0, 3, 1, 2)
    extra = layer.side - ((g.shape[1] - 1) * layer.stride - 2 * padding + layer.kernel)

    def weight_gradient() -> Any:
        pair, none = [layer.stride] * 2, [0, 0]
        return torch.ops.aten.convolution_backward(
            cotangent, image, kernel, None, pair, [padding] * 2, [1, 1], False, none, 1, [False, True, False]
        )

    maps: dict[str, Callable[[], Any]] = {
        "C": lambda: functional.conv2d(image, kernel, None, layer.stride, padding),
        "X": lambda: functional.conv_transpose2d(cotangent, kernel, None, layer.stride, padding, extra),
        "W": weight_gradient,
    }
    return {name: torch.inference_mode()(repeated(one, TURNS)) for name, one in maps.items()}


def table(toy: bool) -> list[Measurement]:
    """Measures all layers and prints a line for each map."""
    results = []
    for layer in TOY_LAYERS if toy else LAYERS:
        print(f"{layer.side}x{layer.side} k{layer.kernel} s{layer.stride} {layer.channels}-{layer.features}, "
              f"batch {layer.batch} (GFLOP/s)")  # fmt: skip
        found = list(measure(layer))
        for name in "CXW":
            cells = [f"{m.lowering}{'*' * m.chosen} {m.gflops:.0f}" for m in found if m.map == name]
            print(f"  {name}  " + ", ".join(cells), flush=True)
        results += found
    return results
