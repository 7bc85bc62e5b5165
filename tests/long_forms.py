"""Parameters of which an ordinary run takes some, and `pytest -m long` the others."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def thinned(values: Iterable[Any], kept: Collection[int]) -> list[Any]:
    """Values of one parameter; those at other places than the kept ones are of the long form."""
    return [
        value if place in kept else pytest.param(value, marks=pytest.mark.long) for place, value in enumerate(values)
    ]
