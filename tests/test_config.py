"""Settings: what is understood, what is refused and in which words, what is written to config.json."""

import inspect
import json
import typing
from typing import Literal

import pytest
from ml_collections import ConfigDict

from jaxgan.config import (
    SHARED,
    description,
    differences,
    load,
    override,
    parts,
    recipe,
    recipe_names,
    recipes_folder,
    resolve,
    to_json,
)
from jaxgan.data import SOURCES
from jaxgan.errors import JaxganError, unknown
from jaxgan.penalties import r1
from jaxgan.registry import Several, build, complete, lookup, matches, options_of
from jaxgan.systems import SYSTEMS

TABLES = {"data": SOURCES, "system": SYSTEMS} | {
    key: table for system in SYSTEMS.values() for key, table in system.PARTS.items()
}


def point(given, size: int = 3, *, scale: float = 1.0, mode: Literal["up", "down"] = "up", sides: tuple[int, ...] = ()):
    """A factory to look up."""
    return given, size, scale, mode, sides


def line(given):
    """One without options."""
    return given


TABLE = {"point": point, "line": line}


# registry


def test_options_are_the_parameters_with_a_default():
    assert list(options_of(point)) == ["size", "scale", "mode", "sides"]
    assert options_of(line) == {}


def test_a_thing_is_completed_and_built_with_what_the_program_supplies():
    thing = {"name": "point", "scale": 2, "mode": "down"}
    assert complete(thing, TABLE, "config.x") == {"name": "point", "size": 3, "scale": 2, "mode": "down", "sides": ()}
    assert build(thing, TABLE, "config.x", given="supplied") == ("supplied", 3, 2, "down", ())


def test_what_follows_a_colon_is_for_those_that_take_a_dataset():
    def shelf(dataset):
        return dataset

    assert lookup({"name": "shelf:mnist"}, {"shelf": shelf}, "config.x") is shelf
    with pytest.raises(JaxganError, match=r"unknown config\.x 'point:of no return'"):
        lookup({"name": "point:of no return"}, TABLE, "config.x")


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        ({"name": "pint"}, "unknown config.x 'pint'. Did you mean 'point'? Known: line, point."),
        ({"name": "zzz"}, "unknown config.x 'zzz'. Known: line, point."),
        ({"size": 3}, 'config.x must be given as dict(name="...", option=value).'),
        ({"name": 5}, 'config.x must be given as dict(name="...", option=value).'),
        ("point", 'config.x must be given as dict(name="...", option=value).'),
        (
            {"name": "point", "szie": 3},
            "unknown option of config.x=point 'szie'. Did you mean 'size'? Known: mode, scale, sides, size.",
        ),
        ({"name": "point", "given": 3}, "unknown option of config.x=point 'given'. Known: mode, scale, sides, size."),
        ({"name": "line", "size": 3}, "unknown option of config.x=line 'size'. Known: none."),
        ({"name": "point", "size": "3"}, "config.x.size is '3', but must be int."),
        ({"name": "point", "size": 3.0}, "config.x.size is 3.0, but must be int."),
        ({"name": "point", "mode": "sideways"}, "config.x.mode is 'sideways', but must be one of 'up', 'down'."),
        ({"name": "point", "sides": 4}, "config.x.sides is 4, but must be (int, ...)."),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(thing, message):
    with pytest.raises(JaxganError) as caught:
        complete(thing, TABLE, "config.x")
    assert str(caught.value) == message


def test_a_group_names_several_things_or_none():
    group = Several(TABLE)
    things = {"line": {}, "point": {"size": 4}}
    completed = complete(things, group, "config.x")
    assert completed == {"point": {"size": 4, "scale": 1.0, "mode": "up", "sides": ()}, "line": {}}
    assert list(completed) == ["point", "line"]  # the order of the table, so that it does not depend on the recipe's
    assert build(things, group, "config.x", given="supplied") == (
        ("point", ("supplied", 4, 1.0, "up", ())),
        ("line", "supplied"),
    )
    assert build({}, group, "config.x") == ()


def test_a_group_knows_what_is_added_to_its_table_later():
    table = dict(TABLE)
    group = Several(table)
    table["late"] = table["line"]
    assert complete({"late": {}}, group, "config.x") == {"late": {}}


@pytest.mark.parametrize(
    ("things", "message"),
    [
        ({"pint": {}}, "unknown config.x 'pint'. Did you mean 'point'? Known: line, point."),
        ({"point": {"size": 1.5}}, "config.x.point.size is 1.5, but must be int."),
        ({"point": {"szie": 1}}, "unknown option of config.x.point=point 'szie'. Did you mean 'size'?"),
        ({"point": 3}, "config.x must be given as dict(NAME=dict(option=value), ...)."),
        ({"name": "point"}, "config.x must be given as dict(NAME=dict(option=value), ...)."),
        ("point", "config.x must be given as dict(NAME=dict(option=value), ...)."),
    ],
)
def test_what_is_wrong_in_a_group_is_named(things, message):
    with pytest.raises(JaxganError) as caught:
        complete(things, Several(TABLE), "config.x")
    assert str(caught.value).startswith(message)


def test_a_penalty_is_added_and_changed_on_the_command_line():
    config = override(load("digits_cgan"), ["penalties.r1.weight=0.5", "penalties.lecam.every=2"])
    assert resolve(config)["penalties"] == {
        "r1": {"weight": 0.5, "every": 1},
        "lecam": {"weight": 0.3, "every": 2},
    }
    moving = override(config, ["penalties.r1.weight=('linear', 1, 0, 1000)"])
    assert resolve(moving)["penalties"]["r1"]["weight"] == ("linear", 1, 0, 1000)
    with pytest.raises(JaxganError, match=r"unknown config\.penalties 'r3'"):
        resolve(override(config, ["penalties.r3.weight=1"]))


@pytest.mark.parametrize(
    ("annotation", "fits", "does_not"),
    [
        (int, [0, -3], [True, 1.0, "1", None]),
        (float, [0.5, 2], [True, "0.5"]),
        (bool, [True, False], [0, 1, "true"]),
        (str, ["a"], [1]),
        (tuple[int, ...], [(), (1,), [1, 2]], [(1, 2.0), 1, "12", (True,)]),
        (tuple[float, float], [(0, 1.5), [1, 2]], [(1,), (1, 2, 3), ("1", "2")]),
        (int | tuple[int, int], [3, (3, 4), [3, 4]], [(3,), 3.0, True]),
        (Literal["a", "b"], ["a"], ["c", 0]),
        (Literal[0, 1], [0, 1], [True, False, 1.0, 2]),
        (Literal["a"] | tuple[Literal["a"], ...], ["a", ("a", "a")], ["b", ("a", "b")]),
    ],
)
def test_types(annotation, fits, does_not):
    assert [value for value in fits if not matches(value, annotation)] == []
    assert [value for value in does_not if matches(value, annotation)] == []


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, table in sorted(TABLES.items()) for name in sorted(table)]
)
def test_every_option_of_every_thing_is_checked_and_its_default_is_legal(path, name):
    factory = TABLES[path][name]
    hints = typing.get_type_hints(factory if inspect.isfunction(factory) else factory.__init__)
    for key, option in options_of(factory).items():
        assert matches(option.default, hints[key]), key
        assert not matches(object(), hints[key]), f"{key} takes anything"  # typing.Any would


# recipes


def test_the_folder_of_recipes_is_listed_with_descriptions():
    assert "digits_cgan" in recipe_names()
    assert "__init__" not in recipe_names()
    assert all((recipes_folder() / f"{name}.py").is_file() for name in recipe_names())
    assert description("gaussian_gan").startswith("Linear generator on a correlated 2-D Gaussian")


def test_a_recipe_is_loaded_by_path(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from jaxgan.config import recipe\ndef get_config():\n    return recipe(steps=7)\n")
    assert load(str(path)).steps == 7
    for text, message in {
        "x = 1\n": r"no function get_config\(\)",
        "x = 1\ny = (\n": "line 2: SyntaxError",
        "def get_config():\n    return nothing\n": "line 2: NameError: name 'nothing' is not defined",
    }.items():
        path.write_text(text)
        with pytest.raises(JaxganError, match=message):
            load(str(path))


def test_an_unknown_recipe_is_told_the_nearest():
    with pytest.raises(JaxganError, match=r"unknown recipe 'digit_cgan'\. Did you mean 'digits_cgan'"):
        load("digit_cgan")
    with pytest.raises(JaxganError, match=r"nowhere\.py"):
        load("nowhere.py")


# overriding


def test_values_are_literals_and_anything_else_is_a_string():
    texts = {"1": 1, "1e-3": 1e-3, "True": True, "true": True, "(1, 2)": (1, 2), "SAME": "SAME", "'7'": "7"}
    texts |= {"({'a': 1}, dict(b=(2,)))": ({"a": 1}, {"b": (2,)}), "dict(a=1": "dict(a=1", "f(a=1)": "f(a=1)"}
    for text, value in texts.items():
        changed = override(recipe(data={"name": "digits"}), [f"data.x={text}"])
        assert changed.data.x == value
        assert type(changed.data.x) is type(value)
    assert override(recipe(), ["data.data_dir=/a/b=c"]).data.data_dir == "/a/b=c"


def test_naming_another_thing_drops_the_options_of_the_one_before_whatever_the_order():
    config = recipe(generator=dict(name="dcgan", width=32, slope=0.1), steps=5)
    changed = override(config, ["generator.hidden=(3,)", "generator.name=mlp", "steps=9"])
    assert changed.generator.to_dict() == {"name": "mlp", "hidden": (3,)}
    assert changed.steps == 9
    assert config.generator.to_dict() == {"name": "dcgan", "width": 32, "slope": 0.1}  # the argument is left alone


def test_a_dict_takes_the_place_of_a_group():
    config = ConfigDict(dict(steps=1, penalties=dict(r1=dict(weight=3.0))))
    assert override(config, ["penalties={}"]).penalties.to_dict() == {}
    assert override(config, ["penalties={'r2': {'weight': 1.0}}"]).penalties.to_dict() == dict(r2=dict(weight=1.0))
    assert override(config, ["penalties=dict(r2=dict())"]).penalties.to_dict() == dict(r2={})
    with pytest.raises(JaxganError, match=r"names a group of settings; set one of them, .*'dict\(\.\.\.\)'"):
        override(config, ["penalties=none"])


def test_a_name_alone_names_a_thing_whatever_the_order():
    config = recipe(generator=dict(name="dcgan", width=32))
    assert override(config, ["generator=dcgan"]).generator.to_dict() == {"name": "dcgan", "width": 32}
    changed = override(config, ["generator.hidden=(3,)", "generator=mlp"])
    assert changed.generator.to_dict() == {"name": "mlp", "hidden": (3,)}


def test_schedules_without_a_length_take_the_whole_run():
    config = load("cifar10_sngan")
    rate = ("generator_optimizer", "learning_rate")
    assert resolve(config)[rate[0]][rate[1]] == ("linear", 2e-4, 0.0, 50_000.0 * 64 * 5)
    changed = override(config, ["steps=10", "batch_size=2", "penalties.r1.weight=('cosine', 1, 2)"])
    settings = resolve(changed)
    assert settings[rate[0]][rate[1]] == ("linear", 2e-4, 0.0, 100.0)
    assert settings["penalties"]["r1"]["weight"] == ("cosine", 1, 2, 100.0)
    assert resolve(settings) == settings
    with pytest.raises(JaxganError, match=r"weight is \('cosine', 1, 2\); outside a recipe .* how many images"):
        r1(weight=("cosine", 1, 2))


def test_an_option_without_an_annotation_is_refused():
    with pytest.raises(JaxganError, match=r"^config\.x=bare: its parameter size has no annotation"):
        complete({"name": "bare", "size": 3}, {"bare": lambda size=2: size}, "config.x")


def test_of_many_names_only_the_nearest_is_listed():
    many = [f"name{i:02}" for i in range(20)]
    assert str(unknown("thing", "nam03", many)) == "unknown thing 'nam03'. Did you mean 'name03'?"
    assert "name00, name01" in str(unknown("thing", "zzz", many))


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("steps", "--config.steps needs a value: --config.steps=VALUE."),
        (
            "data=3",
            "--config.data names a group of settings; set one of them, as --config.data.NAME=VALUE, or all of it: "
            "--config.data='dict(...)'.",
        ),
        ("steps.x=3", "--config.steps.x: config.steps is a value, not a group of settings."),
        ("data.name.x.y=3", "--config.data.name.x.y: config.data.name is a value, not a group of settings."),
    ],
)
def test_an_assignment_that_makes_no_sense_is_refused(assignment, message):
    with pytest.raises(JaxganError) as caught:
        override(recipe(), [assignment])
    assert str(caught.value) == message


# resolving


def small(**settings):
    return load("gaussian_gan").to_dict() | settings


@pytest.mark.parametrize("name", recipe_names())
def test_a_resolved_recipe_is_complete_and_survives_json(name):
    settings = resolve(load(name))
    tables = parts(settings)
    assert settings.keys() == SHARED.keys() | tables.keys()
    for key, table in tables.items():
        things = settings[key] if isinstance(table, Several) else {settings[key]["name"]: settings[key]}
        for name, thing in things.items():
            assert thing.keys() - {"name"} == options_of(lookup({"name": name}, table, key)).keys()
    assert resolve(ConfigDict(settings)) == settings
    assert resolve(json.loads(to_json(settings))) == settings
    assert differences(settings, json.loads(to_json(settings))) == []


def test_a_stated_value_is_kept_and_the_shared_ones_are_filled_in():
    stated = {key: value for key, value in small().items() if key not in ("samples", "precision")}
    settings = resolve(ConfigDict(stated))
    assert settings["samples"] == SHARED["samples"]
    assert settings["batch_size"] == 8
    assert settings["discriminator"]["hidden"] == (5, 3)
    assert settings["discriminator"]["slope"] == 0.01


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stepz": 3}, "unknown setting 'config.stepz'. Did you mean 'config.steps'?"),
        ({"name": "gan"}, "unknown setting 'config.name'"),
        ({"steps": "many"}, "config.steps is 'many', but must be int."),
        ({"steps": True}, "config.steps is True, but must be int."),
        ({"steps": 0}, "config.steps is 0, but must be at least 1."),
        ({"keep_checkpoints": 1}, "config.keep_checkpoints is 1, but must be at least 2: a run whose newest one"),
        ({"batch_size": -8}, "config.batch_size is -8, but must be at least 1."),
        ({"save_every": -1}, "config.save_every is -1, but must not be negative."),
        ({"seed": -1}, "config.seed is -1, but must not be negative."),
        ({"precision": "bfloat61"}, "unknown config.precision 'bfloat61'. Did you mean 'bfloat16'?"),
        (
            {"metrics": "svm1k_digits"},
            "config.metrics is 'svm1k_digits', but must be (str, ...), as ('svm1k_digits',).",
        ),
        ({"stop_on": ("colapsed",)}, "unknown config.stop_on 'colapsed'. Did you mean 'collapsed'?"),
        ({"stop_on": "collapsed"}, "config.stop_on is 'collapsed', but must be (str, ...), as ('collapsed',)."),
        ({"roll_back_on": ("still",)}, "config.roll_back_on brings the best state back; set --config.keep_best=METRIC"),
        ({"metrics": ("svm1k_digit",)}, "unknown metric 'svm1k_digit'. Did you mean 'svm1k_digits'?"),
        ({"system": {"name": "gna"}}, "unknown config.system 'gna'. Did you mean 'gan'?"),
        ({"system": "gan"}, 'config.system must be given as dict(name="...", option=value).'),
        ({"generator": {"name": "mlp", "hiden": ()}}, "unknown option of config.generator=mlp 'hiden'."),
        (
            {"generator_optimizer": {"name": "adam", "learning_rate": "fast"}},
            "learning_rate is 'fast', but must be float",
        ),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_built(change, message):
    with pytest.raises(JaxganError) as caught:
        resolve(ConfigDict(small(**change)))
    assert message in str(caught.value)


@pytest.mark.parametrize("key", ["system", "data", "objective", "generator"])
def test_a_part_that_is_not_given_is_asked_for(key):
    settings = small()
    del settings[key]
    with pytest.raises(JaxganError, match=rf"config\.{key}"):
        resolve(ConfigDict(settings))


def test_differences_name_each_setting_with_both_values():
    old = resolve(ConfigDict(small()))
    new = resolve(
        override(load("gaussian_gan"), ["batch_size=16", "discriminator.hidden=(5,)", "generator.name=dcgan"])
    )
    lines = differences(old, new)
    assert "config.batch_size: 8 -> 16" in lines
    assert "config.discriminator.hidden: (5, 3) -> (5,)" in lines
    assert "config.generator.name: 'mlp' -> 'dcgan'" in lines
    assert "config.generator.hidden: () -> '(none)'" in lines
    assert "config.generator.width: '(none)' -> 64" in lines
    assert not [
        line for line in lines if not line.startswith(("config.batch", "config.discriminator.h", "config.gener"))
    ]
    assert differences(new, new) == []


def test_players_that_were_given_one_dict_are_changed_one_by_one(tmp_path):
    """A ConfigDict keeps what it was given twice as one: a rate set for D would be G's too."""
    shared = dict(name="adam", learning_rate=0.5)
    made = recipe(generator_optimizer=shared, discriminator_optimizer=shared)
    (tmp_path / "mine.py").write_text(
        "from ml_collections import ConfigDict\n"
        "def get_config():\n"
        "    shared = dict(name='adam', learning_rate=0.5)\n"
        "    return ConfigDict(dict(generator_optimizer=shared, discriminator_optimizer=shared))\n"
    )
    for config in (made, load(str(tmp_path / "mine.py")), load("mnist_nsgan")):
        config.discriminator_optimizer.learning_rate = 0.25
        assert config.generator_optimizer.learning_rate != 0.25
    assert load("mnist_infogan").generator_optimizer.learning_rate == 1e-3  # which sets both


def test_a_file_that_returns_no_recipe_is_refused(tmp_path):
    (tmp_path / "mine.py").write_text("def get_config():\n    pass\n")
    with pytest.raises(JaxganError, match=r"get_config\(\) of .*mine.py returns NoneType, not a recipe"):
        load(str(tmp_path / "mine.py"))
