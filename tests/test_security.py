"""What comes from elsewhere, run directories, weights, names, is data: nothing of it is run, or leads elsewhere."""

import ast
import json
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from small_runs import write_recipe

from jaxgan import cli, plotting
from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError, check_file_name, shown
from jaxgan.evaluation import METRICS, check_metric
from jaxgan.evaluation.metric import Aim
from jaxgan.study.plan import Cell
from jaxgan.study.results import Method, table

PACKAGE = Path(__file__).parents[1] / "jaxgan"
HOSTILE = ["../../x", "/tmp/x", "a/b", "..", "", "a\\b", "C:x", "a\0b", "a\x1b[2J", "a\nb", "caf\udce9"]

# What runs what it reads, or may: where it is allowed, and what makes that safe.
ALLOWED = {
    ("data.workers", "pickle.load"): "what this process's own children write into their pipe",
    ("config", "exec_module"): "a file of Python that the user names on the command line, or one of the package",
    ("pretrained.files", "torch.load"): "weights_only",
    ("data.workers", "subprocess.Popen"): "the interpreter that runs this, with words of ours",
}
DANGEROUS = re.compile(
    r"(pickle|_pickle|cPickle|dill|cloudpickle|marshal|shelve|joblib|torch|yaml)\.(load|loads|load_all|unsafe_load|open)"
    r"|(builtins\.)?(eval|exec|compile|__import__)|.*(exec_module|import_module|load_module|run_path|run_module)"
    r"|subprocess\..*|os\.(system|popen|exec\w*|spawn\w*|posix_spawn)|.*\.extractall|numpy\.load|np\.load"
    r"|(urllib|requests|http|socket|ftplib|httpx)\..*|.*(download_and_prepare|urlretrieve|urlopen|hf_hub_download)"
)


def calls(tree):
    """What a file calls, as it names it, and the nodes."""
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def keywords(node):
    return {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}


def test_nothing_is_unpickled_or_run_but_where_it_is_known_to_be_safe():
    found = set()
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for name, node in calls(ast.parse(path.read_text())):
            if name in ("np.load", "numpy.load"):
                assert keywords(node).get("allow_pickle") == "False", module
            elif DANGEROUS.fullmatch(name):
                found.add((module, name.removeprefix("spec.loader.")))
            if name == "torch.load":
                assert keywords(node).get("weights_only") == "True", module
    assert found == ALLOWED.keys()


def test_nothing_is_downloaded():
    """So there is no checksum to forget; of weights that the user has, each is checked where it is read."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not {"urllib", "requests", "http", "httpx", "ftplib", "socket", "huggingface_hub"} & {
            module.split(".")[0] for module in modules
        }, path


@pytest.mark.parametrize("name", HOSTILE)
def test_a_metric_that_files_cannot_be_called_by_is_refused(name, monkeypatch):
    monkeypatch.setitem(METRICS, name, METRICS["accuracy_test"])  # as a recipe file may
    with pytest.raises(JaxganError):
        check_metric(name)


def test_names_of_files_may_be_of_any_language():
    for name in ("fid10k_test_mnist", "ms-ssim", "кошка", "日本", "a b", ".hidden", "...x"):
        check_file_name("class", name)
        assert shown(name) == name


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run with classes, whose files are changed and put back."""
    folder = tmp_path_factory.mktemp("trained")
    write_recipe(folder / "images.py", "images")
    assert cli.main(["train", "--config", f"{folder}/images.py", "--workdir", f"{folder}/run"]) == 0
    return folder


@pytest.fixture
def edited(trained, capsys):
    """Changes one of a run's JSON files, and gives the message of a verb that must fail then."""
    files = {name: (trained / "run" / name).read_text() for name in ("config.json", "run.json")}

    def fails(name, change, verb="sample", *options):
        facts = json.loads(files[name])
        changed = change(facts)
        (trained / "run" / name).write_text(json.dumps(facts if changed is None else changed))
        before = sorted(trained.rglob("*"))
        capsys.readouterr()
        arguments = {
            "sample": [trained / "run", "--out", trained / "out"],
            "evaluate": [trained / "run", "--metrics", "accuracy_test"],
            "train": ["--config", trained / "images.py", "--workdir", trained / "run", "--config.steps=14"],
        }[verb]
        assert cli.main([verb, *map(str, arguments), *options]) == 1
        message = capsys.readouterr().err
        assert message.startswith("error: ")
        assert len(message.splitlines()) <= 2
        assert sorted(trained.rglob("*")) == before, "something was written"
        return message

    yield fails
    for name, text in files.items():
        (trained / "run" / name).write_text(text)


def put(value, *path):
    """Sets a value at a path of nested objects; without a path, the value takes the place of all."""

    def change(facts):
        for key in path[:-1]:
            facts = facts[key]
        facts[path[-1]] = value

    return change if path else lambda facts: value


@pytest.mark.parametrize("verb", ["sample", "evaluate", "train"])
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("config.json", put([])),
        ("config.json", put("x", "system")),
        ("config.json", put({"name": "../x"}, "system")),
        ("config.json", put({"name": "os.system"}, "generator")),
        ("config.json", put("x", "seeds")),
        ("config.json", put(10**30, "steps")),
        ("config.json", put("../../x", "keep_best")),
    ],
)
def test_a_config_that_was_edited_by_hand_has_a_message(edited, name, change, verb):
    edited(name, change, verb)


def test_data_that_were_renamed_by_hand_have_a_message(edited):
    assert "'../digits'" in edited("config.json", put({"name": "../digits"}, "data"), "train")


@pytest.mark.parametrize("verb", ["sample", "evaluate"])
@pytest.mark.parametrize(
    "change",
    [
        put({}),
        put("x", "data"),
        put({"shape": [16, 16, 1]}, "data"),
        put([16, "x", 1], "data", "shape"),
        put([-1, 16, 1], "data", "shape"),
        put([10**30, 16, 1], "data", "shape"),
        put("object", "data", "dtype"),
        put("0123456789", "data", "class_names"),
        put([1, 2], "data", "class_names"),
        put(None, "data", "size"),
        put(1, "data", "more"),
        put([], "starts"),
    ],
)
def test_a_description_that_was_edited_by_hand_has_a_message(edited, change, verb):
    assert "run.json" in edited("run.json", change, verb)


@pytest.mark.parametrize("starts", ["x", [1], [{}]])
def test_a_history_that_was_edited_by_hand_has_a_message(edited, starts):
    assert "run.json" in edited("run.json", put(starts, "starts"), "train", "--allow-changes")


@pytest.mark.parametrize("class_name", HOSTILE)
def test_classes_of_a_run_do_not_lead_out_of_the_folder_of_samples(edited, class_name):
    names = [class_name, *"123456789"]
    assert "the class" in edited("run.json", put(names, "data", "class_names"))


@pytest.mark.parametrize("name", ["../../x", "..", "/tmp/x"])
def test_the_best_states_are_looked_for_in_the_run_only(edited, name):
    def change(facts):
        facts |= {"keep_best": name, "metrics": [name], "evaluate_every": 4}

    for verb in ("sample", "train"):
        edited("config.json", change, verb)
    assert "is none that a file can have" in edited("config.json", change, "sample", "--checkpoint", "best")


def test_a_description_survives_its_file():
    spec = DataSpec((16, 8, 3), "uint8", ("cat", "dog"), 7, (4, 4, 1))
    assert DataSpec.from_json(json.loads(json.dumps(spec._asdict()))) == spec
    old = spec._asdict()
    del old["other"]  # of runs before there were pairs
    assert DataSpec.from_json(old) == spec._replace(other=())


NAMES = ["$\\frac{$", "a|b", "<script>alert(1)</script>", "$x$", "a\nb", "%s {0} \\"]


def test_a_table_keeps_its_cells_whatever_methods_are_called():
    methods = [Method(name, [name], np.array([[1.0, 2.0]]), 1.0) for name in NAMES]
    text = table(methods, Aim("x", True))
    lines = text.splitlines()
    assert len(lines) == 2 + len(NAMES)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {8}
    assert "<script" not in text
    assert str(Cell("a\x1b[2J", "b")).isprintable()


@pytest.mark.usefixtures("drawn")
def test_figures_show_names_as_they_are(tmp_path, monkeypatch):
    scores = {name: {name: [1.0, 2.0]} for name in NAMES}
    plotting.save_trials(tmp_path / "a.png", scores, {name: [1.0] for name in NAMES}, "label")
    plotting.save_scatter(tmp_path / "b.png", {name: np.zeros((2, 2)) for name in NAMES})
    lines = [{"step": step, **dict.fromkeys(NAMES, 1.0)} for step in (1, 2)]
    plotting.save_curves(tmp_path / "c.png", lines, NAMES, "label")
    plotting.save_score_curves(tmp_path / "d.png", lines, NAMES)
    texts = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: texts.append(figure.axes[0].get_xticklabels()))
    plotting.save_trials(tmp_path / "a.png", {"$x$": {"s": [1.0]}}, {"$x$": [1.0]}, "label")
    assert texts[0][0]._preprocess_math(texts[0][0].get_text()) == ("$x$", False)
