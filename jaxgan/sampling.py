"""Drawing samples from a run. Needs the run directory only: no data set, no recipe file, no accelerator."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgan import plotting
from jaxgan.data.spec import DataSpec
from jaxgan.drawing import Sampler, Samples, generative, in_chunks, sample_key
from jaxgan.errors import JaxganError, check_file_name, check_whole, unknown
from jaxgan.levels import as_written, to_uint8
from jaxgan.outputs import FILES, check_output, unwritable
from jaxgan.systems import System, Translating
from jaxgan.systems.inputs import has_styles, scaled
from jaxgan.training.saved import Checkpoint, open_run
from jaxgan.training.seeds import run_of, seeds_of

TRANSLATED = 4
"""Images are translated this many at a time, whatever their number; more than a few would make one of them costly."""


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
        check_whole("number of samples", num)
        check_whole("seed", seed)
        if num < 1:
            raise JaxganError(f"cannot draw {num} samples; ask for at least 1.")
        if not 0 <= seed < 2**32:  # JAX would take its last 32 bits
            raise JaxganError(f"the seed is {seed}, but must be in 0..{2**32 - 1}.")
        self._check(labels, truncation)
        with jax.default_matmul_precision(self.config["matmul_precision"]):
            return self.sampler(self.state, seed, num, labels, truncation)

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
        self._check(labels, truncation)
        psi = truncation if self._has_styles else None  # or a program would be compiled that is no other one
        with jax.default_matmul_precision(self.config["matmul_precision"]):
            return self.sampler.generate(self.state, latents, labels, psi)

    @property
    def _has_styles(self) -> bool:
        return any(has_styles(module) for module, _ in self.system.networks().values())

    def _check(self, labels: Sequence[int] | None, truncation: float | None) -> None:
        """Refuses labels and truncations that the run does not have."""
        classes = self.system.num_classes
        if labels is not None and not classes:
            raise JaxganError("this run was trained without labels, so samples cannot be asked for by class.")
        for label in () if labels is None else labels:
            check_whole("label", label)
        if labels is not None and not (len(labels) and all(0 <= label < classes for label in labels)):
            names = ", ".join(self.spec.class_names)
            raise JaxganError(f"the labels are {list(labels)}, but must be in 0..{classes - 1} ({names}).")
        if truncation is not None:
            _check_truncation(truncation, self._has_styles)

    def check_images(self, images: np.ndarray) -> None:
        """Refuses images that are not [n, *shape] of what the run was trained on, n >= 1.

        Raises:
          JaxganError: it says both shapes.
        """
        if not len(images) or images.shape[1:] != self.spec.shape:
            shape = ", ".join(map(str, self.spec.shape))
            raise JaxganError(f"the images are {list(images.shape)}, but must be [n, {shape}].")

    def translation(self, name: str | None = None) -> str:
        """The name of one of the system's translations; by default of the first.

        Raises:
          JaxganError: the run translates nothing, or there is no such translation.
        """
        if not isinstance(self.system, Translating):
            raise JaxganError("this run makes no images of images: its system makes samples; use `jaxgan sample`.")
        if name is not None and name not in self.system.translations:
            raise unknown("translation", name, self.system.translations)
        return name or self.system.translations[0]

    def translate(self, images: np.ndarray, translation: str | None = None) -> np.ndarray:
        """Makes images of images; each depends on its own only.

        Args:
          images: uint8 [n, h, w, c], or floats in [-1, 1], of the shape that the run was trained on.
          translation: one of `system.translations`; by default the first.

        Returns:
          float32 [n, h, w, c] in [-1, 1].

        Raises:
          JaxganError: the run translates nothing, an unknown translation, images of another shape or range, or what
            they become is not finite.
        """
        program = functools.partial(_translate, self.system, self.translation(translation))
        self.check_images(images)
        _check_scale(images)
        with jax.default_matmul_precision(self.config["matmul_precision"]):
            made = in_chunks(program, self.system.settled(self.state), images, chunk=TRANSLATED)
        if not np.isfinite(made).all():
            raise JaxganError("what the run makes of the images is not finite: they are far from those of training.")
        return made


@functools.partial(jax.jit, static_argnums=(0, 1))
def _translate(system: Translating, name: str, state: Any, images: jax.Array) -> jax.Array:
    return system.translate(state, scaled(images), name)


def _check_scale(images: np.ndarray) -> None:
    """Refuses images that are neither uint8 nor floats in [-1, 1]."""
    if images.dtype == np.uint8:
        return
    if not np.issubdtype(images.dtype, np.floating):  # 0 and 1 of an int32 would count as grey and white
        raise JaxganError(f"the images are {images.dtype}, but must be uint8, or floats in [-1, 1].")
    low, high = float(np.min(images)), float(np.max(images))
    if not -1 <= low <= high <= 1:
        raise JaxganError(f"the images are in [{low:g}, {high:g}], but as floats must be in [-1, 1].")


def _check_truncation(truncation: float, has_styles: bool) -> None:
    if has_styles and not 0 <= truncation <= 1:
        raise JaxganError(f"the truncation is {truncation}, but must be in [0, 1], the psi of a generator with styles.")
    if not has_styles and not 0 < truncation < math.inf:
        raise JaxganError(f"the truncation is {truncation}, but must be a number over 0, the bound of the latents.")


def load(directory: str | Path, checkpoint: Checkpoint = "last", seed: int | None = None) -> Trained:
    """Loads a run for sampling: `jaxgan.sampling.load("runs/digits_cgan").sample(64)`.

    Args:
      directory: a run directory.
      checkpoint: which one.
      seed: of a run that was trained with several, which one; by default the first.

    Raises:
      JaxganError: no run there, no such seed, no such checkpoint, none that is whole, or a run with something that is
        in no table now.
    """
    restored = _restore(directory, checkpoint)
    seeds = seeds_of(restored.config)
    if seed is not None and seed not in seeds:
        raise JaxganError(f"{directory} was not trained with seed {seed}, but with {', '.join(map(str, seeds))}.")
    return _of_seed(restored, seeds[0] if seed is None else seed)


def load_all(directory: str | Path, checkpoint: Checkpoint = "last") -> dict[int, Trained]:
    """Loads the runs of all seeds that were trained together, by seed; arguments and errors as of `load`."""
    restored = _restore(directory, checkpoint)
    return {seed: _of_seed(restored, seed) for seed in seeds_of(restored.config)}


def _of_seed(restored: Trained, seed: int) -> Trained:
    state = run_of(restored.state, seeds_of(restored.config), seed)
    return dataclasses.replace(restored, state=state, seed=seed)


def _restore(directory: str | Path, checkpoint: Checkpoint) -> Trained:
    """With the states of all seeds in one, as they were trained."""
    saved = open_run(directory)
    step, state = saved.restore(checkpoint)
    return Trained(saved.system, state, step, saved.spec, saved.config, seeds_of(saved.config)[0], saved.sampler)


def check_form(path: Path, trained: Trained, animated: bool = False, given: Sequence[str | Path] = ()) -> None:
    """Refuses a path that `save` has no form for or cannot write, so that it can be known before any work.

    Args:
      path: as of `save`.
      trained: what the samples are drawn from.
      animated: whether they follow each other.
      given: what they are made from besides, which is not to be written over.

    Raises:
      JaxganError: a form of image file that is not written, an animation of samples that do not follow each other,
        points that are to go where images go, classes that no folder can be called by, or as of `check_output`.
    """
    suffix = path.suffix.lower()
    if suffix == ".gif" and not animated:
        raise JaxganError("a .gif is an animation, and only --interpolate has one; write samples to a .png or a .npz.")
    if suffix in plotting.NOT_WRITTEN:
        raise JaxganError(f"samples are written as .png or .npz, or into a folder, not as {path.suffix}.")
    if len(trained.spec.shape) == 1 and suffix not in (".png", ".npz"):
        raise JaxganError(f"points are not images: write them to a .npz or a .png instead of {path}.")
    if suffix not in FILES and trained.system.num_classes:
        for name in trained.spec.class_names:  # run.json states them, and anyone may have written that
            check_file_name("class", name)
    check_output(path, given)


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
        [n, h, w, c] (points stay float32 [n, d]), `latents` and `labels`; anything else is a new folder of PNG
        files, of a run with labels in a sub-folder a class.
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
    images = as_written(samples.images)
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
                plotting.save_image(folder / f"{index:06d}.png", image)
    except OSError as error:
        raise unwritable(path, error) from error


def _draw(path: Path, samples: Samples, pictures: np.ndarray | None) -> None:
    if pictures is None:
        plotting.save_samples(path, samples.images, None, _period(samples.labels))
        return
    columns, shape = pictures.shape[-4], pictures.shape[-3:]
    if path.suffix.lower() == ".gif":
        plotting.save_animation(path, to_uint8(pictures).reshape(len(pictures), -1, *shape), columns)
    else:
        plotting.save_sheet(path, to_uint8(pictures).reshape(-1, *shape), columns)


def _period(labels: np.ndarray) -> int:
    """After how many the labels begin anew, as far as can be seen: of 7 2 2 7 2, 3."""
    return next(n for n in range(1, len(labels) + 1) if np.array_equal(labels[n:], labels[:-n]))
