"""What the command line takes: its verbs and their options."""

import argparse
import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

DEFAULT_RECIPE = "digits_cgan"


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs; which one was given it leaves in `verb`."""
    parser = argparse.ArgumentParser(
        prog="jaxgan", description="Train, resume, sample and measure GANs.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"jaxgan {importlib.metadata.version('jaxgan')}")
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
    _add_devices(train)

    _add_sample(verbs)
    _add_evaluate(verbs)
    _add_study(verbs)
    _add_translate(verbs)
    _add_stylize(verbs)
    _add_convert_inception(verbs)
    _add_data(verbs)
    summary = verbs.add_parser(
        "summary",
        allow_abbrev=False,
        help="print the layers, shapes and parameter counts of a recipe's networks",
        description="Prints the layers, shapes and parameter counts of a recipe's networks. Settings are overridden as "
        "in train. It opens the data, to know its shape.",
    )
    _add_recipe(summary)
    verbs.add_parser(
        "list", allow_abbrev=False, help="list recipes, data, networks, objectives, optimizers and their options"
    )
    return parser


def long_options(verb: str) -> list[str]:
    """The long options of a verb, without their dashes."""
    (verbs,) = (action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    return [option[2:] for option in verbs.choices[verb]._option_string_actions if option.startswith("--")]


def _add_devices(train: argparse.ArgumentParser) -> None:
    train.add_argument("--devices", type=int, metavar="N", help="devices that share each batch (default: all)")
    train.add_argument(
        "--distributed",
        action="store_true",
        help="train with the processes that were started alike on other hosts, found through Slurm, MPI, Kubernetes "
        "or a TPU pod, or by the three options that follow",
    )
    train.add_argument("--coordinator-address", metavar="HOST:PORT", help="at which process 0 can be reached")
    train.add_argument("--num-processes", type=int, metavar="N", help="of all hosts")
    train.add_argument("--process-id", type=int, metavar="I", help="of this process, from 0")


def _add_sample(verbs: Any) -> None:
    sample = verbs.add_parser(
        "sample",
        allow_abbrev=False,
        help="draw samples from a run",
        description="Draws samples from a run directory. Sample i depends on the seed and i only, not on --num.",
    )
    sample.add_argument("directory", metavar="DIR", help="run directory")
    sample.add_argument("--num", type=int, help="samples drawn (default: 64), or pictures projected (default: all)")
    sample.add_argument("--seed", type=int, default=0, help="of the latents (default: 0)")
    sample.add_argument(
        "--labels",
        help="classes, by name or number, separated by commas; samples are of them in turn (default: of all)",
    )
    sample.add_argument(
        "--truncation",
        type=_several(float),
        metavar="T[,T...]",
        help="less variety for more fidelity: psi of a generator with styles, for others the bound of the latents; of "
        "several, a row of the sheet each",
    )
    _add_tools(sample)
    sample.add_argument(
        "--out",
        default="samples.png",
        help="X.png: a sheet; X.gif: an animation, of --interpolate; X.npz: images, latents, labels; else a new folder "
        "of PNG files (default: samples.png)",
    )
    _add_run(sample)


def _add_run(parser: argparse.ArgumentParser) -> None:
    """Which of a run's states to use, and where."""
    _add_own(parser)
    parser.add_argument("--checkpoint", default="last", help="a step, best (see keep_best), or last (default)")
    parser.add_argument(
        "--trained-seed", help="of a run of several seeds: which one, or all (default: the first), each to its own file"
    )
    _add_device(parser)
    _add_cache(parser)


def _add_evaluate(verbs: Any) -> None:
    evaluate = verbs.add_parser(
        "evaluate",
        allow_abbrev=False,
        help="score checkpoints of a run, or any folder of images by another",
        description="Scores checkpoints of a run directory, also while it is trained, and shows a table: a row for "
        "every step and metric, of several seeds their means. Every score is a line of DIR/evaluations.jsonl with its "
        "whole protocol. With --against it scores a folder or .zip of images, whoever made them, by a real one.",
    )
    evaluate.add_argument("directory", metavar="DIR", help="run directory; with --against, a folder or .zip of images")
    evaluate.add_argument(
        "--metrics",
        metavar="NAME[,NAME...]",
        help="of `jaxgan list`, fid10k_test_mnist say (default: the recipe's); with --against fid, kid, pr or dc "
        "(default: fid)",
    )
    evaluate.add_argument("--checkpoint", help="a step, all, best (see keep_best), or last (default)")
    evaluate.add_argument("--seed", type=int, help="of the latents (default: the run's own)")
    _add_own(evaluate)
    evaluate.add_argument(
        "--data-dir",
        metavar="DIR",
        help="where the run's data are now, if they have moved; with --against and --features mnist, where MNIST is",
    )
    evaluate.add_argument("--against", type=Path, metavar="IMAGES", help="a folder or .zip of real images")
    evaluate.add_argument("--features", help="of --against: inception, vgg16, mnist or digits (default: inception)")
    evaluate.add_argument(
        "--image-size", type=int, default=0, help="of --against: fit all images to it (default: all are of one size)"
    )
    _add_device(evaluate)
    _add_cache(evaluate)


def _add_study(verbs: Any) -> None:
    study = verbs.add_parser(
        "study",
        allow_abbrev=False,
        help="compare methods under several settings and seeds, at equal cost",
        description="Trains every cell of a study, methods x settings, in a run directory of its own, with all seeds, "
        "and compares the methods in tables and pictures. Running the same command again continues it. Settings of all "
        "cells are overridden with --config.GROUP.KEY=VALUE.",
    )
    study.add_argument("study", metavar="STUDY", help="a name from `jaxgan list`, or a file with get_study()")
    study.add_argument("--workdir", help="directory of the study (default: runs/study_STUDY)")
    study.add_argument("--images", type=int, help="that each seed of each cell is trained on (default: the study's)")
    study.add_argument("--seeds", type=int, help="how many (default: the study's)")
    study.add_argument("--metrics", metavar="NAME[,NAME...]", help="of `jaxgan list` (default: the study's)")
    _add_device(study)
    _add_cache(study)


def _add_own(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", metavar="FILE.py", help="the run's recipe file, where that adds parts of its own to jaxgan's tables"
    )


def _add_translate(verbs: Any) -> None:
    translate = verbs.add_parser(
        "translate",
        allow_abbrev=False,
        help="bring pictures through a run: to another domain, reconstructed, without noise, in colour",
        description="Translates pictures with a run directory of a system that makes images of images, a CycleGAN or "
        "an autoencoder, say. They are fitted to the run's size as its data were.",
    )
    translate.add_argument("directory", metavar="DIR", help="run directory")
    translate.add_argument("pictures", metavar="PICTURES", help="an image file, or a directory or .zip of them")
    translate.add_argument(
        "--translation", metavar="NAME", help="AtoB or BtoA of a CycleGAN, of others there is one (default: the first)"
    )
    translate.add_argument("--num", type=int, help="how many, from the first on (default: all)")
    translate.add_argument(
        "--out",
        default="translated",
        help="X.png: a sheet, each above its translation; X.npz: images, given, names; else a new folder of PNG files "
        "with the pictures' names (default: translated)",
    )
    _add_run(translate)


def _add_tools(sample: argparse.ArgumentParser) -> None:
    tools = sample.add_mutually_exclusive_group()
    tools.add_argument(
        "--interpolate",
        type=int,
        metavar="STEPS",
        help="lead from each of the --num samples to the next of its class in so many steps: a row of STEPS + 1 images "
        "on a sheet, or an animation; it takes two samples a class or more",
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
        help="find the latents of an image, or of those of a directory or .zip; --labels are theirs, in turn "
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
    convert = verbs.add_parser(
        "convert-vgg", allow_abbrev=False, help="turn a VGG16 or VGG19 of PyTorch or Keras into weights for stylize"
    )
    convert.add_argument("file", metavar="FILE", type=Path, help="torchvision's .pth or .safetensors, or Keras' .h5")
    convert.add_argument("--out", type=Path, default="vgg.safetensors", help="(default: vgg.safetensors)")


def _add_convert_inception(verbs: Any) -> None:
    convert = verbs.add_parser(
        "convert-inception",
        allow_abbrev=False,
        help="turn the Inception network of FID, a file of PyTorch, into weights for scores",
        description="Turns the file that FID is computed with everywhere into one that needs no PyTorch to be read. "
        "PyTorch must be installed this once.",
    )
    convert.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        help="pt_inception-2015-12-05-6726825d.pth, of pytorch-fid's releases; its SHA-256 is checked",
    )
    convert.add_argument(
        "--out",
        type=Path,
        help="(default: inception.safetensors where scores look for it, in ~/.cache/jaxgan/weights)",
    )


def _add_data(verbs: Any) -> None:
    data = verbs.add_parser(
        "data",
        allow_abbrev=False,
        help="report what is in a directory or .zip of images: counts, sizes, duplicates, broken files, memory",
        description="Decodes every image of a directory or .zip once and reports counts, classes, sizes, duplicates, "
        "broken files, the memory that training takes for them, and the command that trains on them. The exit code is "
        "1 where there is none.",
    )
    data.add_argument("directory", metavar="DIR", help="directory or .zip of images")
    data.add_argument("--split", default="", help="sub-folder to look at (default: all)")
    data.add_argument(
        "--image-size",
        type=_size,
        metavar="N|HxW",
        help="that images are fitted to (default: as they are, if that is one size up to 128, otherwise 64)",
    )
    data.add_argument("--resize", choices=("crop", "stretch", "pad", "exact"), default="crop", help="(default: crop)")
    data.add_argument("--json", action="store_true", help="print one JSON object, with all names")


def _size(text: str) -> int | tuple[int, int]:
    height, by, width = text.partition("x")
    return (int(height), int(width)) if by else int(height)


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
