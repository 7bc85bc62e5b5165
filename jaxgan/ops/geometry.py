"""Sizes of a convolution."""

import dataclasses

from jaxgan.errors import JaxganError, unknown

Pair = tuple[int, int]
Padding = str | int | tuple[Pair, Pair]

UNPADDED = ((0, 0), (0, 0))


@dataclasses.dataclass(frozen=True)
class Geometry:
    """One forward convolution: sizes as (height, width), padding ((top, bottom), (left, right)), which crops if < 0."""

    size: Pair
    kernel: Pair
    strides: Pair
    padding: tuple[Pair, Pair]

    @property
    def output_size(self) -> Pair:
        """Size of `C(x, w)`: floor((size + low + high - kernel) / stride) + 1."""
        axes = zip(self.size, self.kernel, self.strides, self.padding, strict=True)
        height, width = ((n + lo + hi - k) // s + 1 for n, k, s, (lo, hi) in axes)
        return height, width

    @property
    def blocks(self) -> Pair:
        """Width of the kernel in strides: ceil(kernel / stride)."""
        height, width = (-(-k // s) for k, s in zip(self.kernel, self.strides, strict=True))
        return height, width

    @property
    def mirror(self) -> "Geometry":
        """At stride 1: the convolution from the result to the image, with the kernel upside down."""
        axes = zip(self.kernel, self.padding, strict=True)
        rows, columns = ((k - 1 - lo, k - 1 - hi) for k, (lo, hi) in axes)
        return Geometry(self.output_size, self.kernel, (1, 1), (rows, columns))

    @property
    def is_matrix(self) -> bool:
        """Whether C is one matrix product: a kernel of 1x1, or one that covers the whole image."""
        whole = self.kernel == self.size or self.kernel == self.strides == (1, 1)
        return whole and self.padding == UNPADDED


def geometry_of(size: Pair, kernel: Pair, strides: Pair, padding: Padding) -> Geometry:
    """The convolution of an image of this size; raises `JaxganError` for a padding unknown or a kernel too large."""
    top_bottom, left_right = map(_axis_padding, size, kernel, strides, sides_of(padding))
    geometry = Geometry(size, kernel, strides, (top_bottom, left_right))
    if min(geometry.output_size) < 1:
        raise JaxganError(f"a kernel of {kernel} does not fit into an image of {size} with padding {padding!r}.")
    return geometry


def pair(value: int | tuple[int, ...]) -> Pair:
    """One number stands for both axes."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def sides_of(padding: Padding) -> tuple[Pair | None, Pair | None]:
    """Explicit padding of both axes; None stands for "SAME", which depends on the size."""
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise unknown("padding", padding, ("SAME", "VALID"))
        return (None, None) if padding == "SAME" else UNPADDED
    top_bottom, left_right = pair(padding) if isinstance(padding, int) else padding
    return pair(top_bottom), pair(left_right)


def _axis_padding(n: int, k: int, s: int, sides: Pair | None) -> Pair:
    if sides is not None:
        return sides
    total = max((-(-n // s) - 1) * s + k - n, 0)
    return total // 2, total - total // 2


def legal_sizes(n: int, k: int, s: int, sides: Pair | None) -> range:
    """Sizes that a convolution takes to n."""
    least = (n - 1) * s + (1 if sides is None else k - sum(sides))
    if least + s <= 1:
        raise JaxganError(f"no image has size {n} after a kernel of {k} with stride {s} and padding {sides}.")
    return range(max(least, 1), least + s)
