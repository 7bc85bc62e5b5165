"""Whatever a setting is set to, a recipe is understood, or refused in one or two lines before it computes."""

import copy
import math
from collections.abc import Iterator

import numpy as np
import pytest
from long_forms import thinned
from PIL import Image

from jaxgan.config import load, override, recipe_names, resolve
from jaxgan.data import open_source
from jaxgan.data.images import target_size
from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.systems import build_system

NUMBERS = [
    -1,
    0,
    1,
    2,
    3,
    2**31,
    2**63,
    10**30,
    -(10**30),
    0.5,
    -0.5,
    1e308,
    -1e308,
    1e-320,
    math.inf,
    -math.inf,
    math.nan,
]
TEXTS = ["", "x", "../../x", "a\0b", "é\n", "none", "None", "x" * 300]
GROUPS = [(), (1,), (-1,), (0, 0), (3, 5), (10**30,), (math.inf, 0.5), ("a", "b"), ("linear", 0.0, 1.0)]
SCHEDULES = [("linear", math.nan, 1.0, 5.0), ("cosine", 1.0, 0.0, 0.0), ("linear", 0.0, 1.0, -1)]
OTHERS = [None, True, False, b"x", {}, {"a": 1}, {"name": None}, {"name": "x"}, [], [[1]], {"name": "../x"}]
ALL = [*NUMBERS, *TEXTS, *GROUPS, *SCHEDULES, *OTHERS]
OPENED = ("digits", "gaussian", "ring", "grid", "folder")
"""Data that take no time to open."""

CIFAR10 = "data/cifar10"  # where recipes look for it, and tests have none

CASES = 60  # a seed


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def places(settings, above=()) -> Iterator[tuple[str, ...]]:
    """Where there is a setting or a group of them."""
    for key, value in settings.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from places(value, (*above, key))


def like(value, rng):
    """Something to put in the place of a value: mostly of its kind, so that it gets beyond the first check."""
    kinds = [(bool, OTHERS), (int | float, NUMBERS), (str, TEXTS), (tuple, [*GROUPS, *SCHEDULES])]
    own = next((choices for kind, choices in kinds if isinstance(value, kind)), OTHERS)
    choices = own if rng.random() < 0.75 else ALL
    return choices[rng.integers(len(choices))]


def description(data) -> DataSpec:
    """What the data of a recipe look like, as far as its settings say."""
    kind = data["name"]
    if kind in ("gaussian", "ring", "grid"):
        return DataSpec((2,), "float32", (), 100)
    coloured = kind in ("folder", "stacked_mnist") or "cifar" in str(data)
    shape = (*target_size(data.get("image_size", 0), native=(32, 32)), 3 if coloured else 1)
    pairs = kind in ("unpaired", "paired", "combined", "mnist_domains")
    other = shape if pairs or kind.startswith("few_labels") else ()
    return DataSpec(shape, "uint8", () if pairs else tuple("0123456789"), 100, other)


def attempt(settings, pictures) -> None:
    """All that a run does before it computes."""
    resolved = resolve(settings)
    data = resolved["data"]
    if data["name"] in OPENED and data.get("data_dir") != CIFAR10:
        if data["name"] == "folder":
            data["data_dir"] = data["data_dir"] or str(pictures)
        spec = open_source(data, 0).spec
    else:
        spec = description(data)
    build_system(resolved, spec)


@pytest.mark.filterwarnings("ignore:the penalty")  # of what may be meant all the same, users are warned
@pytest.mark.parametrize("seed", thinned(range(40), {0}))
def test_a_recipe_with_a_hostile_value_is_understood_or_refused(seed, pictures):
    rng, names = np.random.default_rng(seed), recipe_names()
    understood, messages = 0, []
    for _ in range(CASES):
        name = names[rng.integers(len(names))]
        settings = copy.deepcopy(resolve(load(name)))
        found = list(places(settings))
        *groups, last = place = found[rng.integers(len(found))]
        group = settings
        for key in groups:
            group = group[key]
        value = group[last] = like(group[last], rng)
        try:
            attempt(settings, pictures)
            understood += 1
        except JaxganError as error:
            messages.append(str(error))
        except Exception as error:
            raise AssertionError(f"{name}: config.{'.'.join(place)} = {value!r}") from error
    assert {len(message.splitlines()) for message in messages} <= {1, 2}
    assert understood


TYPED = [
    "1e400",
    "-1e400",
    "9" * 5000,
    "[" * 500,
    "'" * 3,
    "(1,",
    "lambda: 0",
    "__import__('os').system('x')",
    "\0",
    "{1: {2}}",
]


@pytest.mark.parametrize("text", TYPED)
@pytest.mark.parametrize(
    "key", ["steps", "data", "data.image_size", "system.name", "keep_best", "data.data_dir", "x.y"]
)
def test_whatever_is_typed_is_understood_or_refused(key, text, pictures):
    with pytest.raises(JaxganError) as caught:
        attempt(override(load("folder"), [f"{key}={text}"]), pictures)
    assert 1 <= len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize(
    "setting",
    [
        dict(memory_gib=math.nan),
        dict(memory_gib=-1.0),
        dict(memory_gib="4"),
        dict(image_size=10**9),
        dict(image_size=(8, 0)),
        dict(without=("x",)),
        dict(split="../x"),
    ],
)
def test_of_a_folder_nothing_is_read_before_settings_are_refused(setting, pictures, monkeypatch):
    monkeypatch.setattr("jaxgan.data.images.probe", lambda data: pytest.fail("it is read"))
    with pytest.raises(JaxganError, match=rf"config\.data\.{next(iter(setting))}"):
        open_source({"name": "folder", "data_dir": str(pictures), **setting}, 0)


@pytest.mark.parametrize(
    ("recipe", "key"),
    [
        ("stacked_mnist_r3gan", "discriminator.width"),
        ("stacked_mnist_r3gan", "discriminator.blocks"),
        ("mnist_wgan_gp", "discriminator.kernel"),
        ("mnist_infogan", "discriminator.width"),
        ("cifar10_stylegan2", "generator.mapping_layers"),
        ("mnist_cyclegan", "generator.blocks"),
    ],
)
def test_networks_that_nobody_could_lay_out_are_refused_at_once(recipe, key, pictures):
    with pytest.raises(JaxganError, match=key.rpartition(".")[2]):
        attempt(override(load(recipe), [f"{key}={10**30 if recipe == 'mnist_infogan' else 2**31}"]), pictures)


@pytest.mark.parametrize(
    "data",
    [
        dict(name="ring", radius=math.inf),
        dict(name="ring", modes=2**31),
        dict(name="grid", side=2**31),
        dict(name="grid", step=math.inf),
        dict(name="grid", num=10**30),
        dict(name="ring", num=-1),
        dict(name="grid", sigma=math.nan),
    ],
)
def test_points_are_not_drawn_before_settings_are_refused(data):
    (name,) = data.keys() - {"name"}
    with pytest.raises(JaxganError, match=name):
        open_source(data, 0)
