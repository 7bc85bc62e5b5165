"""The map of the package: who may import whom, how long things may be, what importing does."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "jaxgan"
FILES = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
TREES = {name: ast.parse(path.read_text()) for name, path in FILES.items()}

# What each part of the package may know of the others. Arrows point down, and a part knows itself.
MAY_IMPORT = {
    "__init__": set(),
    "errors": set(),
    "registry": {"errors"},
    "devices": {"errors"},
    "objectives": {"errors"},
    "schedules": {"errors"},
    "optim": {"schedules", "errors"},
    "augment": {"schedules", "errors"},
    "penalties": {"augment", "schedules", "errors"},
    "levels": set(),
    "literals": set(),
    "rows": set(),
    "plotting": {"levels"},
    "outputs": {"errors"},
    "arguments": set(),
    "compilation": {"errors"},
    "ops": {"devices", "errors"},
    "networks": {"ops", "errors"},
    "data": {"devices", "literals", "registry", "errors"},
    "systems": {
        "devices",
        "networks",
        "ops",
        "objectives",
        "penalties",
        "augment",
        "optim",
        "schedules",
        "registry",
        "data",
        "errors",
    },
    "evaluation": {
        "pretrained",
        "systems",
        "drawing",
        "latents",
        "networks",
        "data",
        "levels",
        "rows",
        "compilation",
        "errors",
    },
    "pretrained": {"networks", "outputs", "compilation", "errors"},
    "style": {"pretrained", "networks", "data", "outputs", "errors"},
    "config": {"systems", "evaluation", "data", "literals", "registry", "schedules", "errors"},
    "drawing": {"systems", "rows", "errors"},
    "training": {
        "config",
        "devices",
        "optim",
        "drawing",
        "plotting",
        "levels",
        "evaluation",
        "systems",
        "networks",
        "data",
        "errors",
    },
    "sampling": {"training", "config", "drawing", "plotting", "levels", "outputs", "systems", "data", "errors"},
    "evaluate": {"evaluation", "training", "data", "errors"},
    "study": {"training", "evaluation", "config", "plotting", "systems", "data", "errors"},
    "latents": set(),
    "projection": {"sampling", "drawing", "systems", "errors"},
    "pictures": {"sampling", "data", "errors"},
    "translation": {"pictures", "plotting", "levels", "outputs", "errors"},
    "exploration": {"projection", "pictures", "sampling", "latents", "drawing", "plotting", "errors"},
    "listing": {"config", "data", "evaluation", "registry", "study", "systems", "errors"},
    "cli": {
        "listing",
        "evaluate",
        "study",
        "training",
        "arguments",
        "exploration",
        "pictures",
        "translation",
        "sampling",
        "style",
        "pretrained",
        "compilation",
        "config",
        "evaluation",
        "systems",
        "networks",
        "data",
        "registry",
        "plotting",
        "errors",
    },
}


def imports(tree):
    """Full names of the modules that a file imports, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def of_package(tree):
    return {name for name in imports(tree) if name.startswith("jaxgan.")}


def part(name):
    return name.split(".")[1]


def modules(*parts):
    return {name: tree for name, tree in TREES.items() if part(name) in parts}


@pytest.mark.parametrize("name", sorted(TREES))
def test_arrows_point_down(name):
    allowed = MAY_IMPORT[part(name)] | {part(name)}
    assert {part(other) for other in of_package(TREES[name])} <= allowed


def test_drawing_and_scoring_do_without_the_loop():
    for name, tree in modules("evaluation", "sampling", "systems", "plotting").items():
        assert not {"jaxgan.training.loop", "jaxgan.training.start"} & set(imports(tree)), name


def test_systems_networks_and_objectives_touch_no_file_and_no_clock():
    worldly = {"os", "io", "pathlib", "time", "datetime", "shutil", "tempfile", "subprocess", "random", "socket"}
    for name, tree in modules("systems", "networks", "objectives", "penalties", "optim", "ops").items():
        assert not worldly & {imported.split(".")[0] for imported in imports(tree)}, name
        called = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not {"open", "print", "input"} & called, name


def test_of_data_systems_know_the_description_only():
    for name, tree in modules("systems").items():
        known = {other for other in of_package(tree) if part(other) == "data"}
        assert known <= {"jaxgan.data.spec", "jaxgan.data.spec.DataSpec"}, name


def test_the_loop_names_no_player():
    text = (PACKAGE / "training" / "loop.py").read_text().lower()
    assert [word for word in ("generator", "discriminator", "critic", "gan_", "gan(") if word in text] == []
    assert len(text.splitlines()) <= 200


@pytest.mark.parametrize("name", sorted(FILES))
def test_files_and_functions_are_short(name):
    assert len(FILES[name].read_text().splitlines()) <= 400
    functions = [node for node in ast.walk(TREES[name]) if isinstance(node, ast.FunctionDef)]
    assert [f.name for f in functions if f.end_lineno - f.lineno + 1 > 60] == []


def public(tree):
    """Public functions, classes and methods; what Python itself names (`__len__`) explains itself."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                        yield f"{node.name}.{inner.name}", inner


@pytest.mark.parametrize("name", sorted(TREES))
def test_everything_public_is_documented_and_annotated(name):
    assert ast.get_docstring(TREES[name]) or FILES[name].stat().st_size == 0
    overloads = {id(n) for _, n in public(TREES[name]) if any(ast.unparse(d) == "overload" for d in n.decorator_list)}
    nodes = [(label, node) for label, node in public(TREES[name]) if id(node) not in overloads]
    assert [label for label, node in nodes if not ast.get_docstring(node)] == []
    functions = [(label, node) for label, node in nodes if isinstance(node, ast.FunctionDef)]
    assert [label for label, node in functions if node.returns is None] == []
    for label, node in functions:
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        assert [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")] == [], label


def test_importing_everything_starts_no_backend_and_loads_no_other_framework():
    names = sorted(name.removesuffix(".__init__") for name in FILES)
    code = (
        f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
        "from jax._src import xla_bridge\n"
        "print(xla_bridge.backends_are_initialized(), [m for m in ('tensorflow', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False []"


def test_a_wheel_holds_every_package():
    """An editable installation works without being told of them, so that only a user would notice."""
    listed = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {".".join(path.parent.relative_to(PACKAGE.parent).parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(listed) == there | {"jaxgan.configs", "jaxgan.configs.studies"}
