"""Sampling: it needs the run directory only, and sample i is the same however many are drawn."""

import dataclasses
import shutil

import jax
import numpy as np
import pytest
from PIL import Image
from small_runs import DAMAGE_NOISE, checkpoint_steps, settings, train

from jaxgan import data, sampling
from jaxgan.cli import main
from jaxgan.drawing import Sampler
from jaxgan.errors import JaxganError
from jaxgan.objectives import OBJECTIVES
from jaxgan.systems import build_system

pytestmark = DAMAGE_NOISE


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("digits_run")
    train(workdir, "images")
    return workdir


@pytest.fixture(scope="module")
def points_run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("points_run")
    train(workdir)
    return workdir


@pytest.fixture(scope="module")
def digits(digits_run):
    return sampling.load(digits_run)


def test_sample_i_does_not_depend_on_how_many_are_drawn(digits):
    most = digits.sample(130, seed=3)
    for num in (1, 63, 64, 65, 100):
        fewer = digits.sample(num, seed=3)
        for part in ("images", "latents", "labels"):
            np.testing.assert_array_equal(getattr(fewer, part), getattr(most, part)[:num])


def test_given_latents_make_the_samples_that_they_were_drawn_for(digits):
    samples = digits.sample(70, seed=3)
    again = digits.generate(samples.latents, samples.labels)
    np.testing.assert_allclose(again.images, samples.images, atol=1e-6)
    for num in (1, 63, 65):
        fewer = digits.generate(samples.latents[:num], samples.labels[:num])
        np.testing.assert_array_equal(fewer.images, again.images[:num])
        np.testing.assert_array_equal(fewer.labels, samples.labels[:num])
    np.testing.assert_array_equal(digits.generate(samples.latents[:12]).labels, np.arange(12) % 10)


def test_latents_that_make_nothing(digits):
    for latents, message in (
        (np.zeros((0, 2)), r"the latents are \[0, 2\], but must be \[n, 2\]"),
        (np.zeros((4, 3)), r"the latents are \[4, 3\], but must be \[n, 2\]"),
        (np.full((1, 2), np.nan), "the latents are not all finite"),
    ):
        with pytest.raises(JaxganError, match=message):
            digits.generate(latents)
    with pytest.raises(JaxganError, match=r"the labels are \[10\]"):
        digits.generate(np.zeros((1, 2)), [10])


def test_no_two_samples_are_the_same(digits):
    samples = digits.sample(130)
    assert len(np.unique(samples.latents, axis=0)) == 130
    assert len(np.unique(samples.images.reshape(130, -1), axis=0)) == 130


def test_shapes_types_and_range(digits):
    images, latents, labels = digits.sample(3)
    assert (images.shape, latents.shape, labels.shape) == ((3, 16, 16, 1), (3, 2), (3,))
    assert (images.dtype, latents.dtype, labels.dtype) == (np.float32, np.float32, np.int32)
    assert np.abs(images).max() <= 1


def test_another_seed_gives_other_samples(digits):
    a, b = digits.sample(64, seed=1), digits.sample(64, seed=2)
    assert not (a.latents == b.latents).any()
    np.testing.assert_array_equal(a.labels, b.labels)


def test_labels_go_in_turn(digits):
    np.testing.assert_array_equal(digits.sample(23).labels, np.arange(23) % 10)
    np.testing.assert_array_equal(digits.sample(70, labels=[7, 2, 2]).labels, np.resize([7, 2, 2], 70))


def test_the_label_changes_the_image_and_not_its_neighbours(digits):
    a, b = digits.sample(4, labels=[1, 1, 1, 1]), digits.sample(4, labels=[1, 5, 1, 1])
    np.testing.assert_array_equal(a.latents, b.latents)
    same = (a.images == b.images).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(same, [True, False, True, True])


def test_samples_are_of_the_average_with_its_statistics(digits):
    state = digits.state
    shifted = state.replace(average={**state.average, **state.generator.statistics})
    other = dataclasses.replace(digits, state=shifted)
    assert not np.array_equal(other.sample(4).images, digits.sample(4).images)


def test_truncated_latents_are_a_truncated_normal_distribution(digits):
    """Of N(0, 1) between -0.5 and 0.5: variance 1 - 2 t phi(t) / (2 Phi(t) - 1) = 0.0805 at t = 0.5."""
    samples = digits.sample(64, truncation=0.5)
    assert np.abs(samples.latents).max() <= 0.5
    assert samples.latents.var() == pytest.approx(0.0805, rel=0.1)
    np.testing.assert_array_equal(digits.sample(3, truncation=0.5).latents, samples.latents[:3])
    assert np.abs(digits.sample(64).latents).max() > 1
    for truncation in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(JaxganError, match=r"the truncation is .* but must be a number over 0, the bound of the"):
            digits.sample(1, truncation=truncation)


def test_a_truncation_is_compiled_once_for_all_trained_seeds(digits, monkeypatch):
    """And of given latents, which are not drawn, none is, where there are no styles."""
    traced, generate = [], type(digits.system).generate
    monkeypatch.setattr(type(digits.system), "generate", lambda *given: traced.append(given[-1]) or generate(*given))
    trained = dataclasses.replace(digits, sampler=Sampler(digits.system))
    for seed in (4, 5):
        dataclasses.replace(trained, seed=seed).sample(3, seed, truncation=0.25)
    assert traced == [0.25]
    for truncation in (0.5, 0.7, None):
        trained.generate(np.zeros((1, 2)), truncation=truncation)
    assert traced == [0.25, None]


def test_truncation_of_a_generator_with_styles_is_psi_from_0_to_1(digits):
    """0 gives the image of the mean style whatever the latents."""
    styled = dict(name="stylegan2", channel_base=32, channel_max=4, w_dim=4, mapping_layers=1)
    system = build_system(settings("images", generator=styled), digits.spec._replace(shape=(4, 4, 1)))
    state = jax.jit(system.init)(jax.random.key(0), None)
    trained = dataclasses.replace(digits, system=system, state=state, sampler=Sampler(system))
    mean, whole = (trained.sample(3, labels=[4], truncation=psi) for psi in (0.0, 1.0))
    np.testing.assert_array_equal(mean.latents, whole.latents)
    np.testing.assert_array_equal(mean.images, mean.images[:1].repeat(3, axis=0))
    assert not np.array_equal(whole.images[0], whole.images[1])
    for psi in (-0.1, 5.0, float("nan")):
        with pytest.raises(JaxganError, match=r"the truncation is .* but must be in \[0, 1\], the psi of a generator"):
            trained.sample(1, truncation=psi)


def test_a_copied_run_is_sampled_where_its_data_cannot_be_opened(digits_run, digits, tmp_path, monkeypatch):
    copy = tmp_path / "elsewhere" / "copy"
    shutil.copytree(digits_run, copy)
    shutil.rmtree(copy / "samples")
    monkeypatch.setattr(data, "open_source", lambda *_: pytest.fail("the data was opened"))
    monkeypatch.setitem(data.SOURCES, "digits", lambda *_: pytest.fail("the data was opened"))
    monkeypatch.setattr("sklearn.datasets.load_digits", lambda *_: pytest.fail("the data was read"))
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    np.testing.assert_array_equal(sampling.load(copy).sample(10).images, digits.sample(10).images)
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


def test_the_newest_whole_checkpoint_or_the_one_asked_for(digits_run, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(digits_run, run)
    assert sampling.load(run).step == 12
    assert sampling.load(run, checkpoint=8).step == 8
    with pytest.raises(JaxganError, match=r"no checkpoint of step 9; it has \[4, 8, 12\]"):
        sampling.load(run, checkpoint=9)
    shutil.rmtree(run / "checkpoints" / "12" / "state")
    assert sampling.load(run).step == 8
    assert "checkpoint 12 cannot be read" in capsys.readouterr().err
    with pytest.raises(JaxganError, match="checkpoint 12 cannot be read"):
        sampling.load(run, checkpoint=12)
    assert checkpoint_steps(run) == [4, 8, 12]


def test_a_run_with_a_thing_that_only_its_own_recipe_knows(digits_run, tmp_path, monkeypatch):
    run = tmp_path / "run"
    shutil.copytree(digits_run, run)
    config = (run / "config.json").read_text()
    (run / "config.json").write_text(config.replace('"non_saturating"', '"mine"'))
    with pytest.raises(JaxganError, match=r"unknown config\.objective 'mine'.*\nIf a recipe file of your own added it"):
        sampling.load(run)
    recipe = tmp_path / "mine.py"
    recipe.write_text(
        "from jaxgan.config import load\nfrom jaxgan.objectives import OBJECTIVES\n\n"
        "OBJECTIVES['mine'] = OBJECTIVES['non_saturating']\n\n\ndef get_config():\n    return load('digits_cgan')\n"
    )
    monkeypatch.setitem(OBJECTIVES, "mine", None)  # taken away afterwards, whoever puts it there
    monkeypatch.delitem(OBJECTIVES, "mine")
    out = tmp_path / "few.npz"
    assert main(["sample", str(run), "--config", str(recipe), "--num", "3", "--out", str(out)]) == 0
    with np.load(out) as file:
        assert len(file["images"]) == 3


@pytest.mark.parametrize("gone", ["all of them", "their folder"])
def test_a_run_without_a_checkpoint(digits_run, tmp_path, gone):
    run = tmp_path / "run"
    shutil.copytree(digits_run, run)
    shutil.rmtree(run / "checkpoints")
    if gone == "all of them":
        (run / "checkpoints").mkdir()
    with pytest.raises(JaxganError, match="has no checkpoint yet"):
        sampling.load(run)


@pytest.mark.parametrize("num", [0, -1])
def test_a_number_that_cannot_be_drawn(digits, num):
    with pytest.raises(JaxganError, match="at least 1"):
        digits.sample(num)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_another_one_would_equal(digits, seed):
    with pytest.raises(JaxganError, match="seed"):
        digits.sample(1, seed)


@pytest.mark.parametrize(
    "call", [dict(num=2.5), dict(num=2, seed=1.5), dict(num=2, labels=[0.5]), dict(num=2, labels="1")]
)
def test_fractions_are_not_cut_to_whole_numbers(digits, call):
    with pytest.raises(JaxganError, match="but must be a whole number"):
        digits.sample(**call)


@pytest.mark.parametrize("labels", [[10], [-1], [0, 99], []])
def test_labels_that_do_not_exist(digits, labels):
    with pytest.raises(JaxganError, match="label"):
        digits.sample(2, labels=labels)


def test_labels_for_a_run_without_classes(points_run):
    with pytest.raises(JaxganError, match="trained without labels"):
        sampling.load(points_run).sample(2, labels=[0])


def test_npz(digits, tmp_path):
    samples = digits.sample(5, seed=9)
    sampling.save(tmp_path / "new" / "x.npz", samples, digits)
    with np.load(tmp_path / "new" / "x.npz") as file:
        assert sorted(file) == ["images", "labels", "latents"]
        images, latents, labels = file["images"], file["latents"], file["labels"]
    assert (images.dtype, images.shape) == (np.uint8, (5, 16, 16, 1))
    np.testing.assert_allclose(images / 127.5 - 1, samples.images, atol=0.5 / 127.5 + 1e-6)
    again = np.asarray(digits.system.generate(digits.state, latents, labels))  # the latents are what they were made of
    np.testing.assert_allclose(again, samples.images, atol=1e-6)


def test_npz_of_points(points_run, tmp_path):
    trained = sampling.load(points_run)
    samples = trained.sample(5)
    sampling.save(tmp_path / "x.npz", samples, trained)
    with np.load(tmp_path / "x.npz") as file:
        assert file["images"].dtype == np.float32
        np.testing.assert_array_equal(file["images"], samples.images)


def test_a_folder_has_one_png_a_sample_by_class(digits, tmp_path):
    samples = digits.sample(4, labels=[3, 8])
    sampling.save(tmp_path / "out", samples, digits)
    files = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png"))
    assert files == ["3/000000.png", "3/000002.png", "8/000001.png", "8/000003.png"]
    with Image.open(tmp_path / "out" / "8" / "000001.png") as image:
        pixels = np.asarray(image)
    np.testing.assert_allclose(pixels / 127.5 - 1, samples.images[1, ..., 0], atol=0.5 / 127.5 + 1e-6)


def test_points_do_not_go_into_a_folder(points_run, tmp_path):
    trained = sampling.load(points_run)
    with pytest.raises(JaxganError, match="points are not images"):
        sampling.save(tmp_path / "out", trained.sample(2), trained)
    sampling.save(tmp_path / "out.png", trained.sample(2), trained)
    assert (tmp_path / "out.png").is_file()


def test_a_sheet(digits, tmp_path):
    sampling.save(tmp_path / "x.png", digits.sample(20), digits)
    with Image.open(tmp_path / "x.png") as image:
        assert image.size == (10 * 66 + 2, 2 * 66 + 2)  # a column a class; 16 pixels shown as 64


@pytest.mark.parametrize(("labels", "columns"), [([7, 2, 2], 3), ([7, 7, 2, 2], 4), ([5, 5], 3), (None, 7)])
def test_a_sheet_has_a_column_for_each_label_of_the_cycle(digits, tmp_path, labels, columns):
    """Of one label it is square; of ten classes, seven samples are the first seven."""
    sampling.save(tmp_path / "x.png", digits.sample(7, labels=labels), digits)
    with Image.open(tmp_path / "x.png") as image:
        assert image.width == columns * 66 + 2


def test_a_place_that_cannot_be_written_is_known_before(digits, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "000000.png").write_text("")
    samples = digits.sample(1)
    for name, message in (
        ("file/x.png", "cannot write"),
        ("file/x.npz", "cannot write"),
        ("file/folder", "cannot write"),
        ("file", "cannot write"),
        ("full", "full holds files, which would be taken for results"),
    ):
        with pytest.raises(JaxganError, match=message):
            sampling.check_form(tmp_path / name, digits)
        with pytest.raises(JaxganError, match=message):
            sampling.save(tmp_path / name, samples, digits)


def test_what_is_not_finite_is_named_whoever_asked_for_it(digits):
    broken = digits.state.replace(average=jax.tree.map(lambda x: x * np.nan, digits.state.average))
    trained = dataclasses.replace(digits, state=broken)
    for work in (lambda: trained.sample(1), lambda: trained.generate(np.zeros((1, 2)))):
        with pytest.raises(JaxganError, match="what the generator makes is not finite: training diverged, or latents"):
            work()
