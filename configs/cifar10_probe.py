"""What a small DCGAN's D has learnt of CIFAR-10 without labels: linear classifiers on its features, from a few.

The data: a folder or zip of images, `train/<class>/<n>.jpg` and `test/<class>/<n>.jpg`. What is compared is that of
`mnist_probe`; networks and optimizers are those of `mnist_nsgan`, at 32x32 pixels in colour.

Command: `jaxgan train --config cifar10_probe --config.data.data_dir=FOLDER_OR_ZIP`.

Result on the 10,000 test images, seed 0, means and standard errors of five draws of the labels: with 100 labels D's
features are right on 33.5 ± 0.4 %, its features before training on 24.6 ± 0.6 %, pixels on 23.5 ± 0.3 %, D's layers
trained by the labels alone on 25.8 ± 0.5 %; with 1,000 labels on 48.6 ± 0.2, 36.3 ± 0.3, 34.0 ± 0.4 and 40.4 ± 0.2 %.
Cost: 25 min of one CPU core, and 20 min for the scores.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.steps = 6_000
    config.metrics = ("probe100_cifar10_jpg", "probe1000_cifar10_jpg")
    config.data = dict(name="folder", data_dir="data/cifar10", split="train", image_size=32, channels=3)
    return config
