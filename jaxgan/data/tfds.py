"""Image sets prepared by tensorflow-datasets, read without TensorFlow and never downloaded."""

import difflib
import re
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from jaxgan.data import images
from jaxgan.data.classes import leaving_out
from jaxgan.data.memory import stack
from jaxgan.data.spec import DataSpec, Example, Source
from jaxgan.errors import JaxganError


def tfds(
    seed: int,
    dataset: str,
    *,
    split: str = "train",
    data_dir: str = "",
    image_size: images.ImageSize = 0,
    resize: images.Resize = "crop",
    without: tuple[str, ...] = (),
) -> Source:
    """A data set prepared as array_record, with a feature "image" and, for classes, a feature "label".

    Args:
      seed: not used; the set is fixed.
      dataset: its name, with configuration or version where needed: "mnist", "mnist:3.0.1".
      split: in tensorflow-datasets' notation: "train", "test", "train[:80%]".
      data_dir: where it was prepared; "" = tensorflow-datasets' default folder.
      image_size: 0 = as they are, all of one size; n = n x n; or (height, width).
      resize: how an image is fitted to `image_size`: "crop", "stretch", "pad" or "exact"; see `images.fit`.
      without: names of classes to leave out.

    Raises:
      JaxganError: an unknown or unprepared set, an unknown split or class, or a set without images of a known size.
    """
    import tensorflow_datasets

    builder = _builder(tensorflow_datasets, dataset, data_dir)
    shape, class_names = _describe(tensorflow_datasets, builder, image_size)
    # The files' bytes as they are: they then go through the same decoder as a folder's.
    decoders = {"image": tensorflow_datasets.decode.SkipDecoding()}
    try:
        if builder.info.splits[split].num_examples < 1:
            raise ValueError(f"{split!r} has no examples")
        records = builder.as_data_source(split=split, decoders=decoders)
    except NotImplementedError as error:
        raise _unprepared(dataset, builder) from error
    except ValueError as error:
        raise JaxganError(f"config.data.split: {str(error).splitlines()[0]}") from error
    source = _TfdsSource(records, DataSpec(shape, "uint8", class_names, len(records)), resize)
    return leaving_out(source, without, source.labels)


class _TfdsSource:
    def __init__(self, records: Any, spec: DataSpec, resize: images.Resize) -> None:
        self.spec = spec
        self._records, self._resize = records, resize

    def __getitem__(self, index: int) -> Example:
        return self._example(self._records[index])

    def __getitems__(self, indices: Sequence[int]) -> list[Example]:
        return [self._example(record) for record in self._records.__getitems__(list(indices))]

    def arrays(self) -> Example:
        return stack(map(self._example, self._all()), self.spec, self.spec.size)

    def labels(self) -> np.ndarray:
        """Of all examples, int [n], whose images are not decoded."""
        return np.array([record["label"] for record in self._all()])

    def _all(self) -> Iterator[dict[str, Any]]:
        # In chunks: reading them together is three times as fast, and the encoded files need not all be in memory.
        for start in range(0, self.spec.size, 1024):
            yield from self._records.__getitems__(list(range(self.spec.size)[start : start + 1024]))

    def _example(self, record: dict[str, Any]) -> Example:
        example = {"image": images.decode(record["image"], self.spec.shape, self._resize)}
        if self.spec.num_classes:
            if not 0 <= record["label"] < self.spec.num_classes:
                raise JaxganError(f"an example has the label {record['label']}: this split is not labelled.")
            example["label"] = np.array(record["label"], np.int32)
        return example


def _builder(library: ModuleType, dataset: str, data_dir: str) -> Any:
    """The builder of a data set that is prepared; asks no server."""
    form = re.fullmatch(r"(\w+)(/[^:]+)?(:[\d.*]+)?", dataset)
    if form is None:  # among them "huggingface:NAME", whose builder would ask its server
        raise JaxganError("config.data.name: write tfds:NAME, tfds:NAME/CONFIG or tfds:NAME:VERSION.")
    try:
        builder = library.builder(dataset, data_dir=data_dir or None)
    except library.core.DatasetNotFoundError as error:
        # All of its names would fill a page.
        close = difflib.get_close_matches(form[1], library.list_builders(with_community_datasets=False), n=3)
        near = f" Did you mean {' or '.join(close)}?" if close else ""
        raise JaxganError(f"tensorflow-datasets has no data set {form[1]!r}.{near}") from error
    except (ValueError, AssertionError) as error:  # what it raises for an unknown configuration or version
        raise JaxganError(f"tfds:{dataset}: {str(error).splitlines()[0]}") from error
    if not builder.is_prepared():
        raise _unprepared(dataset, builder)
    return builder


def _unprepared(dataset: str, builder: Any) -> JaxganError:
    code = (
        f"import tensorflow_datasets as tfds; tfds.builder('{dataset}', data_dir='{builder.data_dir_root}')"
        ".download_and_prepare(file_format='array_record')"
    )
    return JaxganError(
        f"tfds:{dataset} is not prepared as array_record at {builder.data_path}. Where it is prepared elsewhere, set "
        "--config.data.data_dir, or --data-dir to evaluate, to the folder with all data sets.\n"
        f'With network access and tensorflow installed, run: python -c "{code}"'
    )


def _describe(library: ModuleType, builder: Any, image_size: images.ImageSize) -> tuple[images.Shape, tuple[str, ...]]:
    """Shape of an example and class names, from the features of a data set; a label that is no class is left out."""
    features = dict(builder.info.features.items())
    image, label = features.get("image"), features.get("label")
    if not isinstance(image, library.features.Image) or image.np_dtype != np.uint8:
        raise JaxganError(f"tfds:{builder.name} has no 8-bit feature 'image'; it has {', '.join(sorted(features))}.")
    height, width, channels = image.shape
    if image_size == 0 and None in (height, width):
        raise JaxganError(f"the images of tfds:{builder.name} differ in size; set config.data.image_size.")
    shape = (*images.target_size(image_size, native=(height, width)), 1 if channels == 1 else 3)
    if not isinstance(label, library.features.ClassLabel):
        return shape, ()
    return shape, tuple(label.int2str(index) for index in range(label.num_classes))
