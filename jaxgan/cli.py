"""The command line: `train`, `sample`, `stylize`, `summary`, `list` and others. Nothing else parses arguments."""

import argparse
import dataclasses
import inspect
import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from jaxgan.errors import JaxganError, unknown

T = TypeVar("T")

DEFAULT_RECIPE = "digits_cgan"
CONFIG = "--config."

FAILURE = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a verb and returns the exit code: 0, 1 for what the user can put right, 2 for wrong usage, 128 + signal.

    Args:
      arguments: by default those of the process.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    overrides = [argument.removeprefix(CONFIG) for argument in arguments if argument.startswith(CONFIG)]
    options, rest = parser.parse_known_args([argument for argument in arguments if not argument.startswith(CONFIG)])
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}{_hint(rest, overrides)}")
    if overrides and options.verb not in ("train", "summary"):
        parser.error(f"{CONFIG}... belongs to train and summary; {options.verb} takes the settings of the run")
    # Orbax logs through absl, with tracebacks, what reaches the user as a message of one or two lines.
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    try:
        code = options.run(options, overrides, shlex.join(["jaxgan", *arguments]))
        sys.stdout.flush()  # here, where a reader that has gone is an ordinary end
        return code
    except JaxganError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILURE
    except MemoryError as error:
        print(f"error: not enough memory ({error}); lower batch_size, samples or the image size.", file=sys.stderr)
        return FAILURE
    except BrokenPipeError:  # whoever read our output is gone, as in `jaxgan list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its exit
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:  # before training started, or a second time while it was stopping
        print("interrupted; what was saved is kept, and the same command continues.", file=sys.stderr)
        return 128 + signal.SIGINT


def _hint(rest: Sequence[str], overrides: Sequence[str]) -> str:
    """What may have been meant by arguments that nothing took."""
    if any("=" not in override for override in overrides):
        return f" (settings are given as {CONFIG}KEY=VALUE, with no space)"
    slips = [argument for argument in rest if argument.startswith("--")]
    return f" (settings are given as {CONFIG}{slips[0].removeprefix('--').partition('=')[0]}=VALUE)" if slips else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jaxgan", description="Train, resume, sample and measure GANs.", allow_abbrev=False
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    train = verbs.add_parser(
        "train",
        allow_abbrev=False,
        help="train a recipe; the same command again continues the run",
        description="Trains a recipe in a run directory. Running the same command again continues it; Ctrl-C saves "
        "and stops. Settings are overridden with --config.GROUP.KEY=VALUE, e.g. --config.generator.width=64.",
    )
    _add_recipe(train)
    train.add_argument("--workdir", help="run directory (default: runs/RECIPE)")
    train.add_argument("--allow-changes", action="store_true", help="continue a run with other settings than it had")
    train.add_argument(
        "--profile", action="store_true", help="trace two calls into RUN/profile and print the costliest operations"
    )
    _add_cache(train)
    train.set_defaults(run=_train)

    _add_sample(verbs)
    _add_stylize(verbs)
    summary = verbs.add_parser(
        "summary",
        allow_abbrev=False,
        help="print the layers, shapes and parameter counts of a recipe's networks",
        description="Prints the layers, shapes and parameter counts of a recipe's networks. Settings are overridden as "
        "in train. It opens the data, to know its shape.",
    )
    _add_recipe(summary)
    summary.set_defaults(run=_summary)

    listing = verbs.add_parser(
        "list", allow_abbrev=False, help="list recipes, data, networks, objectives, optimizers and their options"
    )
    listing.set_defaults(run=_list)
    return parser


def _add_sample(verbs: Any) -> None:
    sample = verbs.add_parser(
        "sample",
        allow_abbrev=False,
        help="draw samples from a run",
        description="Draws samples from a run directory. Sample i depends on the seed and i only, not on --num.",
    )
    sample.add_argument("directory", metavar="DIR", help="run directory")
    sample.add_argument("--num", type=int, default=64, help="how many (default: 64)")
    sample.add_argument("--seed", type=int, default=0, help="of the latents (default: 0)")
    sample.add_argument("--labels", help="class names or numbers, separated by commas, used in turn (default: all)")
    sample.add_argument(
        "--truncation",
        type=_several(float),
        metavar="T[,T...]",
        help="less variety for more fidelity: psi of a generator with styles, for others the bound of the latents; of "
        "several, a row of the sheet each",
    )
    _add_tools(sample)
    sample.add_argument("--checkpoint", default="last", help="a step, or last (default)")
    sample.add_argument(
        "--trained-seed", help="of a run of several seeds: which one, or all (default: the first), each to its own file"
    )
    sample.add_argument(
        "--out",
        default="samples.png",
        help="X.png: a sheet; X.gif: an animation, of --interpolate; X.npz: images, latents, labels; else a folder of "
        "PNG files (default: samples.png)",
    )
    _add_device(sample)
    _add_cache(sample)
    sample.set_defaults(run=_sample)


def _add_tools(sample: argparse.ArgumentParser) -> None:
    tools = sample.add_mutually_exclusive_group()
    tools.add_argument(
        "--interpolate",
        type=int,
        metavar="STEPS",
        help="lead from each sample to the next of its class: a row of the sheet each, or an animation",
    )
    tools.add_argument(
        "--arithmetic",
        type=_several(int),
        nargs=3,
        metavar=("WITH", "WITHOUT", "OTHER"),
        help="add averages of samples, WITH - WITHOUT + OTHER: each the numbers of samples, from 0, as in 3,13,23",
    )
    tools.add_argument(
        "--project",
        metavar="PICTURES",
        help="find the latents of an image, or of the first --num of a directory or .zip; --labels are theirs, in turn "
        "(default: found too)",
    )
    sample.add_argument("--how", choices=("slerp", "linear"), help="of --interpolate (default: slerp)")


def _several(kind: type[T]) -> Callable[[str], list[T]]:
    def numbers(text: str) -> list[T]:  # argparse names it where one is wrong
        return [kind(part) for part in text.split(",")]  # type: ignore[call-arg]

    return numbers


def _add_stylize(verbs: Any) -> None:
    stylize = verbs.add_parser(
        "stylize",
        allow_abbrev=False,
        help="paint the content of one picture in the style of another",
        description="Neural style transfer: the pixels of a picture are optimised until a VGG sees in it the content "
        "of CONTENT and the textures of STYLE. The PNG file keeps the settings it was made with.",
    )
    stylize.add_argument("content", metavar="CONTENT", type=Path, help="picture file")
    stylize.add_argument("style", metavar="STYLE", type=Path, help="picture file")
    stylize.add_argument("--out", type=Path, default="stylized.png", help="X.png (default: stylized.png)")
    stylize.add_argument("--weights", type=Path, help=".safetensors or .npz file of a VGG (default: random weights)")
    stylize.add_argument("--size", type=int, default=256, help="pixels of the shorter sides (default: 256)")
    stylize.add_argument("--steps", type=int, default=300, help="iterations of L-BFGS (default: 300)")
    for kind in ("content", "style"):
        stylize.add_argument(f"--{kind}-layers", metavar="NAME[=FACTOR],...", help="e.g. relu1_1,relu3_1=0.5")
    stylize.add_argument("--content-weight", type=float, default=10.0, help="(default: 10)")
    stylize.add_argument(
        "--style-weight", type=float, default=1e3, help="divided by a layer's channels squared (default: 1000)"
    )
    stylize.add_argument("--start", choices=("content", "noise"), default="content", help="(default: content)")
    stylize.add_argument(
        "--pooling", choices=("max", "average"), help="of the VGG (default: max, of random weights average)"
    )
    stylize.add_argument("--seed", type=int, default=0, help="of the noise (default: 0)")
    _add_device(stylize)
    _add_cache(stylize)
    stylize.set_defaults(run=_stylize)
    convert = verbs.add_parser(
        "convert-vgg", allow_abbrev=False, help="turn a VGG16 or VGG19 of PyTorch or Keras into weights for stylize"
    )
    convert.add_argument("file", metavar="FILE", type=Path, help="torchvision's .pth or Keras' .h5")
    convert.add_argument("--out", type=Path, default="vgg.safetensors", help="(default: vgg.safetensors)")
    convert.set_defaults(run=_convert_vgg)


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        default=DEFAULT_RECIPE,
        help=f"recipe: a name from `jaxgan list`, or a file (default: {DEFAULT_RECIPE})",
    )
    _add_device(parser)


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device", choices=("auto", "cpu", "gpu", "tpu"), default="auto", help="where to compute (default: the best)"
    )


def _add_cache(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--compilation-cache",
        metavar="DIR",
        help="where compiled programs are kept, for a quick second start; off: nowhere (default: the user's cache "
        "folder, ~/.cache/jaxgan/compiled)",
    )


def _use_cache(place: str | None) -> None:
    """Settles where compiled programs are kept, before any is compiled; without a place all goes on, slower."""
    from jaxgan import compilation

    if place == "off":
        compilation.keep_no_programs()
        return
    try:
        compilation.keep_programs(Path(place) if place else compilation.default_folder())
    except JaxganError as error:
        print(error, file=sys.stderr)


def _use(device: str) -> None:
    """Settles what to compute on, before anything has."""
    import jax  # here and below, so that --help and a mistyped command answer at once

    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    elif device != "auto":
        try:
            jax.devices(device)
        except RuntimeError as error:
            raise JaxganError(
                f"--device {device}: JAX finds no {device.upper()} here, only {jax.devices()[0].platform}. "
                f"Install jaxgan[{'cuda' if device == 'gpu' else device}] or leave --device out."
            ) from error


def _train(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan import config
    from jaxgan.training.start import run

    settings = config.resolve(config.override(config.load(options.config), overrides))
    _use(options.device)
    _use_cache(options.compilation_cache)
    workdir = Path(options.workdir or Path("runs") / Path(options.config).stem)
    result = run(settings, workdir, command, options.allow_changes, options.profile)
    if result.outcome.signal is not None:
        print(f"stopped and saved at step {result.outcome.step} of {settings['steps']}; the same command continues.")
        return 128 + result.outcome.signal
    print(f"trained {result.outcome.step} steps. Pictures:")
    for picture in result.pictures:
        print(f"  {picture}")
    print(f"More:  jaxgan sample {shlex.quote(str(workdir))} --num 100 --out samples.png")
    return 0


def _sample(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan import exploration, sampling

    _use(options.device)
    _use_cache(options.compilation_cache)
    if options.checkpoint != "last" and not options.checkpoint.isdecimal():
        raise JaxganError(f"--checkpoint takes a step or last, not {options.checkpoint!r}.")
    step = None if options.checkpoint == "last" else int(options.checkpoint)
    if options.trained_seed not in (None, "all") and not options.trained_seed.isdecimal():
        raise JaxganError(f"--trained-seed takes a seed or all, not {options.trained_seed!r}.")
    every = options.trained_seed == "all"
    if every:
        runs = list(sampling.load_all(options.directory, step).values())
    else:
        seed = None if options.trained_seed is None else int(options.trained_seed)
        runs = [sampling.load(options.directory, step, seed)]
    labels = None
    if options.labels is not None:
        labels = [_class(text, runs[0].spec.class_names) for text in options.labels.split(",")]
    tools = {tool: getattr(options, tool) for tool in ("interpolate", "how", "arithmetic", "project")}
    wish = exploration.Wish(options.num, options.seed, labels, options.truncation or [None], **tools)
    for trained in runs:
        out = Path(options.out)
        out = out.with_stem(f"{out.stem}_seed{trained.seed}") if every else out
        sampling.check_form(out, trained, animated=options.interpolate is not None)
        explored = exploration.explore(trained, wish, animated=out.suffix.lower() == ".gif")
        sampling.save(out, explored.samples, trained, explored.pictures, explored.more)
        print(f"{len(explored.samples.images)} samples of step {trained.step}{explored.note}: {out}")
    return 0


def _stylize(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan.style.stylize import Request, carry_out, plan

    _use(options.device)
    _use_cache(options.compilation_cache)
    ready = plan(Request(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Request)}))
    print(ready.note, flush=True)
    print(carry_out(ready))
    return 0


def _convert_vgg(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan.style.conversion import convert

    print(f"VGG{convert(options.file, options.out)}: {options.out}")
    return 0


def _class(text: str, names: Sequence[str]) -> int:
    if text in names:
        return names.index(text)
    if text.isdecimal():
        return int(text)
    raise unknown("class", text, names)


def _summary(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan import config
    from jaxgan.data import open_source
    from jaxgan.networks.summary import summarise
    from jaxgan.systems import build_system

    settings = config.resolve(config.override(config.load(options.config), overrides))
    _use(options.device)
    system = build_system(settings, open_source(settings["data"], 0).spec)
    print(summarise(system.networks()), end="")
    return 0


def _list(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan import config
    from jaxgan.data import SOURCES
    from jaxgan.evaluation import METRICS
    from jaxgan.registry import Several, Table, options_of
    from jaxgan.systems import SYSTEMS

    print("recipes (jaxgan train --config NAME)")
    for name in config.recipe_names():
        print(f"  {name:20} {config.description(name)}")
    tables: dict[str, Table] = {"config.data": SOURCES, "config.system": SYSTEMS}
    for system in SYSTEMS.values():
        tables |= {f"config.{part}": table for part, table in system.PARTS.items()}
    for path, table in tables.items():
        several = f" (any number of them: --{path}.NAME.OPTION=VALUE)" if isinstance(table, Several) else ""
        print(f"\n{path}{several}")
        for name, factory in table.items():
            defaults = ", ".join(f"{key}={option.default!r}" for key, option in options_of(factory).items())
            print(f"  {name:20} {_first_line(factory)}" + (f"\n{'':23}{defaults}" if defaults else ""))
    print("\nconfig.metrics")
    for name, metric in METRICS.items():
        print(f"  {name:22} {_first_line(metric)}")
    print("\nshared settings")
    print("  " + ", ".join(f"{key}={value!r}" for key, value in config.SHARED.items()))
    return 0


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
