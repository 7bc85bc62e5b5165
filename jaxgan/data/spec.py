"""What a system has to know about a data set, and nothing more."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

Example = Mapping[str, np.ndarray]


class DataSpec(NamedTuple):
    """Describes the examples of a source; kept in the run directory, so that sampling needs no data set.

    Attributes:
      shape: of one example: `(height, width, channels)` for images, `(dimensions,)` for points.
      dtype: `"uint8"` for images (0..255), `"float32"` for points.
      class_names: one name a class, in the order of the integer labels; empty where there are no labels.
      size: number of examples.
    """

    shape: tuple[int, ...]
    dtype: str
    class_names: tuple[str, ...]
    size: int

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 where there are no labels."""
        return len(self.class_names)

    def zeros(self, *batch_shape: int) -> dict[str, np.ndarray]:
        """A batch of nothing, for its shapes: `image` [*batch_shape, *shape], `label` int32 if there are classes."""
        batch = {"image": np.zeros((*batch_shape, *self.shape), self.dtype)}
        return batch | ({"label": np.zeros(batch_shape, np.int32)} if self.class_names else {})

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "DataSpec":
        """Undoes `_asdict()` followed by JSON, which turns tuples into lists."""
        return cls(tuple(fields["shape"]), fields["dtype"], tuple(fields["class_names"]), fields["size"])


class Source(Protocol):
    """A data set that can be read by position, by several threads at a time.

    One that is faster when asked for several examples at once may also have `__getitems__(indices) -> list[Example]`.
    """

    spec: DataSpec

    def __getitem__(self, index: int) -> Example:
        """Example `index`: `"image"`, [h, w, c] uint8 or [d] float32; `"label"`, int32 [], if there are classes."""
        ...

    def arrays(self) -> Example:
        """All examples, stacked: `{"image": [n, ...]}`, and `"label"`, int32 [n], if there are classes."""
        ...
