"""The command line: what each verb says and leaves; every bad input costs one or two lines and nothing else."""

import re
import shutil
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from small_runs import DAMAGE_NOISE, checkpoint_steps, left_behind, write_recipe

from jaxgan import cli, config
from jaxgan.arguments import build_parser
from jaxgan.drawing import Sampler
from jaxgan.networks import DISCRIMINATORS, GENERATORS, PRESETS
from jaxgan.objectives import OBJECTIVES

pytestmark = DAMAGE_NOISE


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A recipe of points, one of images, and a finished run of each."""
    folder = tmp_path_factory.mktemp("finished")
    for kind in ("points", "images"):
        write_recipe(folder / f"{kind}.py", kind)
        assert cli.main(["train", "--config", f"{folder}/{kind}.py", "--workdir", f"{folder}/{kind}"]) == 0
    return folder


def fails(capsys, *arguments, code=1):
    """Runs a command that must fail, and returns its message."""
    capsys.readouterr()
    assert cli.main([str(argument) for argument in arguments]) == code
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert 1 <= len(message.splitlines()) <= 2
    return message


def image_folder(path, sizes=((16, 16),) * 4):
    path.mkdir()
    for index, size in enumerate(sizes):
        Image.fromarray(np.random.default_rng(index).integers(0, 256, (*size, 3), np.uint8)).save(path / f"{index}.png")
    return path


CONDITIONAL_FOLDER = ("--config.data.name=folder", "--config.data.data_dir=pictures", "--config.data.image_size=16",
                      "--config.data.channels=1")  # fmt: skip
AVATAR = [
    f"--config.discriminator.{key}={value!r}" if isinstance(value, str) else f"--config.discriminator.{key}={value}"
    for key, value in PRESETS["tensorflow_avatar_dcgan"]["discriminator"].items()
]

BAD = {
    "unknown recipe": (
        ["--config", "digits_cgna"],
        r"unknown recipe 'digits_cgna'. Did you mean 'digits_cgan'\?",
    ),
    "no such file": (["--config", "some/where.py"], r"there is no recipe file some/where.py\."),
    "unknown setting": (
        ["--config.batchsize=3"],
        r"unknown setting 'config.batchsize'. Did you mean 'config.batch_size'\?",
    ),
    "unknown option": (
        ["--config.generator.widht=3"],
        r"unknown option of config.generator=dcgan 'widht'. Did you mean 'width'\?",
    ),
    "unknown name": (["--config.generator.name=dcgam"], r"unknown config.generator 'dcgam'. Did you mean 'dcgan'\?"),
    "unknown metric": (["--config.metrics=('fid',)"], "unknown metric 'fid'"),
    "unknown data": (["--config.data.name=digit"], "unknown config.data 'digit'. Did you mean 'digits'"),
    "wrong type": (["--config.batch_size=many"], "config.batch_size is 'many', but must be int"),
    "wrong type of an option": (["--config.generator.width=1.5"], "config.generator.width is 1.5, but must be int"),
    "no value": (["--config.batch_size"], "--config.batch_size needs a value"),
    "out of range": (["--config.batch_size=0"], "config.batch_size is 0, but must be at least 1"),
    "impossible size": (
        [*AVATAR, "--config.data.image_size=16"],
        "an image of 16x16 is used up before the last of D's 5 layers; the nearest legal size is 54x54",
    ),
    "no pictures": ([*CONDITIONAL_FOLDER, "--config.data.data_dir=empty"], "empty"),
    "no folder": ([*CONDITIONAL_FOLDER, "--config.data.data_dir=nowhere"], "nowhere"),
    "broken picture": (
        [*CONDITIONAL_FOLDER, "--config.system.conditional=False", "--config.data.data_dir=broken"],
        r"2\.png",
    ),
    "no labels": (CONDITIONAL_FOLDER, "config.system.conditional needs labels.*sub-folder"),
    "no GPU": (["--device", "gpu"], r"--device gpu: JAX finds no GPU here, only cpu. Install jaxgan\[cuda\]"),
    "unwritable": (["--workdir", "broken/2.png/run"], "cannot write the run directory .*: Not a directory"),
    "the work directory is a file": (["--workdir", "broken/2.png"], "cannot write the run directory"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_input_to_train_is_a_message_and_leaves_nothing(here, capsys, finished, arguments, message):
    image_folder(here / "pictures")
    image_folder(here / "broken")
    (here / "broken" / "2.png").write_bytes(b"\x89PNG and no more")
    (here / "empty").mkdir()
    before = sorted(here.rglob("*"))
    recipe = [] if "--config" in arguments else ["--config", finished / "images.py"]
    assert re.search(message, fails(capsys, "train", *recipe, *arguments).replace("\n", " "))
    assert sorted(here.rglob("*")) == before


def test_a_work_directory_of_another_recipe_is_refused(finished, capsys):
    before = left_behind(finished / "points")
    message = fails(capsys, "train", "--config", finished / "images.py", "--workdir", finished / "points")
    assert "It was made by: jaxgan train --config" in message
    assert left_behind(finished / "points") == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--confg", "x"], "unrecognized arguments: --confg x (did you mean --config?)"),
        (["sample", ".", "--interpolat=8"], "--interpolat=8 (did you mean --interpolate?)"),
        (["sample", ".", "--colour", "red"], "unrecognized arguments: --colour red\n"),
        (["train", "--steps=10"], "--steps=10 (settings are given as --config.steps=VALUE)"),
        (["train", "--config.steps", "10"], "10 (settings are given as --config.KEY=VALUE, with no space)"),
        (["trane"], "invalid choice: 'trane'"),
        ([], "required: VERB"),
        (["sample", ".", "--num", "many"], "invalid int value: 'many'"),
        (["sample", ".", "--config.seed=1"], "belongs to train, summary and study"),
        (["sample", ".", "--truncation", "0.5,x"], "argument --truncation: invalid numbers value: '0.5,x'"),
        (["sample", ".", "--arithmetic", "0", "1", "2.5"], "argument --arithmetic: invalid numbers value: '2.5'"),
        (["sample", ".", "--interpolate", "3", "--project", "x.png"], "not allowed with argument --interpolate"),
        (["train", "--device", "abacus"], "invalid choice: 'abacus'"),
    ],
)
def test_wrong_usage_exits_with_2(here, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert list(here.iterdir()) == []


BAD_SAMPLES = {
    "no run": (["nowhere"], "nowhere is not a run directory: it has no config.json"),
    "none": (["images", "--num", "0"], "--num is 0, but must be at least 1"),
    "no such class": (["images", "--labels", "3,ten"], "unknown class 'ten'.* Known: 0, 1, 2"),
    "no such number": (["images", "--labels", "3,10"], r"the labels are \[3, 10\], but must be in 0..9"),
    "empty labels": (["images", "--labels", ""], "unknown class ''. Known: 0"),
    "no classes": (["points", "--labels", "0"], "trained without labels"),
    "no classes, by name": (["points", "--labels", "cat"], "unknown class 'cat'. Known: none"),
    "no such checkpoint": (["images", "--checkpoint", "5"], r"no checkpoint of step 5; it has \[4, 8, 12\]"),
    "no checkpoint": (["images", "--checkpoint", "first"], "takes a step or one of last, best, not 'first'"),
    "no best checkpoint": (
        ["images", "--checkpoint", "best"],
        r"keeps no best checkpoint; train with --config\.keep_best",
    ),
    "no recipe": (["images", "--config", "mine.py"], r"there is no recipe file mine\.py"),
    "seed too large": (["images", "--seed", str(2**64)], "seed"),
    "unwritable": (["images", "--out", "file/x.png"], "cannot write file/x.png"),
    "points in a folder": (["points", "--out", "folder"], "points are not images"),
    "points in motion": (["points", "--interpolate", "3", "--out", "x.gif"], "points are not images"),
    "a still animation": (["images", "--out", "x.gif"], "a .gif is an animation, and only --interpolate has one"),
    "another form": (["images", "--project", "file", "--out", "x.jpg"], "written as .png or .npz, or into a folder"),
    "no picture": (["images", "--project", "file"], "file cannot be read: cannot identify image file"),
    "no such place": (["images", "--project", "nowhere"], "there is no picture, directory or .zip at nowhere"),
    "pictures of points": (["points", "--project", "file"], "this run is one of points, and takes no pictures"),
    "over what is given": (["images", "--project", "old.png", "--out", "old.png"], "old.png is what the results are"),
    "a full folder": (["images", "--out", "."], r"the folder \. holds files, which would be taken for results"),
    "no name for each seed": (["images", "--trained-seed", "all", "--out", "."], r"the name of --out, and \. has none"),
    "how, of nothing": (["images", "--how", "linear"], "--how says how to --interpolate"),
    "no such sample": (["images", "--arithmetic", "0", "1", "64"], "there is no sample 64: 64 are drawn"),
    "no GPU": (["images", "--device", "gpu"], "JAX finds no GPU here"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_SAMPLES.values(), ids=BAD_SAMPLES)
def test_bad_input_to_sample_is_a_message_before_any_work(here, capsys, monkeypatch, finished, arguments, message):
    for name in ("file", "old.png"):
        (here / name).write_text("")
    monkeypatch.setattr(Sampler, "__call__", lambda *_: pytest.fail("samples were drawn"))
    directory, *rest = arguments
    run = directory if directory == "nowhere" else finished / directory
    assert re.search(message, fails(capsys, "sample", run, *rest))
    assert sorted(path.name for path in here.iterdir()) == ["file", "old.png"]


def test_train_names_its_pictures_and_the_next_command(here, capsys, finished):
    recipe = write_recipe(here / "small.py", "points")
    assert cli.main(["train", "--config", str(recipe), "--config.steps=4", "--config.batch_size=40"]) == 0
    said = capsys.readouterr().out
    assert "gaussian: 32 examples of (2,) float32, no classes; a batch of 40 has some of them twice\n" in said
    assert "generator 22 parameters, discriminator 17 parameters" in said
    assert "(cpu), float32, 2 steps a call" in said
    for picture in ("samples/0000004.png", "samples/real.png", "figures/loss.png"):
        assert f"runs/small/{picture}\n" in said
        assert (here / "runs" / "small" / picture).is_file()
    assert "jaxgan sample runs/small" in said


def test_a_finished_run_is_not_trained_again(finished, capsys):
    before = left_behind(finished / "points")
    assert cli.main(["train", "--config", f"{finished}/points.py", "--workdir", f"{finished}/points"]) == 0
    said = capsys.readouterr().out
    assert "already trained" in said
    assert "continuing" not in said
    assert "samples/0000012.png" in said
    assert left_behind(finished / "points") == before


def test_a_damaged_newest_checkpoint_is_reported_and_stepped_over(finished, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished / "points", run)
    shutil.rmtree(run / "checkpoints" / "12" / "state")
    capsys.readouterr()
    assert cli.main(["train", "--config", f"{finished}/points.py", "--workdir", str(run)]) == 0
    said = capsys.readouterr()
    assert re.search(
        "checkpoint 12 cannot be read .*; falling back to the one before it.\ncontinuing at step 8", said.out
    )
    assert said.err == ""
    assert left_behind(run) == left_behind(finished / "points")


def test_divergence_is_a_message_that_can_be_repeated(here, capsys):
    recipe = write_recipe(here / "wild.py", "points", discriminator_optimizer=dict(name="rmsprop", learning_rate=3e38))
    for _ in range(2):
        assert "training diverged: generator_loss was not finite at step 1" in fails(
            capsys, "train", "--config", recipe
        )
    assert checkpoint_steps(here / "runs" / "wild") == []


def test_ctrl_c_before_training_is_no_traceback(capsys, monkeypatch):
    monkeypatch.setattr(config, "load", lambda name: signal.raise_signal(signal.SIGINT))
    assert cli.main(["train"]) == 130
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_sample_writes_what_is_asked_for(here, finished, capsys):
    assert (
        cli.main(["sample", f"{finished}/images", "--num", "3", "--seed", "5", "--out", "x.npz", "--labels", "7,1"])
        == 0
    )
    assert capsys.readouterr().out == "3 samples of step 12: x.npz\n"
    assert (
        cli.main(["sample", f"{finished}/images", "--num", "2", "--seed", "5", "--out", "y.npz", "--labels", "7,1"])
        == 0
    )
    with np.load("x.npz") as x, np.load("y.npz") as y:
        np.testing.assert_array_equal(x["labels"], [7, 1, 7])
        np.testing.assert_array_equal(x["images"][:2], y["images"])
    assert cli.main(["sample", f"{finished}/images", "--checkpoint", "4"]) == 0
    assert "64 samples of step 4: samples.png" in capsys.readouterr().out
    assert (here / "samples.png").is_file()


def test_sample_interpolates_adds_and_truncates(here, finished, capsys):
    run = f"{finished}/images"
    for arguments, said in (
        (["--num", "20", "--interpolate", "3", "--out", "ways.png"], "40 samples of step 12: ways.png"),
        (["--num", "20", "--interpolate", "3", "--how", "linear", "--out", "x.gif"], "60 samples of step 12: x.gif"),
        (["--arithmetic", "1,11", "12", "3", "--out", "sum.png"], "8 samples of step 12: sum.png"),
        (["--num", "6", "--truncation", "0.5,1", "--out", "rows.png"], "12 samples of step 12: rows.png"),
    ):
        assert cli.main(["sample", run, *arguments]) == 0
        assert capsys.readouterr().out == said + "\n"
    sizes = {"ways.png": (4, 10), "x.gif": (10, 1), "sum.png": (3, 4), "rows.png": (6, 2)}
    for name, (columns, rows) in sizes.items():
        with Image.open(name) as image:
            assert image.size == (columns * 66 + 2, rows * 66 + 2), name


def test_sample_projects_pictures(here, finished, capsys):
    image_folder(here / "pictures", sizes=((16, 16), (20, 16)))
    run = f"{finished}/images"
    assert cli.main(["sample", run, "--project", "pictures", "--labels", "3", "--out", "x.npz"]) == 0
    said = capsys.readouterr().out
    with np.load("x.npz") as file:
        assert sorted(file) == ["errors", "images", "labels", "latents"]
        np.testing.assert_array_equal(file["labels"], [3, 3])
        mean, largest = file["errors"].mean(), file["errors"].max()
    assert said == f"2 samples of step 12, mean squared error {mean:.4f}, the largest {largest:.4f}: x.npz\n"


def test_sampling_says_nothing_but_its_result(finished, tmp_path):
    """Not even through the loggers of the libraries below, which write past `capsys`: hence a process of its own."""
    command = [sys.executable, "-m", "jaxgan.cli", "sample", finished / "points", "--num", "2", "--out", "x.npz",
               "--compilation-cache", "compiled"]  # fmt: skip
    for _ in ("compiles", "loads what was compiled"):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("2 samples of step 12: x.npz\n", "")


def test_list_names_everything(capsys):
    assert cli.main(["list"]) == 0
    said = capsys.readouterr().out
    for name in (
        *config.recipe_names(),
        *GENERATORS,
        *DISCRIMINATORS,
        *OBJECTIVES,
        *config.SHARED,
        "digits",
        "tfds",
        "adam",
    ):
        assert re.search(rf"\b{name}\b", said), name


def test_summary_prints_parameter_counts(finished, capsys):
    assert cli.main(["summary", "--config", f"{finished}/points.py", "--config.generator.hidden=(10,)"]) == 0
    said = capsys.readouterr().out
    assert "generator" in said
    assert re.search(r"Total Parameters: 52\b", said)  # (2 + 1) * 10 + (10 + 1) * 2
    assert re.search(r"Total Parameters: 17\b", said)  # (2 + 1) * 4 + 4 + 1


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_and_every_option_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([verb, "--help"])
    assert stopped.value.code == 0
    assert verb in capsys.readouterr().out
    (verbs,) = (action for action in build_parser()._actions if action.dest == "verb")
    assert verbs.choices.keys() == cli.VERBS.keys()
    for option in verbs.choices[verb]._actions:
        assert option.help, option.dest


def test_a_reader_that_stops_reading_is_no_error():
    """As in `jaxgan list | head -1`."""
    with subprocess.Popen(
        [sys.executable, "-m", "jaxgan.cli", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 128 + signal.SIGPIPE


def test_too_little_memory_is_a_message(capsys, monkeypatch):
    def no_room(*_):
        raise MemoryError("Unable to allocate 1 TiB")

    monkeypatch.setitem(cli.VERBS, "list", no_room)
    assert cli.main(["list"]) == 1
    assert capsys.readouterr().err.startswith("error: not enough memory (Unable to allocate 1 TiB)")


def test_too_little_memory_of_the_device_is_a_message(capsys, monkeypatch):
    def no_room(*_):
        jax.block_until_ready(jax.jit(lambda: jnp.ones((2**42,)))() + 1)

    monkeypatch.setitem(cli.VERBS, "list", no_room)
    assert cli.main(["list"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: not enough memory (Out of memory")
    assert message.count("\n") == 1
