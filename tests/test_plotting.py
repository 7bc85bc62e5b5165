"""Pictures: which pixel goes where, and which values it gets."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from jaxgan.plotting import (
    FRAME,
    above_one_another,
    save_animation,
    save_curves,
    save_metric_figures,
    save_samples,
    save_scatter,
    save_score_curves,
    save_sheet,
    sheet,
    sheet_columns,
    to_uint8,
)

pytestmark = pytest.mark.usefixtures("drawn")


def test_levels_round_to_the_nearest_and_stay_in_range():
    values = np.array([-1, -0.999, 0, 1 / 255, 0.9, 1, 1.5, -7], np.float32)
    # (v + 1) * 127.5: 0, .1275, 127.5 (to even), 128, 242.25, 255, over, under
    assert to_uint8(values).tolist() == [0, 0, 128, 128, 242, 255, 255, 0]


def test_every_level_survives_the_way_to_the_networks_and_back():
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(levels.astype(np.float32) / 127.5 - 1), levels)


def test_images_stand_in_rows_with_white_between_them():
    images = np.stack([np.full((2, 3, 1), 10 * (i + 1), np.uint8) for i in range(5)])
    drawn = sheet(images, columns=2, gap=1)
    assert drawn.shape == (3 * 3 + 1, 2 * 4 + 1)
    expected = np.full((10, 9), 255, np.uint8)
    for value, top, left in ((10, 1, 1), (20, 1, 5), (30, 4, 1), (40, 4, 5), (50, 7, 1)):
        expected[top : top + 2, left : left + 3] = value
    np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize(("channels", "shape"), [(1, (4, 4)), (2, (4, 4)), (3, (4, 4, 3)), (4, (4, 4))])
def test_three_channels_are_colour_and_of_other_numbers_the_first_is_grey(channels, shape):
    image = np.arange(16 * channels, dtype=np.uint8).reshape(1, 4, 4, channels)
    drawn = sheet(image, 1, gap=0)
    assert drawn.shape == shape
    np.testing.assert_array_equal(drawn, image[0] if channels == 3 else image[0, ..., 0])


@pytest.mark.parametrize(
    ("count", "classes", "columns"),
    [(100, 10, 10), (10, 10, 10), (9, 10, 3), (64, 0, 8), (65, 0, 9), (1, 0, 1), (16, 1, 4), (40, 17, 7), (32, 16, 16)],
)
def test_columns(count, classes, columns):
    assert sheet_columns(count, classes) == columns


def test_small_images_are_enlarged_by_whole_factors(tmp_path):
    image = np.array([[0, 100], [150, 255]], np.uint8).reshape(1, 2, 2, 1)
    save_sheet(tmp_path / "small.png", image, 1)
    with Image.open(tmp_path / "small.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (64 + 4, 64 + 4)
    np.testing.assert_array_equal(pixels[2:-2, 2:-2], image[0, ..., 0].repeat(32, 0).repeat(32, 1))
    save_sheet(tmp_path / "large.png", np.zeros((1, 65, 80, 3), np.uint8), 1)
    with Image.open(tmp_path / "large.png") as picture:
        assert (picture.size, picture.mode) == ((84, 69), "RGB")


def test_samples_are_drawn_one_column_a_class(tmp_path):
    samples = np.linspace(-1, 1, 6, dtype=np.float32).reshape(6, 1, 1, 1) * np.ones((6, 64, 64, 1), np.float32)
    save_samples(tmp_path / "sheet.png", samples, None, num_classes=3)
    with Image.open(tmp_path / "sheet.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (2 * 66 + 2, 3 * 66 + 2)
    assert pixels[30::66, 30::66].tolist() == [[0, 51, 102], [153, 204, 255]]


def colours(path):
    with Image.open(path) as picture:
        return {tuple(pixel) for pixel in np.asarray(picture.convert("RGB")).reshape(-1, 3).tolist()}


def test_points_are_drawn_as_a_scatter_of_each_group(tmp_path):
    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    save_scatter(tmp_path / "one.png", {"real": points})
    save_samples(tmp_path / "two.png", points + 5, points, num_classes=0)

    def orange(path):  # of matplotlib's second colour
        return any(red > 200 and green < 200 and blue < 150 for red, green, blue in colours(path))

    assert not orange(tmp_path / "one.png")
    assert orange(tmp_path / "two.png")


def test_curves_are_drawn_for_each_kind_of_metric_there_is(tmp_path):
    own = {"convergence": 0.3, "k": 0.1, "code_information": 2.0, "x_accuracy": 0.5}
    lines = [{"step": step, "a_loss": 1.0 / step, "b_loss": step, "seconds": 1} | own for step in (1, 2, 3)]
    paths = save_metric_figures(tmp_path, lines)
    drawn = ["loss.png", "accuracy.png", "information.png", "convergence.png", "k.png"]
    assert [path.name for path in paths] == drawn
    assert all(len(colours(path)) > 10 for path in paths)
    assert save_metric_figures(tmp_path, []) == []


@pytest.fixture
def figures(monkeypatch):
    """Figures as they are made, in place of their files."""
    made = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **_: made.append(figure))
    return made


def test_a_metric_that_came_later_is_drawn_from_where_it_began(figures):
    lines = [{"step": 1, "a_loss": 1.0}, {"step": 2, "a_loss": 0.5, "b_loss": 2.0}, {"step": 3, "b_loss": 1.0}]
    save_curves(None, lines, ["a_loss", "b_loss", "c_loss"], "loss")
    curves = {line.get_label(): line.get_xydata().tolist() for line in figures[0].axes[0].lines}
    assert curves == {"a loss": [[1, 1], [2, 0.5]], "b loss": [[2, 2], [3, 1]]}
    save_curves(None, lines, ["c_loss"], "loss")
    assert not figures[1].axes[0].lines


def test_scores_have_a_scale_each(figures):
    lines = [{"step": 5, "fid": 90.0, "coverage": 0.1, "fid_se": 2.0}, {"step": 10, "fid": 30.0, "coverage": 0.6}]
    save_score_curves(None, lines, ["fid", "coverage"])
    left, right = figures[0].axes
    assert left.lines[0].get_xydata().tolist() == [[5, 90], [10, 30]]
    assert right.lines[0].get_xydata().tolist() == [[5, 0.1], [10, 0.6]]
    assert left.get_ylim()[1] > 91 > 1 > right.get_ylim()[1]
    save_score_curves(None, lines, ["fid"])
    assert len(figures[1].axes) == 1


def test_points_of_one_number_lie_on_a_line(figures):
    save_scatter(None, {"codes": np.array([[3.0], [-1.0]])})
    (points,) = figures[0].axes[0].collections
    assert points.get_offsets().tolist() == [[3, 0], [-1, 0]]


def test_the_legend_of_points_covers_none_of_them(figures):
    save_scatter(None, {str(digit): np.random.default_rng(digit).normal(size=(50, 2)) for digit in range(10)})
    (figure,) = figures
    figure.draw_without_rendering()
    assert figure.legends[0].get_window_extent().x0 >= figure.axes[0].get_window_extent().x1


@pytest.mark.parametrize(("kind", "white"), [(np.uint8, 255), (np.float32, 1)])
def test_images_stand_above_what_was_made_of_them(kind, white):
    rows = [np.arange(first, first + 12, dtype=kind).reshape(12, 1, 1, 1) for first in (0, 100)]
    laid = above_one_another(*rows)
    assert (laid.dtype, laid.shape) == (kind, (4, 10, 1, 1, 1))
    np.testing.assert_array_equal(laid[1, :, 0, 0, 0], rows[1][:10, 0, 0, 0])
    np.testing.assert_array_equal(laid[3, :3, 0, 0, 0], [110, 111, white])


@pytest.mark.parametrize("channels", [1, 3])
def test_an_animation_has_a_sheet_a_frame_and_repeats_for_ever(tmp_path, channels):
    frames = np.arange(5 * 2, dtype=np.uint8).reshape(5, 2, 1, 1, 1) * 20 + np.zeros((1, 1, 32, 16, channels), np.uint8)
    save_animation(tmp_path / "x.gif", frames, columns=2)
    with Image.open(tmp_path / "x.gif") as image:
        assert image.n_frames == 5
        assert image.info["loop"] == 0
        for index in range(5):
            image.seek(index)
            assert image.info["duration"] == FRAME
            assert image.size == (2 * 34 + 2, 68)  # 32x16 pixels shown as 64x32
            shown = np.asarray(image.convert("L"))
            assert (shown[2:66, 2:34] == 40 * index).all()
            assert (shown[2:66, 36:68] == 40 * index + 20).all()
