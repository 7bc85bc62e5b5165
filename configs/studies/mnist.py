"""Are GANs created equal? Eight methods under three learning rates and five seeds, on MNIST, 192,000 images each.

Source: Lucic et al. 2018 (arXiv:1711.10337): methods tried under many settings at equal cost differ less than seeds and
settings do. Ours: the recipes of `mnist_nsgan`'s family between the same networks; three settings, their learning rates
and a third and three times of them (theirs 100 random ones); cost is counted in images that D is trained on, so that a
WGAN's G takes a fifth of the steps.

Command: `jaxgan study mnist --workdir runs/study_mnist --config.data.data_dir=DIR`.
Cost: 24 cells, each of 3 to 8 minutes a seed on one CPU core, so ten hours; not yet measured, a GPU's work.
"""

from jaxgan.config import load
from jaxgan.study import Study, rates

METHODS = ("mmgan", "nsgan", "lsgan", "wgan", "wgan_gp", "dragan", "sngan", "r3gan")
FACTORS = {"rates / 3": 1 / 3, "rates": 1.0, "rates x 3": 3.0}


def get_study():
    cells = {
        (method, setting): rates(load(f"mnist_{method}"), factor)
        for method in METHODS
        for setting, factor in FACTORS.items()
    }
    return Study(cells, images=192_000, seeds=5, metrics=("fid10k_test_mnist", "dc10k_test_mnist"))
