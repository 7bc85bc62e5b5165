"""Classes that a data set is used without."""

from collections.abc import Callable, Sequence

import numpy as np

from jaxgan.data.memory import read
from jaxgan.data.spec import Example, Source
from jaxgan.errors import JaxganError, unknown


def check_classes(without: Sequence[str], names: Sequence[str]) -> None:
    """Refuses classes to leave out that a set does not have.

    Raises:
      UnknownName: there is no such class.
    """
    for name in without:
        if name not in names:
            raise unknown("class of config.data.without", name, names)


def leaving_out(source: Source, without: Sequence[str], labels: Callable[[], np.ndarray]) -> Source:
    """The source without the examples of some classes; the others keep their labels, and the set its class names.

    Args:
      source: of examples with labels.
      without: names of the classes to leave out; () is the source itself.
      labels: of all its examples, int [n]; not called where nothing is left out.

    Raises:
      JaxganError: there is no such class, or nothing would be left.
    """
    if not without:
        return source
    names = source.spec.class_names
    check_classes(without, names)
    kept = np.flatnonzero(~np.isin(labels(), [names.index(name) for name in without]))
    if not len(kept):
        raise JaxganError("config.data.without leaves no example; leave fewer classes out.")
    return _Part(source, kept)


class _Part:
    """Some examples of a source, by their positions there, int64 [n]."""

    def __init__(self, source: Source, positions: np.ndarray) -> None:
        self.spec = source.spec._replace(size=len(positions))
        self._source, self._positions = source, positions

    def __getitem__(self, index: int) -> Example:
        return self._source[int(self._positions[index])]

    def __getitems__(self, indices: Sequence[int]) -> list[Example]:
        return read(self._source, self._positions[list(indices)].tolist())

    def arrays(self) -> Example:
        return {key: array[self._positions] for key, array in self._source.arrays().items()}
