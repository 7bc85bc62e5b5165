"""What a run leaves behind while it trains, and what it tells the user: lines, pictures, scores, a progress bar."""

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import jax
import numpy as np
from tqdm import tqdm

from jaxgan import plotting
from jaxgan.data import Source
from jaxgan.data.memory import stack
from jaxgan.data.order import indices
from jaxgan.devices import Devices
from jaxgan.drawing import Sampler
from jaxgan.evaluation import Metric
from jaxgan.levels import as_written
from jaxgan.networks.summary import parameter_counts, summarise
from jaxgan.systems import Generative, Previewing, System
from jaxgan.training import health, memory
from jaxgan.training.run_directory import RunDirectory, append_line, read_lines
from jaxgan.training.scores import (
    describe,
    earlier_scores,
    figures_of,
    improved,
    of_training,
    score_curve,
    score_lines,
    with_spread,
)
from jaxgan.training.seeds import run_of, seeds_of

Result = TypeVar("Result")


class Recorder:
    """Writes the metrics, pictures and scores of one run.

    Args:
      config: resolved settings.
      run: where to write.
      source: of the real examples.
      system: what is trained.
      scorers: name -> metric with its reference loaded.
      command: that the user typed, for `run.json`.
      devices: that share the work.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        run: RunDirectory,
        source: Source,
        system: System,
        scorers: Mapping[str, Metric],
        command: str,
        devices: Devices,
    ):
        self._config, self._run, self._source, self._system, self._scorers = config, run, source, system, scorers
        self._command, self._devices, self._sampler = command, devices, Sampler(system)
        self._previews = jax.jit(system.previews) if isinstance(system, Previewing) else None
        self._images_per_step = config["batch_size"] * system.micro_batches
        self._seeds = seeds_of(config)

    def report(self, message: str) -> None:
        """Tells the user something, above the progress bar."""
        tqdm.write(message)

    def begin(self, step: int) -> None:
        """Describes the run, drops what a killed one wrote after its last checkpoint, so that no line is ever doubled,
        draws real examples as the model sees them, and starts the clock.

        Raises:
          JaxganError: there is nothing left to train, and the settings are others than those it was trained by.
        """
        if step >= self._config["steps"]:
            self._run.check(self._config, f"set config.steps to more than {step}, to train with the new settings")
        networks = self._system.networks()
        self._run.describe(
            self._source.spec,
            self._config,
            self._command,
            self._devices.count,
            summarise(networks),
            parameter_counts(networks),
        )
        self._run.cut(step)
        lines = read_lines(self._run.metrics)
        self._seconds = lines[-1]["seconds"] if lines else 0.0
        self._lines = deque(lines[-health.LINES :], maxlen=health.LINES)
        self._alarms = health.active_at_the_end(read_lines(self._run.alarms, "alarm", "message"))
        self._begun: set[str] = set()
        self._mark, self._mark_step, self._waited = time.perf_counter(), step, 0.0
        if step:
            self.report(f"{'continuing at' if step < self._config['steps'] else 'already trained to'} step {step}")
        order = indices(self._config["seed"], 0, self._config["samples"], self._source.spec.size)
        self._real = stack((self._source[int(i)] for i in order), self._source.spec, len(order))
        for key, name in (("image", "real"), ("other", "real_other")):
            if key in self._real:
                self._draw_real(self._run.samples / f"{name}.png", self._real[key])

    def _draw_real(self, path: Path, examples: np.ndarray) -> None:
        if examples.ndim == 4:
            plotting.save_sheet(path, examples, plotting.sheet_columns(len(examples), 0))
        else:
            plotting.save_scatter(path, {"real": examples})

    def compiled(self, program: jax.stages.Compiled, *arguments: Any) -> None:
        """Tells what the program takes, with these arguments: of several stages the most demanding one."""
        state, _, _, constants, _ = arguments
        whose = "this process" if jax.default_backend() == "cpu" else "each device"
        self.report(f"memory    about {memory.estimate(program, state, constants) / 2**20:,.0f} MiB of {whose}")

    def progress(self, step: int, last: int) -> tqdm:
        """A progress bar with steps, time left and speed; silent where the output is not a terminal."""
        self._last = last
        self._bar = tqdm(total=last, initial=step, unit="step", disable=None, dynamic_ncols=True)
        return self._bar

    def waiting(self, supply: Callable[[], Result]) -> Result:
        """Calls `supply` and counts the time it takes as time spent waiting for data."""
        before = time.perf_counter()
        result = supply()
        self._waited += time.perf_counter() - before
        return result

    def log(self, step: int, means: Mapping[str, np.ndarray]) -> None:
        """Adds a line to `metrics.jsonl`: means since the last line, and how fast and how fed the run has been.

        Of several seeds, a metric is its mean over them, with its standard error and each seed's own value.
        """
        now = time.perf_counter()
        # Images seen are those of one seed; images a second count all of them.
        elapsed, images = now - self._mark, (step - self._mark_step) * self._images_per_step * len(self._seeds)
        self._seconds += elapsed
        line = {
            "step": step,
            "images_seen": step * self._images_per_step,
            "seconds": round(self._seconds, 3),
            "images_per_second": round(images / elapsed, 1),
            "data_wait": round(self._waited / elapsed, 4),
            **{key: value for name, values in means.items() for key, value in with_spread(name, values).items()},
        }
        if len(self._seeds) > 1:
            line["by_seed"] = {name: [float(value) for value in values] for name, values in means.items()}
        append_line(self._run.metrics, line)
        self._lines.append(line)
        for seed in self._seeds:
            lately = self._lines_of(seed)
            self._watch(step, [(self._of_seed(alarm.__name__, seed), alarm(lately)) for alarm in health.OF_LINES])
        self._mark, self._mark_step, self._waited = now, step, 0.0
        losses = {name: f"{line[name]:.3f}" for name in means if name.endswith("loss")}
        self._bar.set_postfix({"images/s": f"{line['images_per_second']:.0f}", **losses})
        if self._bar.disable:  # not a terminal: a plain line instead
            text = " ".join(f"{name}={value}" for name, value in losses.items())
            self.report(
                f"step {step}/{self._last} {line['seconds']:.0f}s {line['images_per_second']:.0f} images/s {text}"
            )

    def draw(self, step: int, state: Any) -> None:
        """Draws the same latents and labels at every step, `samples/<step>.png`, and the system's previews of the same
        real examples, `samples/<step>_<name>.png`; of several seeds in a folder each.
        """
        for seed in self._seeds:
            run = run_of(state, self._seeds, seed)
            folder = self._run.samples / f"seed_{seed}" if len(self._seeds) > 1 else self._run.samples
            folder.mkdir(exist_ok=True)
            if isinstance(self._system, Generative):
                samples = self._sampler(run, self._config["seed"], self._config["samples"])
                path, real = folder / f"{step:07d}.png", self._real["image"]
                plotting.save_samples(path, samples.images, real, self._system.num_classes)
                if step > self._config["sample_every"] or step == self._config["steps"]:
                    # Not on a run's first sheet: what a G makes that has hardly begun is alike, and says nothing.
                    collapsed = health.collapsed(as_written(samples.images), real)
                    self._watch(step, [(self._of_seed("collapsed", seed), collapsed)])
            if self._previews is not None:
                key = jax.random.key(self._config["seed"])
                for name, preview in self._previews(self._system.settled(run), self._real, key).items():
                    plotting.save_preview(folder / f"{step:07d}_{name}.png", preview, self._real.get("label"))

    def evaluate(self, step: int, state: Any) -> bool:
        """Scores the state by every metric of the recipe: lines in `evaluations.jsonl`, of which the user is told the
        last one of each. Returns whether this is the best state so far, by the metric of `keep_best`.
        """
        before, last = self._run.scores(), {}
        for line in score_lines(self._scorers, self._config, step, state, self._sampler, self._config["seed"]):
            line = json.loads(json.dumps(line))  # as it will be read again
            append_line(self._run.evaluations, line)
            last[line["metric"]] = line
        best = False
        for name, line in last.items():
            self.report(f"{name} at step {step}: {describe(line)}")
            aim = self._scorers[name].aim
            if aim is not None:
                score, earlier = line[aim.figure], earlier_scores(before, line, aim)
                self._watch(step, [(f"regressed {name}", health.regressed(score, earlier, aim))])
                if name == self._config["keep_best"]:
                    candidates = of_training(before, self._config, self._run.best_steps(name))
                    best = improved(score, earlier_scores(candidates, line, aim), aim)
        return best

    def _watch(self, step: int, found: Iterable[tuple[str, str | None]]) -> None:
        """Tells of alarms that begin, and notes in `alarms.jsonl` those that begin or end."""
        for name, message in health.changes(self._alarms, found):
            append_line(self._run.alarms, {"step": step, "alarm": name, "message": message})
            if message is not None:
                self._begun.add(name.partition(" ")[0])
                self.report(f"ALARM {name} at step {step}: {message}")

    def begun(self) -> set[str]:
        """The alarms, of `config.ALARMS`, that have begun since this was last asked."""
        begun, self._begun = self._begun, set()
        return begun

    def _lines_of(self, seed: int) -> list[Mapping[str, Any]]:
        """The last lines; of several seeds as that of one would have them, for in a mean one that fails is hidden."""
        if len(self._seeds) == 1:
            return list(self._lines)
        place = self._seeds.index(seed)
        return [{name: values[place] for name, values in line["by_seed"].items()} for line in self._lines]

    def _of_seed(self, name: str, seed: int) -> str:
        return name if len(self._seeds) == 1 else f"{name} seed {seed}"

    def finish(self) -> list[Path]:
        """Draws the curves of the run's losses and scores; returns every picture there now is."""
        plotting.save_metric_figures(self._run.figures, read_lines(self._run.metrics))
        scores = self._run.scores()
        for name in self._scorers:
            if len(curve := score_curve(scores, name)) > 1:
                names = [figure for figure in figures_of(curve[-1]) if not figure.endswith("_se")]
                plotting.save_score_curves(self._run.figures / f"{name}.png", curve, names)
        return sorted([*self._run.samples.rglob("*.png"), *self._run.figures.glob("*.png")])


class Bystander:
    """Stands in the place of the recorder on hosts that write nothing."""

    def report(self, message: str) -> None:
        """Says nothing: the primary host says the same."""

    def begin(self, step: int) -> None:
        """Nothing to describe."""

    def compiled(self, program: jax.stages.Compiled, *arguments: Any) -> None:
        """The primary host says the same."""

    def progress(self, step: int, last: int) -> tqdm:
        """A bar that is not shown."""
        return tqdm(disable=True)

    def waiting(self, supply: Callable[[], Result]) -> Result:
        """Calls `supply`."""
        return supply()

    def log(self, step: int, means: Mapping[str, np.ndarray]) -> None:
        """No line."""

    def draw(self, step: int, state: Any) -> None:
        """No picture."""

    def evaluate(self, step: int, state: Any) -> bool:
        """No score, so none that is best."""
        return False

    def begun(self) -> set[str]:
        """No alarm."""
        return set()

    def finish(self) -> list[Path]:
        """No curve."""
        return []


Writer: TypeAlias = Recorder | Bystander
"""What the loop hands what it finds to: on one host it is written down."""
