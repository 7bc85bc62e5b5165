"""Trains a GAN: `python train.py --config NAME --workdir DIR`. Without options: handwritten digits, in minutes."""

import sys

from jaxgan.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
