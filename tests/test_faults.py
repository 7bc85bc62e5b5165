"""The harness of `docs/faults.md`, and its short form: no run is lost, and no byte differs, whatever befell it."""

import re
import time
from pathlib import Path

import fault_cost
import fault_runs
import faults
import pytest
from small_runs import train

from jaxgan.systems import SYSTEMS
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


def test_kill_9_at_moments_of_every_kind_changes_nothing(bench):
    found = faults.kills(bench, 3, seed=1)
    assert (found["lost"], found["differing"]) == (0, 0), found
    assert found["hits"], "no kill hit the run"


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
    assert (found["lost"], found["differing"]) == (0, 0), found
    assert found["hits"]


def test_a_signal_saves_and_the_same_command_goes_on(bench):
    found = faults.signals(bench, ASKING[:1], seed=3)
    assert (found["lost"], found["differing"]) == (0, 0), found
    assert [(one["code"], one["saved"]) for one in found["each"]] == [(130, True)]


@pytest.mark.long
@pytest.mark.parametrize("fault", faults.faults(toy=True))
def test_no_other_fault_loses_a_run(bench, fault):
    found = faults.faults(toy=True)[fault](bench)
    if "skipped" in found:
        pytest.skip(found["skipped"])
    assert (found["lost"], found["differing"]) == (0, 0), found
    assert found.get("lines", 1) <= 2, found["message"]
    assert found.get("code", 1) == 1, found


def test_the_page_names_every_fault_every_subject_and_every_signal():
    assert [name for name in faults.parts(list(fault_runs.SUBJECTS), 1, toy=True) if f"`{name}`" not in PAGE] == []
    assert [number.name for number in ASKING if f"`{number.name}`" not in PAGE] == []
    codes = set(re.findall(r"\| (\d+) \|", PAGE))
    assert {str(128 + number) for number in ASKING} | {"0", "1", "2"} <= codes
    assert set(INSISTING) < set(ASKING)


def test_what_a_checkpoint_costs_is_measured(tmp_path):
    cost = fault_cost.Cost(mib=7.0, step=0.01, save=0.1, done=0.5, save_every=10)
    assert cost.share() == pytest.approx(0.5)
    assert all(f"| {recipe} |" in PAGE for recipe in fault_cost.RECIPES)


def test_a_table_has_a_row_for_every_part_and_says_what_kills_met():
    hits = [{"in_checkpoint": True, "steps_lost": 1, "seconds_lost": 0.5},
            {"in_checkpoint": False, "steps_lost": 3, "seconds_lost": 1.5}]  # fmt: skip
    found = {"kills_gan": {"lost": 0, "differing": 0, "hits": hits}, "read_only": {"skipped": "no right to mount"},
             "signals": {"lost": 1, "differing": 7, "each": [{}, {}, {}]}}  # fmt: skip
    assert faults.table(found).splitlines()[2:] == [
        "| `kills_gan` | 2 | 1 | 0 | 0 | 2, 3 | 1, 1.5 |",
        "| `read_only` | skipped: no right to mount | | | | | |",
        "| `signals` | 3 |  | 1 | 7 |  |  |",
    ]
