"""What `jaxgan stylize` does: everything is checked first, then the picture is made and written."""

import dataclasses
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import jax
from tqdm import tqdm

import jaxgan
from jaxgan.errors import JaxganError, check_range, unknown
from jaxgan.networks.vgg import Pooling, receptive_field
from jaxgan.outputs import check_output
from jaxgan.pretrained import vgg_weights
from jaxgan.pretrained.vgg_weights import Weights
from jaxgan.style import pictures
from jaxgan.style.pictures import Picture
from jaxgan.style.transfer import PRECISION, Layers, Settings, Start, transfer

CONTENT_LAYERS = ("relu4_2",)
"""Of Gatys et al. 2016."""

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
"""Of Gatys et al. 2016."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
      content: picture file.
      style: picture file.
      out: where the result goes, a .png.
      weights: file of the VGG's; None: random ones.
      size: of the shorter side of both pictures.
      content_layers: `NAME[=FACTOR],...`; None: the paper's, as far as the weights go.
      style_layers: likewise.
      pooling: None: what suits the weights.
      content_weight: see `Settings`, as for the others.
    """

    content: Path
    style: Path
    out: Path
    weights: Path | None = None
    size: int = 256
    content_layers: str | None = None
    style_layers: str | None = None
    content_weight: float = Settings.content_weight
    style_weight: float = Settings.style_weight
    steps: int = Settings.steps
    start: Start = Settings.start
    pooling: Pooling | None = None
    seed: int = Settings.seed


class Plan(NamedTuple):
    """A request that can be carried out.

    Attributes:
      request: as it was made.
      settings: with the layers that will be used.
      note: what the user should know beforehand: those layers, and whether they are the paper's.
    """

    request: Request
    weights: Weights
    content: Picture
    style: Picture
    settings: Settings
    note: str


def plan(request: Request) -> Plan:
    """Checks all of a request, and reads its files; nothing is compiled yet.

    Raises:
      JaxganError: a file that cannot be read or written, weights of another network, an unknown layer, a picture
        smaller than what one position of a layer sees or too long for its width, a number out of range, no loss.
    """
    for name, low, high in (("content_weight", 0, 1e12), ("style_weight", 0, 1e12), ("steps", 1, 100_000)):
        check_range(f"--{name.replace('_', '-')}", getattr(request, name), low, high)
    check_range("--size", request.size, 1, 8192)
    check_range("--seed", request.seed, 0, 2**32 - 1)
    if request.out.suffix.lower() != ".png":
        raise JaxganError(f"the picture is written as .png, with the settings it was made with, not as {request.out}.")
    files = (request.content, request.style, request.weights)
    check_output(request.out, [file for file in files if file is not None])
    loaded = vgg_weights.load(request.weights) if request.weights else vgg_weights.random()
    content_layers = _layers(request.content_layers, loaded) or _reached(CONTENT_LAYERS, loaded)
    style_layers = _layers(request.style_layers, loaded) or _reached(STYLE_LAYERS, loaded)
    _check_weights(request, content_layers, style_layers)
    _check_sizes(request, loaded, [*content_layers, *style_layers])
    content, style = pictures.read(request.content, request.size), pictures.read(request.style, request.size)
    same = {field.name: getattr(request, field.name) for field in dataclasses.fields(Settings)}
    pooling = request.pooling or loaded.pooling
    settings = Settings(**same | dict(content_layers=content_layers, style_layers=style_layers, pooling=pooling))
    return Plan(request, loaded, content, style, settings, _note(request, settings, loaded))


def carry_out(plan: Plan) -> str:
    """Makes and writes the picture, with a progress bar on a terminal, and returns what to tell the user of it.

    Raises:
      JaxganError: the loss is not finite, or the picture cannot be written.
    """
    request, settings = plan.request, plan.settings
    with tqdm(total=settings.steps, unit="step", disable=None, dynamic_ncols=True) as bar:

        def progress(steps: int, loss: float) -> None:
            bar.set_postfix(loss=f"{loss:.3g}", refresh=False)
            bar.update(steps)

        result = transfer(plan.weights, plan.content.pixels, plan.style.pixels, settings, progress)
    before, after = sum(result.before.values()), sum(result.after.values())
    facts = {
        "content": _named(request.content, plan.content.data),
        "style": _named(request.style, plan.style.data),
        "weights": {"name": plan.weights.name, "sha256": plan.weights.sha256, "depth": plan.weights.depth},
        "size": request.size,
        **dataclasses.asdict(settings),
        "matmul_precision": PRECISION,
        "loss_before": result.before,
        "loss_after": result.after,
        "versions": {"jaxgan": jaxgan.__version__, "jax": jax.__version__},
    }
    pictures.write(request.out, result.picture, facts)
    ratio = f"{before / after:.3g} times less" if after else "nothing left"
    return f"loss {before:.4g} -> {after:.4g} ({ratio}) in {settings.steps} steps: {request.out}"


def _named(path: Path, data: bytes) -> dict[str, str]:
    return {"name": str(path), "sha256": hashlib.sha256(data).hexdigest()}


def _layers(text: str | None, loaded: Weights) -> dict[str, float] | None:
    """`relu1_1,relu2_1=0.5` -> {"relu1_1": 1.0, "relu2_1": 0.5}."""
    if text is None:
        return None
    layers = {}
    for item in text.split(","):
        name, given, factor = item.strip().partition("=")
        if name not in loaded.layers:
            raise unknown(f"layer of the weights {loaded.name}", name, loaded.layers)
        if name in layers:
            raise JaxganError(f"the layer {name} is given twice.")
        try:
            layers[name] = float(factor if given else 1)
        except ValueError:
            raise JaxganError(f"a layer is given as NAME or NAME=FACTOR, not as {item!r}.") from None
        check_range(f"the factor of {name}", layers[name], 0, 1e12)
    return layers


def _reached(wanted: Iterable[str], loaded: Weights) -> dict[str, float]:
    """Those of the wanted layers that the weights go to; the last there is, if they go to none."""
    return dict.fromkeys([layer for layer in wanted if layer in loaded.layers] or [loaded.layers[-1]], 1.0)


def _note(request: Request, settings: Settings, loaded: Weights) -> str:
    """The layers, and which of the paper's are replaced or missing because the weights end before them."""
    lines = [f"VGG{loaded.depth} with {loaded.name} weights and {settings.pooling} pooling"]
    for kind, chosen, layers, wanted in (
        ("content", request.content_layers, settings.content_layers, CONTENT_LAYERS),
        ("style", request.style_layers, settings.style_layers, STYLE_LAYERS),
    ):
        missing = [] if chosen else [layer for layer in wanted if layer not in loaded.layers]
        shown = ", ".join(name if factor == 1 else f"{name}={factor:g}" for name, factor in layers.items())
        why = f" (without {', '.join(missing)}: the weights end at {loaded.layers[-1]})" if missing else ""
        lines.append(f"  {kind} from {shown}{why}")
    return "\n".join(lines)


def _check_weights(request: Request, content_layers: Layers, style_layers: Layers) -> None:
    """Refuses weights and factors that leave nothing of the loss."""
    parts = (request.content_weight, content_layers), (request.style_weight, style_layers)
    if not any(weight * factor for weight, layers in parts for factor in layers.values()):
        raise JaxganError("all weights are 0: nothing is asked for; raise --content-weight or --style-weight.")


def _check_sizes(request: Request, loaded: Weights, layers: Iterable[str]) -> None:
    """Refuses pictures smaller than what one position of a layer sees, which would be mostly padding."""
    field, layer = max((receptive_field(loaded.depth, layer), layer) for layer in layers)
    if request.size < field:
        raise JaxganError(
            f"--size is {request.size}, but {layer} sees {field} pixels at once; set --size {field} or more."
        )
    for path in (request.content, request.style):
        height, width = pictures.native_size(path)
        if min(height, width) < field:
            raise JaxganError(
                f"{path} is {height}x{width}, but {layer} sees {field}x{field} pixels at once; "
                "give a larger picture, or layers nearer to it."
            )
