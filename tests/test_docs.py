"""The pages of `docs`: what they show and link to is there, and `results.md` agrees with the recipes and the README."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from jaxgan import cli
from jaxgan.config import load, recipe_names, recipes_folder
from jaxgan.evaluation import check_metric
from jaxgan.objectives import OBJECTIVES
from jaxgan.penalties import PENALTIES
from jaxgan.systems import SYSTEMS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SECTIONS = (ROOT / "docs" / "results.md").read_text().split("\n## ")
ROW = re.compile(r"^\| `(\w+)` \|.*$", re.MULTILINE)
SMALL = ("steps=2", "batch_size=4", "steps_per_call=2", "log_every=2", "samples=4", "metrics=()")
NARROW = ("data.image_size=8", "generator.width=2", "discriminator.width=2")
SPREAD = re.compile(r"\d[\d.]* ± \d+\.?\d*")


def anchors(page):
    """What the headings of a page are linked by."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_whole(page):
    text = page.read_text()
    for place in re.findall(r"\]\(([^)]+)\)", text):
        name, _, anchor = place.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), place
        assert not anchor or anchor in anchors(target), place
    assert re.findall(r"^[A-Z_]+$", text, re.MULTILINE) == []


def test_every_recipe_has_one_line_of_results():
    assert sorted(ROW.findall("\n".join(SECTIONS))) == recipe_names()


def test_what_results_name_is_there():
    for name in set(re.findall(r"`(\w+)`", "\n".join(SECTIONS))) - {*recipe_names()}:
        check_metric(name)


@pytest.mark.parametrize("name", recipe_names())
def test_results_are_those_of_the_recipe(name):
    """Its metrics are named beside its line, and every mean with an error that its docstring gives as a result.

    Where no mean has an error, the numbers of the line are among those of the docstring.
    """
    (section,) = (section for section in SECTIONS if name in ROW.findall(section))
    (line,) = (row[0] for row in ROW.finditer(section) if row[1] == name)
    module = ast.parse((recipes_folder() / f"{name}.py").read_text())
    said = " ".join((ast.get_docstring(module) or "").split())
    assert {*load(name).metrics} <= {*re.findall(r"`(\w+)`", section)}
    assert {*SPREAD.findall(said.partition("Result")[2])} <= {*SPREAD.findall(section)}
    if "±" not in line:
        assert {*re.findall(r"\d+\.\d+", line)} <= {*re.findall(r"\d+\.\d+", said)}
    if "Cost and result: not yet measured" in said:
        assert "not yet measured" in line


def test_results_in_the_readme_stand_among_the_results():
    assert {*SPREAD.findall((ROOT / "README.md").read_text())} <= {*SPREAD.findall("\n".join(SECTIONS))}


@pytest.fixture
def own_tables():
    """What files of a user's add to the package's tables is taken away again."""
    tables = (OBJECTIVES, PENALTIES, SYSTEMS)
    before = [dict(table) for table in tables]
    yield
    for table, entries in zip(tables, before, strict=True):
        table.clear()
        table.update(entries)


def test_files_and_commands_of_extending_run(own_tables, tmp_path, monkeypatch, capsys):
    """A block of Python that begins with the name of a file is that file. Commands are run with two small steps."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "extending.md").read_text()
    files = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    assert {*files} == {"squared_hinge.py", "zero_gp.py", "moments.py"}
    for name, code in files.items():
        Path(name).write_text(code)
    commands = re.findall(r"^jaxgan (.*)$", text, re.MULTILINE)
    assert {word for command in commands for word in command.split() if word.endswith(".py")} == {*files}
    for command in commands:
        verb, *rest = shlex.split(command)
        if verb == "train":
            rest += [f"--config.{setting}" for setting in SMALL]
            if load(rest[rest.index("--config") + 1]).data.name == "digits":
                rest += [f"--config.{setting}" for setting in NARROW]
        assert cli.main([verb, *rest]) == 0, capsys.readouterr().err
    assert {path.name for path in Path("runs").iterdir()} == {Path(name).stem for name in files}
