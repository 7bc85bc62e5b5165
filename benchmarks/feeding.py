"""Images that reach host memory, by jaxgan's feed and by PyTorch's DataLoader.

Both feed batches of 64 uint8 images, shuffled, with the same number of worker processes. Two cases: MNIST, which jaxgan
indexes where it lives and DataLoader reads from a tensor; and zips of JPEGs, decoded and reduced to 64, of which a
measurement reads a part. MNIST needs JAXGAN_TEST_DATA, a folder with `tfds/mnist` prepared as array_record; the zips
are made once, in the folder for temporary files.
"""

import io
import itertools
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import torch
from PIL import Image, ImageOps
from torch.utils.data import DataLoader, Dataset, RandomSampler, TensorDataset

from jaxgan.data import make_feed, open_source

BATCH = 64
SIZE = 64  # height and width after decoding
WORKERS = min(16, os.cpu_count() or 1)  # as many as jaxgan takes
CACHE = Path(tempfile.gettempdir()) / "jaxgan_feeding"

Run = Callable[[], int]


def mnist_pair(toy: bool) -> tuple[Run, Run]:
    """Two functions that feed MNIST to the end of a fixed number of batches, and return how many images those were."""
    source = open_source({"name": "tfds:mnist", "data_dir": f"{os.environ['JAXGAN_TEST_DATA']}/tfds"}, 0)
    arrays = source.arrays()
    steps, steps_per_call = (40 if toy else 900), 20
    tensors = TensorDataset(*(torch.from_numpy(array) for array in arrays.values()))
    theirs = _torch_feeder(tensors, steps * BATCH)
    feed = make_feed(source, BATCH, 1, (0,), device_limit=2**31)
    call = jax.jit(lambda constants, item: jax.lax.map(lambda step: feed.batch(constants, step), item))

    def ours() -> int:
        images = 0
        for item in itertools.islice(feed.items(0, steps_per_call), steps // steps_per_call):
            batches = jax.device_get(call(feed.constants, item))
            images += sum(len(batch) for batch in batches["image"])
        return images

    return ours, theirs


def zip_pair(toy: bool, side: int, count: int) -> tuple[Run, Run]:
    """The same for a zip of `count` JPEGs of `side` x `side` pixels."""
    count, steps = (500, 7) if toy else (count, 100)
    path = CACHE / f"{count}_{side}.zip"
    if not path.exists():
        _write_zip(path, count, side)
    theirs = _torch_feeder(Photographs(path), steps * BATCH)
    source = open_source({"name": "folder", "data_dir": str(path), "image_size": SIZE, "memory_gib": 0.0}, 0)
    feed = make_feed(source, BATCH, 1, (0,), device_limit=0)

    def ours() -> int:
        items = itertools.islice(feed.items(0, 1), steps)
        return sum(len(step) for item in items for step in item["image"])

    return ours, theirs


class Photographs(Dataset):
    """What a user of PyTorch writes to read images from a zip: each process opens it, and a class is a folder."""

    def __init__(self, path: Path) -> None:
        """Reads the table of contents."""
        with zipfile.ZipFile(path) as archive:
            self._names = archive.namelist()
        self._path = path
        self._archive: zipfile.ZipFile | None = None

    def __len__(self) -> int:
        """Number of images."""
        return len(self._names)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        """Image `index`, uint8 `[64, 64, 3]`, cut and reduced as jaxgan's policy "crop" does, and its class."""
        self._archive = self._archive or zipfile.ZipFile(self._path)
        name = self._names[index]
        with Image.open(io.BytesIO(self._archive.read(name))) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            return np.array(ImageOps.fit(upright, (SIZE, SIZE), Image.Resampling.LANCZOS)), int(name.partition("/")[0])


def _torch_feeder(dataset: Dataset, count: int) -> Run:
    sampler = RandomSampler(dataset, num_samples=count)
    # JAX has threads by now, which a plain fork would break.
    loader = DataLoader(
        dataset,
        BATCH,
        sampler=sampler,
        num_workers=WORKERS,
        persistent_workers=True,
        multiprocessing_context="forkserver",
    )
    iter(loader)  # starts the processes

    def theirs() -> int:
        return sum(len(images.numpy()) for images, _ in loader)

    return theirs


def _write_zip(path: Path, count: int, side: int) -> None:
    """JPEGs in ten class folders; the file appears under its name only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(partial, "w") as archive:
        for index in range(count):
            data = io.BytesIO()
            _photograph(rng, side).save(data, "JPEG", quality=90)
            archive.writestr(f"{index % 10}/{index:05}.jpg", data.getvalue())
    partial.replace(path)


def _photograph(rng: np.random.Generator, side: int) -> Image.Image:
    """Smooth colours with ever fainter detail; its JPEG takes 0.2 to 0.4 bytes a pixel, as a photograph's may."""
    pixels = np.full((side, side, 3), 128.0)
    for cells, contrast in ((4, 60), (12, 30), (side // 4, 12)):
        coarse = rng.normal(0, contrast, (cells, cells, 3)).astype(np.float32)
        for channel in range(3):
            plane = Image.fromarray(coarse[..., channel])
            pixels[..., channel] += plane.resize((side, side), Image.Resampling.BICUBIC)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
