"""The painting that the documentation takes its style from, and the sheet it shows."""

import numpy as np
import style_pictures
from PIL import Image


def test_the_flow_turns_around_a_whirl_and_is_of_unit_length():
    x, y, radius, sense = style_pictures.WHIRLS[1]
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    aspect = style_pictures.SIZE[1] / style_pictures.SIZE[0]
    around = np.stack([np.cos(angles), np.sin(angles)], 1)
    flow = style_pictures.flow(np.array([x, y]) + radius * 0.5 * around / [aspect, 1])
    np.testing.assert_allclose(np.linalg.norm(flow, axis=1), 1)
    turning = sense * (around[:, 0] * flow[:, 1] - around[:, 1] * flow[:, 0])  # 1 where it is tangential
    assert turning.min() > 0.5
    assert turning.mean() > 0.85


def test_lights_are_gold_and_the_night_is_blue():
    rng = np.random.default_rng(0)
    gold = style_pictures.colours(np.repeat(style_pictures.LIGHTS[:1, :2], 200, 0), rng).mean(0)
    blue = style_pictures.colours(np.tile([0.5, 0.95], (200, 1)), rng).mean(0)
    assert gold[0] > gold[2] + 50
    assert blue[2] > blue[0] + 50


def test_a_seed_paints_the_same_picture_again():
    few = ((30, 70, 22), (10, 30, 9))
    a, b, c = (np.asarray(style_pictures.painting(few, seed)) for seed in (1, 1, 2))
    assert a.shape == (*style_pictures.SIZE, 3)
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_a_sheet_has_its_pictures_side_by_side(tmp_path):
    for name, colour in (("a", "red"), ("b", "blue")):
        Image.new("RGB", (20, 10), colour).save(tmp_path / f"{name}.png")
    made = np.asarray(style_pictures.sheet([tmp_path / "a.png", tmp_path / "b.png"], height=10, gap=6))
    assert made.shape == (10, 46, 3)
    assert made[5, 10].tolist() == [255, 0, 0]
    assert made[5, 23].tolist() == [255, 255, 255]
    assert made[5, 36].tolist() == [0, 0, 255]
