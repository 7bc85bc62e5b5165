"""What a small DCGAN's D has learnt of CIFAR-10 without labels: linear classifiers on its features, from a few.

The data: a folder or zip of images, `train/<class>/<n>.jpg` and `test/<class>/<n>.jpg`. What is compared is that of
`mnist_probe`; networks and optimizers are those of `mnist_nsgan`, at 32x32 pixels in colour.

Command: `jaxgan train --config cifar10_probe --config.data.data_dir=FOLDER_OR_ZIP`. Cost and result: not yet measured.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.steps = 6_000
    config.metrics = ("probe100_cifar10_jpg", "probe1000_cifar10_jpg")
    config.data = dict(name="folder", data_dir="data/cifar10", split="train", image_size=32, channels=3)
    return config
