"""The harness of `docs/faults.md`, and its short form: no run is lost, and no byte differs, whatever befell it."""

import json
import re
import signal
import time
from pathlib import Path

import fault_checks
import fault_cost
import fault_runs
import faults
import pytest
from small_runs import settings, train

from jaxgan.systems import SYSTEMS
from jaxgan.training import checkpoints
from jaxgan.training.stopping import ASKING, INSISTING

PAGE = " ".join((Path(faults.__file__).parent / "faults.md").read_text().split())
QUICK = ("steps=24",)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    with fault_runs.compiled_once(folder):
        yield faults.Bench("gan", folder, QUICK)


def test_every_system_is_among_the_subjects_and_every_kind_of_state(tmp_path):
    found = {name: fault_runs.settings(name, tmp_path) for name in fault_runs.SUBJECTS}
    assert {one["system"]["name"] for one in found.values()} == set(SYSTEMS)
    assert found["gan_adaptive"]["augmentation"]["name"] == "ada"
    assert found["gan_best"]["keep_best"]
    assert found["gan_best"]["roll_back_on"]
    assert found["gan_seeds"]["seeds"] > 1
    assert found["gan_spectral"]["discriminator"]["spectral"]
    assert found["gan_streaming"]["device_limit_mib"] == 0
    assert found["gan"]["system"]["conditional"]
    assert set(faults.MOST_STATEFUL) <= set(found)


def test_a_byte_that_differs_is_counted_and_what_one_lacks_counts_as_a_whole():
    a = {"same": b"abc", "changed": b"abcd", "longer": b"ab", "absent": b"abc", "empty": b""}
    b = {"same": b"abc", "changed": b"aXcY", "longer": b"abcd"}
    assert fault_runs.differing(a, b) == {"changed": 2, "longer": 2, "absent": 4, "empty": 1}


def test_runs_of_other_seeds_differ_in_everything_that_is_compared(tmp_path):
    for seed in (1, 2):
        train(tmp_path / str(seed), seed=seed)
    different = fault_runs.differing(*(fault_runs.left_behind(tmp_path / str(seed)) for seed in (1, 2)))
    wanted = {"metrics.jsonl", "samples/0000012.png", "checkpoints/12", "last 1.generator.params['Dense_0']['kernel']"}
    assert wanted <= set(different)


def test_kill_9_changes_nothing(bench):
    """As a sheet and as a checkpoint is written; the long form has the other moments."""
    assert fault_checks.unmet("kills_gan", faults.kills(bench, 2, seed=1)) == []


def test_a_kill_met_a_checkpoint_only_if_its_own_process_was_writing_it(tmp_path):
    whole = fault_runs.Whole({}, 1.0, 1.0, {})
    folder = tmp_path / "checkpoints" / "3.orbax-checkpoint-tmp"
    folder.mkdir(parents=True)
    left = fault_runs.unfinished(tmp_path)
    assert [name for name, _, _ in left] == ["3.orbax-checkpoint-tmp"]

    def met(trained):
        return faults._at_a_kill(tmp_path, left, trained, whole)["in_checkpoint"]

    assert not met(trained=True)  # of the process before
    folder.rmdir()
    time.sleep(0.05)  # the clock of a file system is coarse
    folder.mkdir()
    assert met(trained=True)  # the same step again
    assert not met(trained=False)
    folder.rename(folder.with_name("3"))
    assert not met(trained=True)


@pytest.mark.long
@pytest.mark.parametrize("name", fault_runs.SUBJECTS)
def test_kill_9_changes_nothing_of_any_system(tmp_path, name):
    with fault_runs.compiled_once(tmp_path):
        found = faults.kills(faults.Bench(name, tmp_path), 5, seed=2)
    assert fault_checks.unmet(f"kills_{name}", found) == []


def test_a_signal_saves_and_the_same_command_goes_on(bench):
    assert fault_checks.unmet("signals", faults.signals(bench, ASKING[:1], seed=3)) == []


def test_a_process_that_is_frozen_does_nothing_until_it_is_let_go(bench):
    training = bench.start(bench.folder / "frozen")
    training.until(training.trains)
    training.freeze()
    try:
        assert set(training.threads()) == {"T"}
        said = training.said()
        time.sleep(0.3)
        assert training.said() == said
    finally:
        training.send(signal.SIGCONT)
    assert training.wait() == 0


@pytest.mark.long
@pytest.mark.parametrize("fault", faults.faults(toy=True))
def test_no_other_fault_loses_a_run(bench, fault):
    found = faults.faults(toy=True)[fault](bench)
    if "skipped" in found:
        pytest.skip(found["skipped"])
    assert fault_checks.unmet(fault, found) == []


END = {"lost": 0, "differing": 0, "where": [], "printed": "", "continued_at": 6}
HIT = {"step": 8, "kept": 6, "continued_at": None, "printed": ""}
DAMAGED = END | {"file": "state/x", "newest": 6, "before": 3, "set_aside": False}
SIGTERM = END | {"signal": "SIGTERM", "code": 143, "saved": 6}
SECOND = END | {"code": 0, "refused": True, "while_the_first_ran": True}
FULL = END | {"code": 1, "lines": 2, "message": "m", "traceback": ""}
GOOD = {
    "kills_gan": END | {"hits": [HIT], "finished": []},
    "damage_flip": {"each": [DAMAGED, DAMAGED | {"continued_at": 3, "set_aside": True}]},
    "signals": {"each": [SIGTERM]},
    "twice": {"each": [SIGTERM | {"code": -15}]},
    "second_process": SECOND,
    **dict.fromkeys(("full_at_a_save", "full_at_a_line", "read_only", "vanished"), FULL),
}


def test_what_is_as_it_should_be_is_not_told():
    assert set(GOOD) >= {fault for fault in faults.faults(toy=False) if not fault.startswith("damage")}
    assert {part: fault_checks.unmet(part, found) for part, found in GOOD.items()} == {part: [] for part in GOOD}
    assert fault_checks.unmet("vanished", {"skipped": "no right to mount"}) == []


@pytest.mark.parametrize(
    ("part", "found", "told"),
    [
        ("kills_gan", {"lost": 1, "said": "error: x"}, "the run was lost: error: x"),
        ("kills_gan", {"differing": 3, "where": ["samples/1.png"]}, "3 bytes differ, of samples/1.png"),
        ("kills_gan", {"printed": "Traceback"}, "it printed Traceback"),
        ("kills_gan", {"continued_at": 3}, "it went on from step 3, not from the checkpoint of step 6"),
        ("kills_gan", {"hits": [HIT | {"printed": "Traceback"}]}, "it printed Traceback"),
        ("kills_gan", {"finished": [HIT | {"code": 1}]}, "a start after 1 kills ended with code 1"),
        ("kills_gan", {"hits": [HIT | {"step": 0}]}, "no kill met a run that had trained"),
        ("kills_gan", {"hits": [HIT | {"kept": 0}], "continued_at": 0}, "no start went on from a checkpoint"),
        ("second_process", {"refused": False}, "the second process was not refused"),
        ("second_process", {"while_the_first_ran": False}, "the first process had ended before the second did"),
        ("second_process", {"code": 1}, "exit code 1, not 0"),
        ("full_at_a_line", {"code": 0}, "exit code 0, not 1"),
        ("read_only", {"lines": 3}, "its message has 3 lines, not 2: m"),
        ("vanished", {"traceback": "Traceback"}, "it printed Traceback"),
        ("vanished", {"continued_at": 0}, "it did not go on from a checkpoint"),
    ],
)
def test_what_is_not_as_it_should_be_is_told(part, found, told):
    assert fault_checks.unmet(part, GOOD[part] | found) == [told]


@pytest.mark.parametrize(
    ("part", "one", "told"),
    [
        ("damage_flip", DAMAGED | {"continued_at": 0, "set_aside": True}, "it went on from step 0, not from 6 or 3"),
        ("damage_flip", DAMAGED | {"continued_at": 3}, "the checkpoint is not in damaged_checkpoints"),
        ("damage_flip", DAMAGED | {"set_aside": True}, "the checkpoint is in damaged_checkpoints"),
        ("signals", SIGTERM | {"code": 1}, "exit code 1, not 143"),
        ("signals", SIGTERM | {"saved": None}, "it did not say that it saved"),
        ("signals", SIGTERM | {"saved": 7}, "it went on from step 6, and had said that it saved at step 7"),
        ("twice", SIGTERM, "exit code 143, not -15"),
    ],
)
def test_it_is_told_of_each_run(part, one, told):
    whose = "state/x" if part == "damage_flip" else "SIGTERM"
    assert fault_checks.unmet(part, {"each": [one]}) == [f"{whose}: {told}"]


NOISE = """Traceback (most recent call last):
  File "/lib/python3.11/asyncio/base_events.py", line 806, in call_soon_threadsafe
    self._check_closed()
  File "/lib/python3.11/asyncio/base_events.py", line 519, in _check_closed
    raise RuntimeError('Event loop is closed')
RuntimeError: Event loop is closed
"""


def test_of_tracebacks_only_the_one_of_tensorstore_is_no_failure(tmp_path):
    later = NOISE.replace("_closed()\n", "_closed()\n    ~~~~~~~~~~~~~~~~~~^^\n")  # as Python 3.13 prints it
    said = f"step 2/4\n{NOISE}{later}error: x\n"
    assert fault_runs.NOISE.sub("", said) == "step 2/4\nerror: x\n"
    for other in (NOISE.replace("Event loop", "The pool"), NOISE.replace("/asyncio/", "/jaxgan/")):
        assert fault_runs.traceback(fault_runs.NOISE.sub("", f"{said}{other}")) == other
    assert fault_runs.traceback("Exception ignored in: x\n")
    assert fault_runs.traceback("error: a Traceback (\n") == ""


@pytest.mark.parametrize(("change", "code"), [({}, 0), ({"refused": False}, 1)])
def test_the_exit_code_is_that_of_everything_expected(tmp_path, capsys, change, code):
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "second_process.json").write_text(json.dumps(SECOND | change))
    assert faults.main(["--out", str(tmp_path), "--only", "second_process"]) == code
    assert ("- `second_process`: the second process was not refused" in capsys.readouterr().out) is bool(code)


def test_the_page_names_every_fault_every_subject_and_every_signal():
    assert [name for name in faults.parts(list(fault_runs.SUBJECTS), 1, toy=True) if f"`{name}`" not in PAGE] == []
    assert [number.name for number in ASKING if f"`{number.name}`" not in PAGE] == []
    codes = set(re.findall(r"\| (\d+) \|", PAGE))
    assert {str(128 + number) for number in ASKING} | {"0", "1", "2"} <= codes
    assert set(INSISTING) < set(ASKING)


def test_what_a_checkpoint_costs_is_what_holds_the_loop(tmp_path, monkeypatch):
    settle = checkpoints._settle
    monkeypatch.setattr(checkpoints, "_settle", lambda folder: time.sleep(0.3) or settle(folder))
    cost = fault_cost.cost(settings("points", save_every=3), tmp_path / "checkpoints", saves=2)
    assert cost.save > 0.3
    assert cost.mib > 0
    assert cost.step > 0
    assert cost.done > 0
    assert cost.save_every == 3


def test_the_share_of_a_checkpoint_and_the_recipes_of_the_page():
    cost = fault_cost.Cost(mib=7.0, step=0.01, save=0.1, done=0.5, save_every=10)
    assert cost.share() == pytest.approx(0.5)
    assert all(f"| {recipe} |" in PAGE for recipe in fault_cost.RECIPES)
    assert all(fault_cost.settings(recipe)["data"]["name"] == "digits" for recipe in fault_cost.RECIPES)


def test_a_table_has_a_row_for_every_part_and_says_what_kills_met():
    hits = [{"in_checkpoint": True, "steps_lost": 1, "seconds_lost": 0.5},
            {"in_checkpoint": False, "steps_lost": 3, "seconds_lost": 1.5}]  # fmt: skip
    found = {"kills_gan": {"lost": 0, "differing": 0, "hits": hits}, "read_only": {"skipped": "no right to mount"},
             "signals": {"lost": 1, "differing": 7, "each": [{}, {}, {}]}}  # fmt: skip
    assert fault_checks.table(found).splitlines()[2:] == [
        "| `kills_gan` | 2 | 1 | 0 | 0 | 2, 3 | 1, 1.5 |",
        "| `read_only` | skipped: no right to mount | | | | | |",
        "| `signals` | 3 |  | 1 | 7 |  |  |",
    ]
