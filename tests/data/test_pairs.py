"""Examples that are pairs: who stands with whom, what is refused, and domains whose translations are known."""

import colorsys
import json
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan.data import DataSpec, make_feed, open_source
from jaxgan.data.mnist_domains import coloured, drawn_hues, uncoloured
from jaxgan.data.order import epoch_permutation
from jaxgan.errors import JaxganError

SIDE = 4


def save(path, value, channels=3, size=(SIDE, SIDE)):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (*size, 3) if channels == 3 else size
    Image.fromarray(np.broadcast_to(np.uint8(value), shape).copy()).save(path)


@pytest.fixture
def domains(tmp_path):
    """Grey levels 0..4 in one domain, 100..102 in the other."""
    for folder, values in (("trainA", range(5)), ("trainB", range(100, 103))):
        for value in values:
            save(tmp_path / folder / f"{value}.png", value)
    return tmp_path


def opened(name, folder, seed=0, **options):
    return open_source({"name": name, "data_dir": str(folder), **options}, seed)


def values(source):
    """(level of the image, level of the other) of every pair."""
    arrays = source.arrays()
    return [(int(a), int(b)) for a, b in zip(arrays["image"][:, 0, 0, 0], arrays["other"][:, 0, 0, 0], strict=True)]


SMALL_LIMIT = dict(memory_gib=1e-9)  # nothing stays in memory


@pytest.mark.parametrize("options", [{}, SMALL_LIMIT])
def test_reading_by_position_together_and_as_a_whole_agree(domains, options):
    source = opened("unpaired", domains, **options)
    arrays = source.arrays()
    assert source.spec == DataSpec((SIDE, SIDE, 3), "uint8", (), 5, (SIDE, SIDE, 3))
    assert DataSpec.from_json(json.loads(json.dumps(source.spec._asdict()))) == source.spec
    for index, together in zip([3, 0, 4], source.__getitems__([3, 0, 4]), strict=True):
        assert together.keys() == source[index].keys() == arrays.keys() == {"image", "other"}
        for key, array in arrays.items():
            np.testing.assert_array_equal(source[index][key], array[index])
            np.testing.assert_array_equal(together[key], array[index])


@pytest.mark.parametrize("swapped", [False, True])
def test_the_smaller_domain_comes_in_turn(domains, swapped):
    """Of five and three: each of the five once, each of the three once before any comes again."""
    sides = dict(first="trainB", second="trainA") if swapped else {}
    pairs = values(opened("unpaired", domains, **sides))
    many, few = zip(*(reversed(pair) if swapped else pair for pair in pairs), strict=True)
    assert many == (0, 1, 2, 3, 4)
    assert sorted(few[:3]) == [100, 101, 102]
    assert len(set(few[3:])) == 2


def test_who_meets_is_decided_by_the_seed(domains):
    for value in (103, 104):
        save(domains / "trainB" / f"{value}.png", value)
    one, again = (values(opened("unpaired", domains, seed=1)) for _ in range(2))
    assert one == again
    assert sorted(b for _, b in one) == [100, 101, 102, 103, 104]
    assert len({tuple(values(opened("unpaired", domains, seed))) for seed in range(6)}) > 3


def test_partners_are_not_drawn_by_what_orders_the_epochs(domains):
    for value in (103, 104):
        save(domains / "trainB" / f"{value}.png", value)
    met = [[b - 100 for _, b in values(opened("unpaired", domains, seed))] for seed in range(4)]
    assert met != [epoch_permutation(seed, 0, 5).tolist() for seed in range(4)]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            "trainA",
            "trainA/",
            r"first is 'trainA' and config\.data\.second 'trainA/'; name two sub-folders",
        ),
        ("trainB/../trainA", "./trainA", "neither of them in the other"),
        ("trainA", "trainA/more", "neither of them in the other"),
        ("", "trainB", r"config\.data\.first is '', but must name a sub-folder of config\.data\.data_dir"),
        ("trainA", "../trainB", r"config\.data\.second is '\.\./trainB', but must name a sub-folder"),
        ("/", "trainB", r"config\.data\.first is '/', but must name"),
    ],
)
def test_a_domain_with_itself_or_from_elsewhere_is_refused(domains, first, second, message):
    for name in ("unpaired", "paired"):
        with pytest.raises(JaxganError, match=message):
            opened(name, domains, first=first, second=second)


def test_memory_that_one_domain_leaves_is_the_others(domains):
    """Of five images and three, 48 bytes each: together they take 384."""
    enough, too_little = (opened("unpaired", domains, memory_gib=size / 2**30) for size in (384, 383))
    together = values(enough)
    shutil.rmtree(domains)
    assert values(enough) == together
    with pytest.raises(JaxganError, match="was readable when the run started"):
        values(too_little)


def test_class_folders_of_a_split_are_domains(tmp_path):
    for name, value in (("horse", 7), ("deer", 9), ("ship", 11)):
        save(tmp_path / "train" / name / "0.png", value)
    assert values(opened("unpaired", tmp_path, first="train/horse", second="train/deer")) == [(7, 9)]


def test_pairs_have_the_same_file_name(tmp_path):
    for name, value in (("b", 1), ("a", 2), ("c", 3)):
        save(tmp_path / "A" / "train" / f"{name}.png", value)
        save(tmp_path / "B" / "train" / f"{name}.png", 100 + value)
    save(tmp_path / "A" / "test" / "d.png", 9)  # another split
    assert values(opened("paired", tmp_path)) == [(2, 102), (1, 101), (3, 103)]
    assert values(opened("paired", tmp_path, first="B/train", second="A/train")) == [(102, 2), (101, 1), (103, 3)]


def test_missing_partners_are_listed(tmp_path):
    for name in ("a", "b", "c"):
        save(tmp_path / "A" / "train" / f"{name}.png", 1)
    save(tmp_path / "B" / "train" / "b.png", 1)
    with pytest.raises(
        JaxganError, match=r"2 of the images in A/train have no partner .* in B/train: a\.png, c\.png\.$"
    ):
        opened("paired", tmp_path)
    with pytest.raises(
        JaxganError, match=r"2 of the images in A/train have no partner .* in B/train: a\.png, c\.png\.$"
    ):
        opened("paired", tmp_path, first="B/train", second="A/train")


@pytest.mark.parametrize(("direction", "expected"), [("AtoB", [(1, 2), (3, 4)]), ("BtoA", [(2, 1), (4, 3)])])
@pytest.mark.parametrize("options", [{}, SMALL_LIMIT, dict(image_size=SIDE), dict(image_size=(SIDE, SIDE))])
def test_halves_of_one_image_are_a_pair(tmp_path, direction, expected, options):
    for name, (left, right) in (("x", (1, 2)), ("y", (3, 4))):
        row = np.repeat(np.uint8([left, right]), SIDE)
        save(tmp_path / "train" / f"{name}.png", row[None, :, None], size=(SIDE, 2 * SIDE))
    source = opened("combined", tmp_path, direction=direction, **options)
    assert (source.spec.shape, source.spec.other) == ((SIDE, SIDE, 3), (SIDE, SIDE, 3))
    assert values(source) == expected
    assert [int(example["other"].max()) for example in source.__getitems__([0, 1])] == [b for _, b in expected]
    np.testing.assert_array_equal(source[1]["image"], source.arrays()["image"][1])


@pytest.mark.parametrize("options", [{}, SMALL_LIMIT])
def test_nothing_of_one_half_shows_in_the_other(tmp_path, options):
    """Black beside white stays so, whatever filter makes them smaller."""
    row = np.repeat(np.uint8([0, 255]), 15)
    save(tmp_path / "train" / "x.png", row[None, :, None], size=(12, 30))
    arrays = opened("combined", tmp_path, image_size=SIDE, **options).arrays()
    assert (arrays["image"].max(), arrays["other"].min()) == (0, 255)


def test_a_feed_brings_pairs(domains):
    """From the device or as a stream, in the same order, as the source has them."""
    source = opened("unpaired", domains)
    known, seen = set(values(source)), []
    for limit in (0, 2**20):
        feed = make_feed(source, 2, 1, (0,), limit)
        batch = feed.batch(jax.device_put(feed.constants), next(feed.items(0, 1)))
        pairs = list(
            zip(*(np.asarray(batch[key]).reshape(2, -1)[:, 0].tolist() for key in ("image", "other")), strict=True)
        )
        assert known.issuperset(pairs)
        seen.append(pairs)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", ["unpaired", "paired"])
def test_domains_of_different_channels_or_sizes_are_refused(tmp_path, name):
    save(tmp_path / "A" / "0.png", 1)
    save(tmp_path / "B" / "0.png", 1, channels=1)
    save(tmp_path / "C" / "0.png", 1, size=(SIDE, 6))
    with pytest.raises(
        JaxganError, match=r"in A have 3 channels, those in B 1; set config\.data\.channels=3.* or 1\.$"
    ):
        opened(name, tmp_path, first="A", second="B")
    assert opened(name, tmp_path, first="A", second="B", channels=3).spec.other == (SIDE, SIDE, 3)
    with pytest.raises(JaxganError, match=r"in A are 4x4, those in C 4x6; set config\.data\.image_size\.$"):
        opened(name, tmp_path, first="A", second="C")
    assert opened(name, tmp_path, first="A", second="C", image_size=3).spec.shape == (3, 3, 3)


def test_what_cannot_be_opened_is_refused(tmp_path):
    save(tmp_path / "trainA" / "0.png", 1, size=(4, 5))
    with pytest.raises(JaxganError, match=r"unknown split .*'trainB'\. Did you mean 'trainA'"):
        opened("unpaired", tmp_path)
    for image_size in (0, 3):
        with pytest.raises(JaxganError, match="an image of 4x5 does not fall into two halves of equal width"):
            opened("combined", tmp_path, split="trainA", image_size=image_size)


# MNIST's domains


@pytest.fixture(scope="module")
def mnist(shared_data):
    def make(seed=0, **options):
        return open_source(
            {"name": "mnist_domains", "data_dir": str(shared_data / "tfds"), "split": "train[:20]", **options}, seed
        )

    return make


@pytest.fixture(scope="module")
def digits(shared_data):
    options = {"name": "tfds:mnist", "data_dir": str(shared_data / "tfds"), "split": "train[:20]"}
    return open_source(options, 0).arrays()["image"]


def test_no_digit_is_in_both_domains(mnist, digits):
    arrays = mnist().arrays()
    assert mnist().spec == DataSpec((28, 28, 3), "uint8", (), 10, (28, 28, 3))
    for channel in range(3):
        np.testing.assert_array_equal(arrays["image"][..., channel], digits[:10, ..., 0])
    np.testing.assert_array_equal(uncoloured(arrays["other"]), digits[10:])
    assert not {x.tobytes() for x in digits[:10]} & {x.tobytes() for x in uncoloured(arrays["other"])}


def test_paired_every_digit_stands_with_itself(mnist, digits):
    arrays = mnist(paired=True).arrays()
    np.testing.assert_array_equal(arrays["image"][..., :1], digits)
    np.testing.assert_array_equal(uncoloured(arrays["other"]), digits)


def test_a_colour_depends_on_the_seed_and_the_number_only(mnist):
    many, few, other = (
        mnist(seed, paired=True, split=f"train[:{n}]").arrays() for seed, n in ((0, 20), (0, 7), (1, 7))
    )
    np.testing.assert_array_equal(many["other"][:7], few["other"])
    assert not np.array_equal(few["other"], other["other"])


@pytest.mark.parametrize("hue", [0.0, 0.1, 1 / 3, 0.5, 0.6, 2 / 3, 0.95, 1.0])
def test_colours_are_those_of_the_circle(hue):
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    made = coloured(ramp, np.array([hue]))
    full = np.rint(255 * np.array(colorsys.hsv_to_rgb(hue, 1, 1)))
    np.testing.assert_array_equal(made[0, 0, 0], 255)  # black becomes white
    np.testing.assert_array_equal(made[0, -1, -1], full)  # white becomes the colour
    expected = 255 - ramp[0] * (1 - full / 255)
    np.testing.assert_allclose(made[0], expected, atol=0.51)
    np.testing.assert_array_equal(uncoloured(made), ramp)


def test_hues_are_pinned():
    # A change here gives runs that are resumed other data.
    np.testing.assert_allclose(drawn_hues(0, 2, (0.0, 1.0)), [0.3133402162053909, 0.4212743422502509], rtol=1e-15)


def test_hues_are_uniform_within_their_bounds():
    hues = drawn_hues(0, 20_000, (0.2, 0.7))
    assert 0.2 <= hues.min() < 0.2005
    assert 0.6995 < hues.max() <= 0.7
    np.testing.assert_allclose(np.histogram(hues, 10, (0.2, 0.7))[0] / 2000, 1, atol=0.1)  # four standard deviations
    assert set(drawn_hues(3, 4, (0.6, 0.6))) == {0.6}


def test_impossible_domains_are_refused(mnist):
    with pytest.raises(JaxganError, match=r"config\.data\.hues is 1\.5, but must be in \[0, 1\]"):
        mnist(hues=(0.0, 1.5))
    with pytest.raises(JaxganError, match=r"config\.data\.hues is \(0\.9, 0\.1\), but must go upwards"):
        mnist(hues=(0.9, 0.1))
    with pytest.raises(JaxganError, match=r"config\.data\.split=train\[:1\] has one digit"):
        mnist(split="train[:1]")
