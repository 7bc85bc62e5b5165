"""What the D of `mnist_nsgan` has learnt of digits without labels: linear classifiers on its features, from a few.

Source: the use is that of Radford et al. 2016, section 5. At 100 and at 1,000 labels, five draws of each: logistic
regression on the features of the trained D, on those of one before training and on pixels, and D's own layers trained
by these labels alone; budgets in `jaxgan/evaluation/probe.py` and beside the scores in `evaluations.jsonl`.

Any recipe without labels whose D looks at each image alone, and does not grow, can be probed:
`--config.metrics='("probe100_mnist", "probe1000_mnist")'`.

Command: `jaxgan train --config mnist_probe --config.data.data_dir=DIR`. Cost and result: not yet measured.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.metrics = ("probe100_mnist", "probe1000_mnist")
    return config
