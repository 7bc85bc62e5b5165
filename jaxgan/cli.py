"""The command line: `train`, `sample`, `evaluate`, `list` and others. Nothing else parses arguments."""

import argparse
import dataclasses
import difflib
import json
import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxgan.arguments import build_parser, long_options
from jaxgan.errors import JaxganError, shown, unknown

CONFIG = "--config."

CONFIGURED = ("train", "summary", "study")
"""Verbs that take settings."""

FAILURE = 1

_LESS = "lower batch_size, samples or the image size."

MORE = {"sample": ("generate", "--num 100 --out samples.png"), "translate": ("translate", "PICTURES --out translated")}
"""Verbs that go on from a run: the method of systems that they use, and what to give them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a verb and returns the exit code: 0, 1 for what the user can put right, 2 for wrong usage, 128 + signal.

    Args:
      arguments: by default those of the process.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = build_parser()
    overrides = [argument.removeprefix(CONFIG) for argument in arguments if argument.startswith(CONFIG)]
    options, rest = parser.parse_known_args([argument for argument in arguments if not argument.startswith(CONFIG)])
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}{_hint(options.verb, rest, overrides)}")
    if overrides and options.verb not in CONFIGURED:
        parser.error(f"{CONFIG}... belongs to train, summary and study; {options.verb} takes the settings of the run")
    # Orbax logs through absl, with tracebacks, what reaches the user as a message of one or two lines.
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    try:
        code = VERBS[options.verb](options, overrides, shlex.join(["jaxgan", *arguments]))
        sys.stdout.flush()  # here, where a reader that has gone is an ordinary end
        return code
    except BaseException as error:
        failure = _explained(error, options.verb)
        if getattr(options, "distributed", False):
            from jaxgan.training import hosts

            hosts.leave(failure)
        if failure is None:
            raise
        return failure


def _explained(error: BaseException, verb: str) -> int | None:
    """Tells the user what ended a verb, and returns the exit code; None where only a traceback can tell."""
    match error:
        case JaxganError():
            return _failed(str(error))
        case MemoryError():
            return _failed(f"not enough memory ({error}); {_LESS}")
        case RuntimeError() if "RESOURCE_EXHAUSTED" in str(error):
            reason = str(error).splitlines()[0].partition("RESOURCE_EXHAUSTED: ")[2]
            return _failed(f"not enough memory ({reason}); {_LESS}")
        case BrokenPipeError():  # whoever read our output is gone, as in `jaxgan list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its exit
            return 128 + signal.SIGPIPE
        case KeyboardInterrupt():  # before training started, or a second time while it was stopping
            goes_on = ", and the same command continues" if verb in ("train", "study") else ""
            print(f"interrupted; what was saved is kept{goes_on}.", file=sys.stderr)
            return 128 + signal.SIGINT
    return None


def _failed(message: str) -> int:
    print("\n".join(map(shown, f"error: {message}".split("\n"))), file=sys.stderr)
    return FAILURE


def _hint(verb: str, rest: Sequence[str], overrides: Sequence[str]) -> str:
    """What may have been meant by arguments that nothing took."""
    if any("=" not in override for override in overrides):
        return f" (settings are given as {CONFIG}KEY=VALUE, with no space)"
    slips = [argument.removeprefix("--").partition("=")[0] for argument in rest if argument.startswith("--")]
    if not slips:
        return ""
    if close := difflib.get_close_matches(slips[0], long_options(verb), n=1, cutoff=0.75):
        return f" (did you mean --{close[0]}?)"
    return f" (settings are given as {CONFIG}{slips[0]}=VALUE)" if verb in CONFIGURED else ""


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


def _join(options: argparse.Namespace) -> None:
    """Finds the other hosts of a run that several train."""
    given = (options.coordinator_address, options.num_processes, options.process_id)
    if options.distributed:
        from jaxgan.training import hosts

        hosts.join(*given)
    elif given != (None, None, None):
        raise JaxganError("--coordinator-address, --num-processes and --process-id are of --distributed; add it.")


def _train(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan import config
    from jaxgan.systems import SYSTEMS
    from jaxgan.training.start import run

    settings = config.resolve(config.override(config.load(options.config), overrides))
    _join(options)
    _use(options.device)
    _use_cache(options.compilation_cache)
    workdir = Path(options.workdir or Path("runs") / Path(options.config).stem)
    result = run(settings, workdir, command, options.allow_changes, options.profile, options.devices)
    step, stopped_by = result.outcome
    if not result.finished:
        if isinstance(stopped_by, str):
            print(
                f"stopped by the alarm {stopped_by!r}, and saved at step {step}; the same command goes on all the same."
            )
            return FAILURE
        assert stopped_by is not None  # or it would have gone on
        print(f"stopped and saved at step {step} of {settings['steps']}; the same command continues.")
        return 128 + stopped_by
    print(f"trained {step} steps. Pictures:")
    for picture in result.pictures:
        print(f"  {picture}")
    system = SYSTEMS[settings["system"]["name"]]
    for verb, (method, arguments) in MORE.items():
        if hasattr(system, method):
            print(f"More:  jaxgan {verb} {shlex.quote(str(workdir))} {arguments}")
    return 0


def _runs(options: argparse.Namespace) -> Iterator[tuple[Any, Path]]:
    """The runs that the options of `sample` and `translate` name, and the file of each."""
    from jaxgan import sampling

    _learn(options.config)
    checkpoint = _checkpoint(options.checkpoint, "last", "best")
    if options.trained_seed not in (None, "all") and not options.trained_seed.isdecimal():
        raise JaxganError(f"--trained-seed takes a seed or all, not {options.trained_seed!r}.")
    out = Path(options.out)
    if options.trained_seed == "all":
        if not out.name.strip("."):
            raise JaxganError(f"--trained-seed all adds each seed to the name of --out, and {options.out} has none.")
        for trained in sampling.load_all(options.directory, checkpoint).values():
            yield trained, out.with_stem(f"{out.stem}_seed{trained.seed}")
    else:
        seed = None if options.trained_seed is None else int(options.trained_seed)
        yield sampling.load(options.directory, checkpoint, seed), out


def _learn(recipe: str | None) -> None:
    """Executes a recipe file that the user names, for what it adds to the tables; never one that a run names."""
    from jaxgan import config

    if recipe is not None:
        config.load(recipe)


def _checkpoint(text: str, *words: str) -> Any:
    """What `--checkpoint` names: a step, or one of the words."""
    if text in words:
        return text
    if not text.isdecimal():
        raise JaxganError(f"--checkpoint takes a step or one of {', '.join(words)}, not {text!r}.")
    return int(text)


def _names(text: str | None) -> list[str]:
    """Names that are separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()] if text else []


def _evaluate(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan import evaluate
    from jaxgan.training.scores import describe, table

    _use(options.device)
    _use_cache(options.compilation_cache)
    _learn(options.config)
    names = _names(options.metrics)
    if options.against is not None:
        for option, value in {"--checkpoint": options.checkpoint, "--seed": options.seed}.items():
            if value is not None:
                raise JaxganError(f"{option} is of runs, and --against of folders of images; leave one of them out.")
        given = (names or ["fid"], options.features or "inception", options.image_size, options.data_dir or "")
        found = evaluate.compare(Path(options.directory), options.against, *given)
        for metric, figures in found.items():
            print(f"{metric}: {describe(figures)}")
        print(json.dumps(found))
        return 0
    if options.features or options.image_size:
        raise JaxganError("--features and --image-size are of --against; the features of a run are in a metric's name.")
    checkpoint = _checkpoint(options.checkpoint or "last", "last", "best", "all")
    lines = []
    try:
        for line in evaluate.evaluate(options.directory, names, checkpoint, options.data_dir, options.seed):
            lines.append(line)
    finally:  # what was scored before an error or an interruption is shown too
        if lines:
            print(f"{table(lines)}; with all protocols: {Path(options.directory) / 'evaluations.jsonl'}")
    return 0


def _study(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan.study import plan
    from jaxgan.study.start import carry_out

    metrics = _names(options.metrics) or None
    study = plan.changed(plan.load(options.study), options.images, options.seeds, metrics)
    cells = plan.settings(study, overrides)
    _use(options.device)
    _use_cache(options.compilation_cache)
    finished = carry_out(cells, Path(options.workdir or Path("runs") / f"study_{Path(options.study).stem}"), command)
    if finished.signal is not None:
        so_far = f" Of the cells so far: {finished.files[0]}" if finished.files else ""
        print(f"stopped and saved; the same command continues.{so_far}")
        return 128 + finished.signal
    print(f"\n{finished.report}")
    for file in finished.files:
        print(f"  {file}")
    return 0


def _sample(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan import exploration, sampling

    _use(options.device)
    _use_cache(options.compilation_cache)
    tools = {tool: getattr(options, tool) for tool in ("interpolate", "how", "arithmetic", "project")}
    wish = exploration.Wish(options.num, options.seed, None, options.truncation or [None], **tools)
    for trained, out in _runs(options):
        if options.labels is not None:
            names = [_class(text, trained.spec.class_names) for text in options.labels.split(",")]
            wish = dataclasses.replace(wish, labels=names)
        given = [] if options.project is None else [options.project]
        sampling.check_form(out, trained, options.interpolate is not None, given)
        explored = exploration.explore(trained, wish, animated=out.suffix.lower() == ".gif")
        sampling.save(out, explored.samples, trained, explored.pictures, explored.more)
        print(f"{len(explored.samples.images)} samples of step {trained.step}{explored.note}: {out}")
    return 0


def _translate(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan import translation
    from jaxgan.pictures import read_pictures

    _use(options.device)
    _use_cache(options.compilation_cache)
    runs = list(_runs(options))
    for trained, out in runs:
        trained.translation(options.translation)
        translation.check_form(out, [options.pictures])
    given = read_pictures(options.pictures, runs[0][0], options.num)
    for trained, out in runs:
        translation.check_names(out, given.names)
        translation.save(out, given, trained.translate(given.images, options.translation))
        print(f"{len(given.names)} translations by step {trained.step}: {out}")
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
    from jaxgan.pretrained.vgg_conversion import convert

    print(f"VGG{convert(options.file, options.out)}: {options.out}")
    return 0


def _convert_inception(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan.evaluation.features import inception_weights

    out = options.out or inception_weights.default_file()
    inception_weights.convert(options.file, out)
    print(f"Inception: {out}")
    return 0


def _class(text: str, names: Sequence[str]) -> int:
    if text in names:
        return names.index(text)
    if text.isdecimal():
        return int(text)
    raise unknown("class", text, names)


def _data(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan.config import SHARED
    from jaxgan.data.report import Wish, describe, examine

    wish = Wish(options.split, options.image_size, options.resize)
    facts = examine(options.directory, wish, SHARED["device_limit_mib"])
    print(json.dumps(facts) if options.json else describe(facts))
    return FAILURE if facts["refused"] else 0


def _summary(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan import config
    from jaxgan.data import open_source
    from jaxgan.networks.summary import summarise
    from jaxgan.systems import build_system

    settings = config.resolve(config.override(config.load(options.config), overrides))
    _use(options.device)
    source = open_source(settings["data"], 0, lambda spec: build_system(settings, spec))
    system = build_system(settings, source.spec)
    print(summarise(system.networks()), end="")
    return 0


def _list(options: argparse.Namespace, overrides: list[str], command: str) -> int:
    from jaxgan.listing import listing

    print(listing())
    return 0


VERBS: Mapping[str, Callable[[argparse.Namespace, list[str], str], int]] = {
    "train": _train,
    "sample": _sample,
    "evaluate": _evaluate,
    "study": _study,
    "translate": _translate,
    "stylize": _stylize,
    "convert-vgg": _convert_vgg,
    "convert-inception": _convert_inception,
    "data": _data,
    "summary": _summary,
    "list": _list,
}
"""Verb -> `(options, settings that override the recipe's, the command as typed) -> exit code`."""


if __name__ == "__main__":
    sys.exit(main())
