"""The one exception that users see as a message instead of a traceback."""

import difflib
import operator
import unicodedata
from collections.abc import Iterable

MANY = 12
"""More names than this are not listed where one of them is near to what was meant."""


class JaxganError(Exception):
    """Something the user can put right. Its text says what is wrong and what to do, in one or two lines."""


class Diverged(JaxganError):
    """Training came to numbers that are not finite."""


class UnknownName(JaxganError):
    """A name that is not in a table."""


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Refuses a number outside [low, high], and one that is not a number.

    Raises:
      JaxganError: it names the setting, its value and the range.
    """
    if not low <= value <= high:
        raise JaxganError(f"{name} is {value}, but must be in [{low}, {high}].")


def check_whole(name: str, value: object) -> None:
    """Refuses what is not an integer, which would be cut to one silently.

    Raises:
      JaxganError: it names the number and its value.
    """
    try:
        operator.index(value)  # type: ignore[arg-type]
    except TypeError as error:
        raise JaxganError(f"the {name} is {value!r}, but must be a whole number.") from error


def check_file_name(kind: str, name: str) -> None:
    """Refuses a name that a file or folder cannot have by itself: it would be written or looked for elsewhere.

    Args:
      kind: what it is a name of, e.g. `"metric"`.
      name: as a recipe or a run directory states it.

    Raises:
      JaxganError: it is empty, leads to another folder, or has letters that cannot be shown.
    """
    if not name.strip(".") or set(name) & {"/", "\\", ":"} or shown(name) != name:
        raise JaxganError(f"the name of the {kind} {shown(name)!r} is none that a file can have; change it.")


def shown(text: str) -> str:
    """A name that is not ours, on one line, with what could move a terminal's cursor or has no character escaped."""
    return "".join(
        letter
        if letter.isprintable() or unicodedata.category(letter) == "Zs"  # spaces of other scripts
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


def unknown(kind: str, name: object, known: Iterable[str]) -> UnknownName:
    """Builds the error for a name that is not in a table: the nearest match, and what exists where that is not much.

    Args:
      kind: what the name was meant to be, e.g. `"network"`.
      name: what was asked for.
      known: the names that exist.
    """
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    listing = f" Known: {', '.join(names) or 'none'}." if len(names) <= MANY or not close else ""
    return UnknownName(f"unknown {kind} {name!r}.{guess}{listing}")
