"""A source whose examples are all in memory."""

import numpy as np

from jaxgan.data.spec import DataSpec, Example


class ArraySource:
    """Examples held as arrays."""

    def __init__(self, images: np.ndarray, labels: np.ndarray | None = None, class_names: tuple[str, ...] = ()) -> None:
        """Wraps the arrays, without a copy.

        Args:
          images: `[n, h, w, c]` uint8, or points `[n, d]` float32.
          labels: `[n]` integers, indices into `class_names`; none for a set without classes.
          class_names: one name a class.
        """
        self.spec = DataSpec(images.shape[1:], images.dtype.name, class_names, len(images))
        self._arrays = {"image": images}
        if labels is not None:
            self._arrays["label"] = labels.astype(np.int32)

    def __getitem__(self, index: int) -> Example:
        """Example `index`."""
        return {key: array[index] for key, array in self._arrays.items()}

    def arrays(self) -> Example:
        """All examples, stacked."""
        return self._arrays
