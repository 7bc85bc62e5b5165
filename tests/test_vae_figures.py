"""The figures of a run with two latents."""

import numpy as np
import pytest
import vae_figures
from matplotlib.figure import Figure
from PIL import Image
from shrink import shrink

from jaxgan.config import load
from jaxgan.training.start import run

pytestmark = pytest.mark.usefixtures("drawn")

EMBEDDED = dict(name="digits", split="train", image_size=8, resize="crop", without=())


def trained(folder, **system):
    settings = shrink(load("mnist_vae"))
    settings["data"] = EMBEDDED
    settings["system"] |= system
    run(settings, folder, "a test")
    return str(folder)


def test_codes_of_the_whole_test_split_and_a_grid_are_drawn(tmp_path, monkeypatch):
    shown = {}

    def keep(self, path, **options):
        for points in self.axes[0].collections:
            shown[points.get_label()] = points.get_offsets()
        saved(self, path, **options)

    saved = Figure.savefig
    folder = trained(tmp_path / "run")
    monkeypatch.setattr(Figure, "savefig", keep)
    vae_figures.main([folder, "--out", str(tmp_path / "figures")])
    assert [label.split()[0] for label in shown] == list("0123456789")
    assert sum(len(points) for points in shown.values()) == 360
    assert np.ptp(np.concatenate(list(shown.values()))) > 0
    with Image.open(tmp_path / "figures" / "manifold.png") as manifold:
        assert manifold.size == (15 * 66 + 2, 15 * 66 + 2)  # enlarged to 64 pixels, with gaps


def test_other_runs_are_refused(tmp_path, capsys):
    folder = trained(tmp_path / "run", latent_size=3)
    with pytest.raises(SystemExit):
        vae_figures.main([folder])
    assert "config.system.latent_size=2" in capsys.readouterr().err
