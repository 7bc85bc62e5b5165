"""Every recipe in configs/, shrunk by one function, trains two steps and leaves a whole run directory.

All but one of each kind of system do so with `pytest -m long tests/test_recipes.py` only; otherwise their programs are
traced.
"""

import functools
import itertools
import json
import math

import jax
import numpy as np
import pytest
from long_forms import thinned
from PIL import Image
from shrink import shrink

from jaxgan.config import description, load, override, recipe_names, resolve
from jaxgan.data import DataSpec
from jaxgan.plotting import KINDS
from jaxgan.schedules import SHAPES
from jaxgan.systems import SYSTEMS, Generative, Previewing, build_system
from jaxgan.training.run_directory import RunDirectory
from jaxgan.training.start import run

KEY = jax.eval_shape(jax.random.key, 0)


def with_data(settings, tmp_path, request):
    """The settings with data that is at hand: a folder of noise, the shared sets, or what the recipe carries itself."""
    data = settings["data"]
    name = data["name"].removeprefix("few_labels:")
    if name in ("folder", "unpaired"):
        data["data_dir"] = str(tmp_path / "images")
        split = data.get("split") or "."
        folders = [data["first"], data["second"]] if "first" in data else [f"{split}/class{i}" for i in (0, 1)]
        if "labels" in data:
            data["labels"] = 4
            folders += [f"test/class{i}" for i in (0, 1)]
        for index, folder in itertools.product(range(6), folders):
            folder = tmp_path / "images" / folder
            folder.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(index).integers(0, 256, (40, 50, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")
    elif name.startswith("tfds:") or name in ("stacked_mnist", "mnist_domains"):
        data["data_dir"] = str(request.getfixturevalue("shared_data") / "tfds")
    return settings


COMPILED = {
    *("digits_cgan", "ring_gan", "ring_unrolled", "mnist_autoencoder", "mnist_vae", "mnist_infogan", "mnist_began"),
    *("mnist_lapgan", "mnist_progressive", "mnist_cyclegan", "mnist_pix2pix", "mnist_semisupervised"),
}
"""One recipe of each kind of system, and one of points."""


def test_a_recipe_of_every_system_is_compiled():
    assert {load(name).system.name for name in COMPILED} == {*SYSTEMS}


@pytest.mark.parametrize(
    "name", thinned(recipe_names(), [place for place, name in enumerate(recipe_names()) if name in COMPILED])
)
def test_a_recipe_trains_two_steps(name, tmp_path, request, capsys):
    settings = with_data(shrink(load(name)), tmp_path, request)
    workdir = tmp_path / "run"
    result = run(settings, workdir, "a test")
    assert result.outcome == (2, None)

    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    spec = RunDirectory(workdir).spec()
    system = build_system(settings, spec)
    shown = 4 * system.micro_batches
    assert [line["images_seen"] for line in lines] == [shown, 2 * shown]
    assert all(math.isfinite(value) for line in lines for value in line.values())
    assert any(name.endswith("loss") for name in lines[0])

    drawn = {"real.png"} | ({"real_other.png"} if spec.other else set())
    drawn |= {"0000002.png"} if isinstance(system, Generative) else set()
    if isinstance(system, Previewing):
        state = jax.eval_shape(system.init, jax.random.key(0), spec.zeros(4))
        drawn |= {f"0000002_{name}.png" for name in jax.eval_shape(system.previews, state, spec.zeros(4), KEY)}
    figures = {f"figures/{word}.png" for word in KINDS if any(f"_{name}".endswith(f"_{word}") for name in lines[0])}
    pictures = {f"samples/{name}" for name in drawn} | figures
    assert {path.relative_to(workdir).as_posix() for path in result.pictures} == pictures
    for file in {"config.json", "run.json", "networks.txt", *pictures}:
        assert (workdir / file).stat().st_size > 0
    assert [path.name for path in (workdir / "checkpoints").iterdir()] == ["2"]
    scores = [json.loads(line) for line in _lines(workdir / "evaluations.jsonl")]
    assert {score["metric"] for score in scores} == set(settings["metrics"])
    assert json.loads((workdir / "run.json").read_text())["starts"][-1]["reason"] == "finished"


@pytest.mark.parametrize("name", [name for name in recipe_names() if name not in COMPILED])
def test_any_other_recipe_fits_together(name):
    """Its programs are traced, not compiled: every shape fits, and a step gives a state like the one it was given."""
    settings = shrink(load(name))
    data = settings["data"]
    points = data["name"] in ("gaussian", "ring", "grid")
    side = data.get("image_size") or 28
    shape = (2,) if points else (side, side, data.get("channels") or 3)
    paired = data["name"].startswith(("unpaired", "few_labels"))
    names = () if data["name"] == "unpaired" else tuple("0123456789")
    spec = DataSpec(shape, "float32" if points else "uint8", names, 50_000, shape if paired else ())
    system = build_system(settings, spec)
    several = [system.micro_batches] if system.micro_batches > 1 else []
    batch = spec.zeros(*several, settings["batch_size"])
    state = jax.eval_shape(system.init, KEY, batch)
    for stage in range(len(system.stages)):
        after, numbers = jax.eval_shape(functools.partial(system.update, stage=stage), state, batch, KEY)
        assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(lambda x: (x.shape, x.dtype), state)
        assert numbers
    if isinstance(system, Generative):
        made = jax.eval_shape(system.sample, state, KEY, np.zeros(3, np.int32))
        assert (made.shape, made.dtype) == ((3, *shape), np.float32)


def _lines(path):
    return path.read_text().splitlines() if path.exists() else []


def _schedules(setting):
    """Every schedule in some settings: (shape, start, end, images)."""
    if isinstance(setting, dict):
        return [schedule for value in setting.values() for schedule in _schedules(value)]
    return [setting] if isinstance(setting, tuple) and setting[:1] in {(shape,) for shape in SHAPES} else []


@pytest.mark.parametrize("name", recipe_names())
def test_schedules_that_span_the_run_do_so_however_long_it_is(name):
    plain, longer = (resolve(override(load(name), changes)) for changes in ((), ("steps=40_000_000",)))
    images = [run["steps"] * run["batch_size"] * run["system"].get("critic_steps", 1) for run in (plain, longer)]
    for before, after in zip(_schedules(plain), _schedules(longer), strict=True):
        assert after[3] == (images[1] if before[3] == images[0] else before[3])


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_says_what_it_is_and_is_shrunk_in_size_only(name):
    assert len(description(name)) > 20
    settings, small = resolve(load(name)), shrink(load(name))
    assert resolve(small) == small
    named = [{key: thing.get("name") for key, thing in s.items() if isinstance(thing, dict)} for s in (settings, small)]
    assert named[0] == named[1]
    for key in ("objective", "penalties", "augmentation"):
        assert small.get(key) == settings.get(key)
    for key, thing in settings.items():
        if isinstance(thing, dict) and "hidden" in thing:
            assert len(small[key]["hidden"]) == len(thing["hidden"])


@pytest.mark.long
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_default_recipe_reaches_its_figures_in_either_precision(precision, tmp_path):
    """Minutes on two cores: `pytest -m long tests/test_recipes.py`."""
    run(resolve(override(load("digits_cgan"), [f"precision={precision}"])), tmp_path / "run", "a test")
    line = json.loads((tmp_path / "run" / "evaluations.jsonl").read_text().splitlines()[-1])
    print({key: value for key, value in line.items() if isinstance(value, float)})
    assert line["agreement"] >= 0.98
    assert line["confident"] >= 0.82
    assert line["diversity"] >= 0.8
