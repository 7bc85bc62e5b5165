"""jaxgan's networks as a PyTorch user writes them, channels last. Nothing here imports JAX.

They are built from the options of a resolved recipe, and their modules are named as Flax names jaxgan's, so that
weights are copied by name. PyTorch pads a convolution symmetrically where "SAME" puts the odd row at the end; that
shifts the sampling grid by a pixel and costs the same. `exact=True` pads and crops as jaxgan does, for tests of
equality; it is slower and is never timed.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Options = Mapping[str, Any]
Module = TypeVar("Module", bound=nn.Module)
Layers = list[tuple[str, nn.Module]]


class FromChannels(nn.Module):
    """[b, h w c] -> [b, c, h, w], without a copy: that is what channels last means."""

    def __init__(self, height: int, width: int, channels: int) -> None:
        super().__init__()
        self.shape = (height, width, channels)

    def forward(self, x: Tensor) -> Tensor:
        """The dense layer's output as a map."""
        return x.view(-1, *self.shape).permute(0, 3, 1, 2)


class ToChannels(nn.Module):
    """[b, c, h, w] -> [b, h w c], the inverse."""

    def forward(self, x: Tensor) -> Tensor:
        """The map as features."""
        return x.permute(0, 2, 3, 1).flatten(1)


class Crop(nn.Module):
    """Keeps the first rows and columns of a square map; for `exact` networks."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, side, side]."""
        return x[:, :, : self.side, : self.side]


class Head(nn.Module):
    """Logits [b] of features [b, d], with classes the projection of Miyato & Koyama 2018 added."""

    def __init__(self, features: int, classes: int, bias: bool) -> None:
        super().__init__()
        self.Dense_0 = nn.Linear(features, 1, bias)
        self.Embed_0 = nn.Embedding(classes, features) if classes else None

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        """One logit an example."""
        logits = self.Dense_0(features)[:, 0]
        return logits if self.Embed_0 is None else logits + (self.Embed_0(labels) * features).sum(1)


class Generator(nn.Sequential):
    """Latents [b, d] and labels [b] -> examples; labels are appended to the latents as one-hot code."""

    classes = 0

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """[b, c, h, w] or [b, d]."""
        if labels is not None:
            z = torch.cat([z, functional.one_hot(labels, self.classes).to(z.dtype)], 1)
        return super().forward(z)


class Discriminator(nn.Sequential):
    """Examples and labels -> logits [b]; the last module is the head."""

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """One logit an example."""
        *trunk, head = self
        for layer in trunk:
            x = layer(x)
        return head(x, labels)


def _each(value: int | Sequence[int], count: int) -> Sequence[int]:
    return [value] * count if isinstance(value, int) else value


def _default_multipliers(side: int) -> list[int]:
    """(1, 2, 4, ...) from the image inwards: as many as the side can be halved while it is at least 8."""
    multipliers = [1]
    while (side := -(-side // 2)) >= 8:
        multipliers.append(2 * multipliers[-1])
    return multipliers


def _activation(slope: float) -> nn.Module:
    return nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)


def _norm(features: int, options: Options) -> nn.Module:
    return nn.BatchNorm2d(features, options["epsilon"], 1 - options["momentum"])


def _use_bias(options: Options) -> bool:
    return not options["normalise"] if options["use_bias"] is None else options["use_bias"]


def _padding(small: int, large: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((small - 1) * stride + kernel - large, 0)
    return total // 2, total - total // 2


def _dcgan_generator(options: Options, shape: tuple[int, ...], inputs: int, exact: bool) -> Layers:
    multipliers = options["multipliers"] or _default_multipliers(shape[0])[::-1]
    count, bias = len(multipliers), _use_bias(options)
    kernels, strides = _each(options["kernel"], count), _each(options["stride"], count)
    sides = [shape[0]]
    for stride in reversed(strides):
        sides.insert(0, -(-sides[0] // stride))
    features = [options["width"] * m for m in multipliers] + [shape[2]]
    layers: Layers = [
        ("Dense_0", nn.Linear(inputs, sides[0] ** 2 * features[0], bias)),
        ("map", FromChannels(sides[0], sides[0], features[0])),
    ]
    norms = 0
    for i in range(count + 1):
        if i:
            small, large, kernel, stride = sides[i - 1], sides[i], kernels[i - 1], strides[i - 1]
            low, high = _padding(small, large, kernel, stride)
            padding, extra = (low, 0) if exact else (high, high - low)
            transposed = nn.ConvTranspose2d(features[i - 1], features[i], kernel, stride, padding, extra, bias=bias)
            layers.append((f"ConvTranspose_{i - 1}", transposed))
            layers += [(f"crop_{i}", Crop(large))] if exact and high > low else []
        if i < count and (i or options["normalise_projection"]):
            layers += [(f"BatchNorm_{norms}", _norm(features[i], options)), (f"act_{i}", _activation(options["slope"]))]
            norms += 1
    return [*layers, ("tanh", nn.Tanh())]


def _dcgan_discriminator(options: Options, shape: tuple[int, ...], classes: int, exact: bool) -> Layers:
    multipliers = options["multipliers"] or _default_multipliers(shape[0])
    count = len(multipliers)
    kernels, strides = _each(options["kernel"], count), _each(options["stride"], count)
    side, before = shape[0], shape[2]
    layers: Layers = []
    norms = 0
    for i, (multiplier, kernel, stride) in enumerate(zip(multipliers, kernels, strides, strict=True)):
        features, small = options["width"] * multiplier, -(-side // stride)
        low, high = _padding(small, side, kernel, stride)
        uneven = exact and high > low
        layers += [(f"pad_{i}", nn.ZeroPad2d((low, high, low, high)))] if uneven else []
        conv = nn.Conv2d(before, features, kernel, stride, 0 if uneven else high, bias=_use_bias(options))
        layers.append((f"Conv_{i}", conv))
        if options["normalise"] and (i or options["normalise_first"]):
            layers.append((f"BatchNorm_{norms}", _norm(features, options)))
            norms += 1
        layers.append((f"act_{i}", _activation(options["slope"])))
        side, before = small, features
    head = Head(side**2 * before, classes, options["head_bias"])
    return [*layers, ("features", ToChannels()), ("Head_0", head)]


def _trunk(options: Options, inputs: int) -> tuple[nn.Module, int]:
    layers: Layers = []
    for i, width in enumerate(options["hidden"]):
        layers += [(f"Dense_{i}", nn.Linear(inputs, width)), (f"act_{i}", _activation(options["slope"]))]
        inputs = width
    return nn.Sequential(OrderedDict(layers)), inputs


def generator(
    options: Options, shape: tuple[int, ...], latents: int, classes: int = 0, exact: bool = False
) -> Generator:
    """G of a recipe.

    Args:
      options: resolved `config.generator`, of dcgan (square images) or mlp (points, leaky ReLU).
      shape: of an example, jaxgan's order.
      latents: their number.
      classes: 0 without labels.
      exact: pad as jaxgan does; not for timing.
    """
    if options["name"] == "dcgan":
        layers = _dcgan_generator(options, shape, latents + classes, exact)
    else:
        trunk, features = _trunk(options, latents + classes)
        layers = [("_Trunk_0", trunk), ("Dense_0", nn.Linear(features, math.prod(shape)))]
    module = Generator(OrderedDict(layers))
    module.classes = classes
    return _channels_last(module)


def discriminator(options: Options, shape: tuple[int, ...], classes: int = 0, exact: bool = False) -> Discriminator:
    """D of a recipe; arguments as for `generator`."""
    if options["name"] == "dcgan":
        layers = _dcgan_discriminator(options, shape, classes, exact)
    else:
        trunk, features = _trunk(options, math.prod(shape))
        layers = [("_Trunk_0", trunk), ("Head_0", Head(features, classes, True))]
    return _channels_last(Discriminator(OrderedDict(layers)))


def _channels_last(module: Module) -> Module:
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def copy_parameters(module: nn.Module, params: Mapping[str, Any]) -> None:
    """Copies jaxgan's parameters, a tree of arrays, into the module of the same structure.

    Raises:
      KeyError: there is no module of that name.
      ValueError: parameters are left over, or shapes differ.
    """
    copied = _copy(module, params)
    if copied != len(list(module.parameters())):
        raise ValueError(f"{copied} arrays for {len(list(module.parameters()))} parameters")


def _copy(module: nn.Module, params: Mapping[str, Any]) -> int:
    copied = 0
    for name, value in params.items():
        if isinstance(value, Mapping):
            copied += _copy(dict(module.named_children())[name], value)
            continue
        array = np.asarray(value)
        if name == "kernel":  # [in, out] or [h, w, in, out]; PyTorch has both reversed
            array = array.T if array.ndim == 2 else array.transpose(3, 2, 0, 1)
        parameter = module.get_parameter("bias" if name == "bias" else "weight")
        if tuple(parameter.shape) != array.shape:
            raise ValueError(f"{name} is {array.shape}, but {tuple(parameter.shape)} in PyTorch")
        with torch.no_grad():
            parameter.copy_(torch.tensor(array))
        copied += 1
    return copied
