"""What `docs/faults.py` has found: as a table, and, a sentence each, what of it is not as `docs/faults.md` says."""

import itertools
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Found = Mapping[str, Any]


def unmet(part: str, found: Found) -> list[str]:
    """What a part of the harness found that it should not have; of one that was skipped nothing is expected."""
    if "skipped" in found:
        return []
    expected = EXPECTED[part.partition("_")[0]]
    sentences = []
    for one in found.get("each", [found]):
        whose = one.get("signal") or one.get("file")
        lost = [f"the run was lost: {one['said']}"] if one["lost"] else []
        sentences += [f"{whose}: {said}" if whose else said for said in lost or (*_of_the_end(one), *expected(one))]
    return sentences


def _of_the_end(one: Found) -> Iterator[str]:
    """Of the run that was started once more, whatever had befallen it."""
    if one["differing"]:
        yield f"{one['differing']} bytes differ, of {', '.join(one['where'])}"
    yield from _printed(one)


def _printed(one: Found) -> Iterator[str]:
    if one["printed"]:
        yield f"it printed {one['printed']}"


def _of_kills(found: Found) -> Iterator[str]:
    hits = found["hits"]
    for before, after in itertools.pairwise([{"kept": 0}, *hits, *found["finished"], found]):
        if after["continued_at"] not in (None, before["kept"]):
            yield f"it went on from step {after['continued_at']}, not from the checkpoint of step {before['kept']}"
    for one in (*hits, *found["finished"]):
        yield from _printed(one)
    for one in found["finished"]:
        if one["code"]:
            yield f"a start after {len(hits)} kills ended with code {one['code']}"
    if not any(hit["step"] for hit in hits):
        yield "no kill met a run that had trained"
    if not any(one["continued_at"] for one in (*hits, *found["finished"], found)):
        yield "no start went on from a checkpoint"


def _of_damage(one: Found) -> Iterator[str]:
    if one["continued_at"] not in (one["newest"], one["before"]):
        yield f"it went on from step {one['continued_at']}, not from {one['newest']} or {one['before']}"
    if one["set_aside"] != (one["continued_at"] < one["newest"]):
        yield f"the checkpoint is {'' if one['set_aside'] else 'not '}in damaged_checkpoints"


def _of_a_signal(one: Found) -> Iterator[str]:
    yield from _code(one["code"], 128 + signal.Signals[one["signal"]])
    if not one["saved"]:
        yield "it did not say that it saved"
    elif one["continued_at"] != one["saved"]:
        yield f"it went on from step {one['continued_at']}, and had said that it saved at step {one['saved']}"


def _code(code: int, wanted: int) -> Iterator[str]:
    if code != wanted:
        yield f"exit code {code}, not {wanted}"


def _of_two_signals(one: Found) -> Iterator[str]:
    yield from _code(one["code"], -signal.Signals[one["signal"]])


def _of_two_processes(found: Found) -> Iterator[str]:
    yield from _code(found["code"], 0)
    if not found["refused"]:
        yield "the second process was not refused"
    if not found["while_the_first_ran"]:
        yield "the first process had ended before the second did"


def _of_a_directory(found: Found) -> Iterator[str]:
    yield from _code(found["code"], 1)
    if found["lines"] != 2:
        yield f"its message has {found['lines']} lines, not 2: {found['message']}"
    if found["traceback"]:
        yield f"it printed {found['traceback']}"
    if not found["continued_at"]:
        yield "it did not go on from a checkpoint"


EXPECTED: Mapping[str, Callable[[Found], Iterator[str]]] = {
    "kills": _of_kills,
    "damage": _of_damage,
    "signals": _of_a_signal,
    "twice": _of_two_signals,
    "second": _of_two_processes,
    "full": _of_a_directory,
    "read": _of_a_directory,
    "vanished": _of_a_directory,
}
"""First word of a part's name -> what is expected of it, or of each of its runs."""


def table(found: Mapping[str, Found]) -> str:
    """What was found, as a table of Markdown: a row a part."""
    rows = [
        "| fault | times | of them while a checkpoint is written | runs lost | bytes differing "
        "| steps lost a kill: mean, most | seconds lost a kill: mean, most |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        if "skipped" in one:
            rows.append(f"| `{name}` | skipped: {one['skipped']} | | | | | |")
            continue
        hits = one.get("hits", [])
        times = len(hits) or len(one.get("each", [])) or 1
        cells = ["", "", ""]
        if hits:
            cells[0] = str(sum(hit["in_checkpoint"] for hit in hits))
            for place, key in ((1, "steps_lost"), (2, "seconds_lost")):
                values = [hit[key] for hit in hits]
                cells[place] = f"{sum(values) / len(values):.2g}, {max(values):.2g}"
        rows.append(
            f"| `{name}` | {times} | {cells[0]} | {one['lost']} | {one['differing']} | {cells[1]} | {cells[2]} |"
        )
    return "\n".join(rows)
