"""Drawing samples from a run. Needs the run directory only: no data set, no recipe file, no accelerator."""

import dataclasses
import functools
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image

from jaxgan import plotting
from jaxgan.config import SHARED
from jaxgan.data.spec import DataSpec
from jaxgan.drawing import Sampler, Samples, generative, in_chunks, sample_key
from jaxgan.errors import JaxganError, UnknownName, unknown
from jaxgan.systems import System, Translating, build_system
from jaxgan.systems.inputs import has_styles
from jaxgan.training.checkpoints import Checkpoints
from jaxgan.training.run_directory import RunDirectory
from jaxgan.training.seeds import as_array, make_init, run_of, seeds_of


@dataclasses.dataclass(frozen=True)
class Trained:
    """A run's system with the state of one of its checkpoints.

    Attributes:
      system: built from the run's own settings.
      state: of the checkpoint.
      step: of the checkpoint.
      spec: what the data looked like.
      config: the run's settings.
      seed: that it was trained with.
      sampler: of the system; the seeds of a run share its compiled program.
    """

    system: System
    state: Any
    step: int
    spec: DataSpec
    config: Mapping[str, Any]
    seed: int
    sampler: Sampler

    def sample(
        self, num: int, seed: int = 0, labels: Sequence[int] | None = None, truncation: float | None = None
    ) -> Samples:
        """Draws `num` samples; sample i depends on (seed, i) and its label, never on `num`.

        Args:
          num: how many.
          seed: of the latents.
          labels: class numbers, used in turn; by default all classes in turn.
          truncation: less variety for more fidelity: psi in [0, 1] of a generator with styles, for others the most
            standard deviations that a latent is from 0.

        Raises:
          JaxganError: labels for a run without classes, a class that does not exist, or a number out of range.
        """
        generative(self.system)
        if num < 1:
            raise JaxganError(f"cannot draw {num} samples; ask for at least 1.")
        if not 0 <= seed < 2**32:  # JAX would take its last 32 bits
            raise JaxganError(f"the seed is {seed}, but must be in 0..{2**32 - 1}.")
        sampler = self._sampler(labels, truncation)
        with jax.default_matmul_precision(self.config["matmul_precision"]):
            return sampler(self.state, seed, num, labels)

    def generate(
        self, latents: np.ndarray, labels: Sequence[int] | None = None, truncation: float | None = None
    ) -> Samples:
        """The samples of given latents; as they are computed 64 at a time, their bits do not depend on their number.

        Args:
          latents: float32 [n, ...], as `sample` returns them.
          labels: class numbers, used in turn; by default all classes in turn.
          truncation: psi in [0, 1] of a generator with styles; for others it concerns the drawing of latents only.

        Raises:
          JaxganError: latents of another shape or not finite, or as of `sample`.
        """
        latents = np.asarray(latents, np.float32)
        one = jax.eval_shape(generative(self.system).latents, sample_key(np.uint32(0)), np.zeros(1, np.int32)).shape[1:]
        if not len(latents) or latents.shape[1:] != one:
            raise JaxganError(f"the latents are {list(latents.shape)}, but must be [n, {', '.join(map(str, one))}].")
        if not np.isfinite(latents).all():
            raise JaxganError("the latents are not all finite.")
        sampler = self._sampler(labels, truncation)
        with jax.default_matmul_precision(self.config["matmul_precision"]):
            return sampler.generate(self.state, latents, labels)

    def _sampler(self, labels: Sequence[int] | None, truncation: float | None) -> Sampler:
        """The sampler for a truncation; refuses labels and truncations that the run does not have."""
        classes = self.system.num_classes
        if labels is not None and not classes:
            raise JaxganError("this run was trained without labels, so samples cannot be asked for by class.")
        if labels is not None and not (len(labels) and all(0 <= label < classes for label in labels)):
            names = ", ".join(self.spec.class_names)
            raise JaxganError(f"the labels are {list(labels)}, but must be in 0..{classes - 1} ({names}).")
        if truncation is None:
            return self.sampler
        _check_truncation(truncation, any(has_styles(module) for module, _ in self.system.networks().values()))
        return Sampler(self.system, truncation)

    def translate(self, images: np.ndarray, translation: str | None = None) -> np.ndarray:
        """Makes images of images; each depends on its own only.

        Args:
          images: float32 [n, h, w, c] in [-1, 1], of the shape that the run was trained on.
          translation: one of `system.translations`; by default the first.

        Returns:
          float32 [n, h, w, c] in [-1, 1].

        Raises:
          JaxganError: the run translates nothing, an unknown translation, or images of another shape.
        """
        if not isinstance(self.system, Translating):
            raise JaxganError("this run makes no images of images: its system makes samples.")
        translation = translation or self.system.translations[0]
        if translation not in self.system.translations:
            raise unknown("translation", translation, self.system.translations)
        if not len(images) or images.shape[1:] != self.spec.shape:
            shape = ", ".join(map(str, self.spec.shape))
            raise JaxganError(f"the images are {list(images.shape)}, but must be [n, {shape}].")
        with jax.default_matmul_precision(self.config["matmul_precision"]):
            return in_chunks(self._translators[translation], self.system.settled(self.state), images)

    @functools.cached_property
    def _translators(self) -> dict[str, Any]:
        assert isinstance(self.system, Translating)
        translate = self.system.translate
        return {name: jax.jit(functools.partial(translate, translation=name)) for name in self.system.translations}


def _check_truncation(truncation: float, has_styles: bool) -> None:
    if has_styles and not 0 <= truncation <= 1:
        raise JaxganError(f"the truncation is {truncation}, but must be in [0, 1], the psi of a generator with styles.")
    if not has_styles and not 0 < truncation < math.inf:
        raise JaxganError(f"the truncation is {truncation}, but must be a number over 0, the bound of the latents.")


def load(directory: str | Path, step: int | None = None, seed: int | None = None) -> Trained:
    """Loads a run for sampling: `jaxgan.sampling.load("runs/digits_cgan").sample(64)`.

    Args:
      directory: a run directory.
      step: of the checkpoint; by default the newest one that is whole.
      seed: of a run that was trained with several, which one; by default the first.

    Raises:
      JaxganError: no run there, no such seed, no such checkpoint, none that is whole, or a run with something that is
        in no table now.
    """
    restored = _restore(directory, step)
    seeds = seeds_of(restored.config)
    if seed is not None and seed not in seeds:
        raise JaxganError(f"{directory} was not trained with seed {seed}, but with {', '.join(map(str, seeds))}.")
    return _of_seed(restored, seeds[0] if seed is None else seed)


def load_all(directory: str | Path, step: int | None = None) -> dict[int, Trained]:
    """Loads the runs of all seeds that were trained together, by seed; arguments and errors as of `load`."""
    restored = _restore(directory, step)
    return {seed: _of_seed(restored, seed) for seed in seeds_of(restored.config)}


def _of_seed(restored: Trained, seed: int) -> Trained:
    state = run_of(restored.state, seeds_of(restored.config), seed)
    return dataclasses.replace(restored, state=state, seed=seed)


def _restore(directory: str | Path, step: int | None) -> Trained:
    """With the states of all seeds in one, as they were trained."""
    run = RunDirectory(directory)
    config, spec = SHARED | dict(run.config()), run.spec()
    try:
        system, seeds = build_system(config, spec), seeds_of(config)
    except UnknownName as error:
        raise JaxganError(
            f"{error}\nIf a recipe file or script of your own added it, import that and call jaxgan.sampling.load."
        ) from error
    checkpoints = Checkpoints(run.checkpoints)
    abstract = {"state": jax.eval_shape(make_init(system, spec.zeros(1), seeds), as_array(seeds))}
    if step is None:
        found = checkpoints.restore_newest(abstract, lambda message: print(message, file=sys.stderr))
        if found is None:
            raise JaxganError(f"{directory} has no checkpoint yet.")
        step, trees = found
    elif step in checkpoints.steps():
        trees = checkpoints.restore(step, abstract)
    else:
        raise JaxganError(f"{directory} has no checkpoint of step {step}; it has {checkpoints.steps()}.")
    checkpoints.close()
    return Trained(system, jax.device_put(trees["state"]), step, spec, config, seeds[0], Sampler(system))


def check_form(path: Path, trained: Trained, animated: bool = False) -> None:
    """Refuses a path that `save` has no form for, so that it can be known before any work.

    Raises:
      JaxganError: a form of image file that is not written, an animation of samples that do not follow each other, or
        points that are to go where images go.
    """
    suffix = path.suffix.lower()
    if suffix == ".gif" and not animated:
        raise JaxganError("a .gif is an animation, and only --interpolate has one; write samples to a .png or a .npz.")
    if suffix in plotting.NOT_WRITTEN:
        raise JaxganError(f"samples are written as .png or .npz, or into a folder, not as {path.suffix}.")
    if len(trained.spec.shape) == 1 and suffix not in (".png", ".npz"):
        raise JaxganError(f"points are not images: write them to a .npz or a .png instead of {path}.")


def save(
    path: Path,
    samples: Samples,
    trained: Trained,
    pictures: np.ndarray | None = None,
    more: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Writes samples in the form that the path asks for.

    Args:
      path: `.png` for a sheet (or a scatter of points); `.gif` for an animation; `.npz` for `images` uint8
        [n, h, w, c] (points stay float32 [n, d]), `latents` and `labels`; anything else is a folder of PNG files,
        of a run with labels in a sub-folder a class.
      samples: what to write.
      trained: what they were drawn from.
      pictures: what a sheet shows, if not the samples in their order: float32 [rows, columns, h, w, c]; of an
        animation [frames, rows, columns, h, w, c].
      more: what an `.npz` holds besides.

    Raises:
      JaxganError: the place cannot be written, or as of `check_form`.
    """
    check_form(path, trained, animated=pictures is not None and pictures.ndim == 6)
    points = samples.images.ndim == 2
    images = samples.images if points else plotting.to_uint8(samples.images)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() in (".png", ".gif"):
            _draw(path, samples, None if points else pictures)
        elif path.suffix.lower() == ".npz":
            arrays: dict[str, Any] = dict(images=images, latents=samples.latents, labels=samples.labels, **(more or {}))
            with path.open("wb") as file:
                np.savez(file, **arrays)
        else:
            for index, (image, label) in enumerate(zip(images, samples.labels, strict=True)):
                folder = path / trained.spec.class_names[label] if trained.system.num_classes else path
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(plotting.sheet(image[None], 1, gap=0)).save(folder / f"{index:06d}.png")
    except OSError as error:
        raise JaxganError(f"cannot write {path}: {error.strerror or error}.") from error


def _draw(path: Path, samples: Samples, pictures: np.ndarray | None) -> None:
    if pictures is None:
        plotting.save_samples(path, samples.images, None, len(np.unique(samples.labels)))
        return
    columns, shape = pictures.shape[-4], pictures.shape[-3:]
    if path.suffix.lower() == ".gif":
        plotting.save_animation(path, plotting.to_uint8(pictures).reshape(len(pictures), -1, *shape), columns)
    else:
        plotting.save_sheet(path, plotting.to_uint8(pictures).reshape(-1, *shape), columns)
