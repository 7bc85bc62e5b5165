"""Settings that change while training, on the clock of images shown.

A schedule is a number, or `("linear", start, end, images)`, or `("cosine", start, end, images)`: from `start`, when no
image has been shown, to `end`, when that many have been, and `end` from then on. Counted in images, a schedule does not
change with the batch size. A recipe may leave the images out: then it takes the whole run.
"""

from typing import Literal, get_args

import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError, check_range

Shape = Literal["linear", "cosine"]
SHAPES = get_args(Shape)
Schedule = float | tuple[Shape, float, float] | tuple[Shape, float, float, float]


def value_at(schedule: Schedule, images: jax.Array) -> jax.Array:
    """The setting's value, float32 [], when this many images have been shown, float32 []."""
    if not isinstance(schedule, tuple):
        return jnp.float32(schedule)
    assert len(schedule) == 4  # by `check_schedule`
    shape, start, end, length = schedule
    share = jnp.clip(images / length, 0.0, 1.0)
    if shape == "cosine":  # half a period, as in Loshchilov & Hutter 2017
        share = (1 - jnp.cos(jnp.pi * share)) / 2
    return start + (end - start) * share


def check_schedule(name: str, schedule: Schedule, low: float, high: float) -> None:
    """Refuses a schedule that leaves [low, high], or that takes no time.

    Raises:
      JaxganError: it names the setting, the value and the range.
    """
    for value in schedule[1:3] if isinstance(schedule, tuple) else (schedule,):
        check_range(name, value, low, high)
    if isinstance(schedule, tuple) and len(schedule) < 4:
        raise JaxganError(f"{name} is {schedule}; outside a recipe a schedule also says in how many images.")
    if isinstance(schedule, tuple):
        check_range(f"{name}: images of the schedule", schedule[3], 1, 1e12)
