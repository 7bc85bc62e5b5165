"""What the D of `mnist_nsgan` has learnt of digits without labels: linear classifiers on its features, from a few.

Source: the use is that of Radford et al. 2016, section 5. At 100 and at 1,000 labels, five draws of each: logistic
regression on the features of the trained D, on those of one before training and on pixels, and D's own layers trained
by these labels alone; budgets in `jaxgan/evaluation/probe.py` and beside the scores in `evaluations.jsonl`.

Any recipe without labels whose D looks at each image alone, and does not grow, can be probed:
`--config.metrics='("probe100_mnist", "probe1000_mnist")'`.

Command: `jaxgan train --config mnist_probe --config.data.data_dir=DIR`.

Result, of the 10,000 test digits, seed 0, mean and standard error of five draws of the labels, with 100 and with 1,000
of them: trained D 89.1 ± 0.6 and 95.9 ± 0.1 %, D before training 76.3 ± 0.5 and 90.4 ± 0.2, pixels 76.7 ± 0.5 and
87.6 ± 0.3, D's layers trained by the labels alone 80.1 ± 0.4 and 95.3 ± 0.1. Cost: 10 min on one CPU core, and 9 min
for the scores.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.metrics = ("probe100_mnist", "probe1000_mnist")
    return config
