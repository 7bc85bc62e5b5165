"""Draws what two latents mean: the codes of the test split, one colour a class, and the images of a grid of latents.

GANs in Action, figures 2.6 and 2.7. Command: `python docs/vae_figures.py RUN [--out FOLDER]`, of a run such as
`mnist_vae`'s; without `--out` into `RUN/figures`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from jaxgan import plotting, sampling
from jaxgan.drawing import in_chunks
from jaxgan.errors import JaxganError
from jaxgan.evaluation.held_out import open_test_split
from jaxgan.sampling import Trained
from jaxgan.systems import Vae
from jaxgan.systems.inputs import scaled


def draw(trained: Trained, out: Path) -> None:
    """Writes `codes.png` and `manifold.png` into a folder.

    Raises:
      JaxganError: the run has no two latents, or its data no test split with classes.
    """
    system, data = trained.system, trained.config["data"]
    if not isinstance(system, Vae) or system.latent_size != 2:
        raise JaxganError("the figures are those of a variational autoencoder with config.system.latent_size=2.")
    source = open_test_split("the figure of the codes", data)
    if not source.spec.class_names:
        raise JaxganError(f"config.data.name={data['name']} has no classes to colour the codes by.")
    test = source.arrays()
    encode = jax.jit(lambda state, images: system.encode(state, scaled(images)))
    codes = in_chunks(encode, trained.state, test["image"])
    out.mkdir(parents=True, exist_ok=True)
    names = source.spec.class_names
    plotting.save_scatter(
        out / "codes.png", {names[label]: codes[test["label"] == label] for label in np.unique(test["label"])}
    )
    plotting.save_preview(out / "manifold.png", np.asarray(system.manifold(trained.state)), None)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Draws the codes and the manifold of a run with two latents.")
    parser.add_argument("directory", metavar="RUN", type=Path, help="run directory")
    parser.add_argument("--out", type=Path, help="folder of the figures (default: RUN/figures)")
    options = parser.parse_args(arguments)
    try:
        draw(sampling.load(options.directory), options.out or options.directory / "figures")
    except JaxganError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
