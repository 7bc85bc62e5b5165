"""Examples as files hold them."""

import numpy as np


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Images from the networks' [-1, 1] to uint8 0..255, rounded to the nearest level."""
    return np.clip(np.rint((np.asarray(images, np.float32) + 1) * 127.5), 0, 255).astype(np.uint8)


def as_written(examples: np.ndarray) -> np.ndarray:
    """Images [n, h, w, c] as uint8; points [n, d] as they are."""
    return to_uint8(examples) if examples.ndim == 4 else examples
