"""How far scoring is, for the user."""

from tqdm import tqdm


def progress(what: str, total: int, unit: str) -> tqdm:
    """A progress bar that is gone when it is done; silent where the output is not a terminal.

    Args:
      what: is done.
      total: how many units of it.
      unit: "image", say.
    """
    return tqdm(desc=what, total=total, unit=unit, disable=None, dynamic_ncols=True, leave=False)
