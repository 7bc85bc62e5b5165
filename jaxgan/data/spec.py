"""What a system has to know about a data set, and nothing more."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, get_type_hints

import numpy as np

from jaxgan.registry import matches

Example = Mapping[str, np.ndarray]


class DataSpec(NamedTuple):
    """Describes the examples of a source; kept in the run directory, so that sampling needs no data set.

    Attributes:
      shape: of one example: `(height, width, channels)` for images, `(dimensions,)` for points.
      dtype: `"uint8"` for images (0..255), `"float32"` for points.
      class_names: one name a class, in the order of the integer labels; empty where there are no labels.
      size: number of examples.
      other: shape of the second part of examples that are pairs, of the same dtype; empty where they are not.
    """

    shape: tuple[int, ...]
    dtype: str
    class_names: tuple[str, ...]
    size: int
    other: tuple[int, ...] = ()

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 where there are no labels."""
        return len(self.class_names)

    def zeros(self, *batch_shape: int) -> dict[str, np.ndarray]:
        """A batch of nothing, for its shapes: `image` [*batch_shape, *shape], of pairs `other` [*batch_shape, *other],
        and if there are classes `label`, int32.
        """
        batch = {"image": np.zeros((*batch_shape, *self.shape), self.dtype)}
        if self.other:
            batch["other"] = np.zeros((*batch_shape, *self.other), self.dtype)
        return batch | ({"label": np.zeros(batch_shape, np.int32)} if self.class_names else {})

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "DataSpec":
        """Undoes `_asdict()` followed by JSON, which turns tuples into lists.

        Raises:
          ValueError: these are not the fields of a description.
        """
        hints = get_type_hints(cls)
        if not isinstance(fields, Mapping) or fields.keys() - hints or hints.keys() - fields.keys() - {"other"}:
            raise ValueError(f"the data are described by {', '.join(hints)}")
        wrong = [key for key, value in fields.items() if not matches(value, hints[key])]
        sizes = [fields["size"], *fields["shape"], *fields.get("other", ())] if not wrong else []
        if wrong or not all(0 < size < 2**31 for size in sizes) or fields["dtype"] not in ("uint8", "float32"):
            raise ValueError(f"data: {', '.join(wrong) or 'size, shape or dtype'} cannot be that")
        tuples: dict[str, Any] = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
        return cls(**{**fields, **tuples})


Accept = Callable[[DataSpec], object]
"""Is told what examples will be like, before all of them are read; what it raises ends that."""


class Source(Protocol):
    """A data set that can be read by position, by several threads at a time.

    One that is faster when asked for several examples at once may also have `__getitems__(indices) -> list[Example]`.
    """

    spec: DataSpec

    def __getitem__(self, index: int) -> Example:
        """Example `index`: `"image"`, [h, w, c] uint8 or [d] float32; `"other"`, if it is a pair; `"label"`, int32 [],
        if there are classes.
        """
        ...

    def arrays(self) -> Example:
        """All examples, stacked: `{"image": [n, ...]}`, and `"other"` and `"label"` as above."""
        ...
