"""Several processes that train one run, as on several hosts: here all on this machine, connected by Gloo."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from small_runs import ROOT, assert_close, left_behind, metrics, start, train, write_recipe

from jaxgan.data import make_feed
from jaxgan.data.memory import ArraySource
from jaxgan.devices import Devices
from jaxgan.training import hosts

OFTEN = dict(batch_size=8, steps=40, steps_per_call=2, log_every=4, sample_every=20, save_every=4, keep_checkpoints=2)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def launch(count, *arguments, programs=None):
    """Starts as many processes of one training; some of them, by their number, with another program than train.py."""
    where = ("--distributed", "--coordinator-address", f"127.0.0.1:{free_port()}", "--num-processes", count)
    return [
        start(
            *arguments, *map(str, where), "--process-id", str(index), cached=True, program=(programs or {}).get(index)
        )
        for index in range(count)
    ]


def ended(processes, timeout=240):
    """What they printed, and with which codes they ended."""
    with ThreadPoolExecutor(len(processes)) as readers:  # or one whose output is not read yet would wait
        said = list(readers.map(lambda process: process.communicate(timeout=timeout), processes))
    return [process.returncode for process in processes], said


@pytest.fixture(
    scope="module",
    params=[
        (2, "points", dict(device_limit_mib=0)),
        pytest.param((4, "images", dict()), marks=pytest.mark.long),
        pytest.param((2, "points", dict(fsdp=True, generator=dict(hidden=(64, 64)))), marks=pytest.mark.long),
    ],
    ids=["2 processes, streaming", "4 processes, batch normalisation", "2 processes, parameters split"],
)
def together(request, tmp_path_factory):
    """Number of processes, their recipe, and the folder of a run of theirs that nothing disturbed."""
    count, kind, changes = request.param
    folder = tmp_path_factory.mktemp("together")
    recipe = write_recipe(folder / "recipe.py", kind, **OFTEN | changes)
    codes, said = ended(launch(count, "--config", recipe, "--workdir", folder / "run", "--profile"))
    assert codes == [0] * count, said
    assert f"{count} of them on {count} hosts" in said[0][0]
    assert "step 40/40" in said[0][0]
    assert all("step 40/40" not in text for text, _ in said[1:])  # one of them tells, and writes
    assert "steps, " in said[0][0].partition("\nprofile ")[2]
    assert len([*(folder / "run" / "profile").rglob("*.xplane.pb")]) == 1
    return count, recipe, folder / "run", train(folder / "alone", kind, **OFTEN | changes) and folder / "alone"


def test_they_train_what_one_trains_alone(together):
    _, _, folder, alone = together
    assert_close(folder, alone, atol=1e-5)


def until(ready, processes):
    """Waits for something that running processes are to do."""
    while not ready():
        assert all(process.poll() is None for process in processes), ended(processes)
        time.sleep(0.02)


def test_a_signal_to_one_stops_all_at_one_step_a_death_stops_the_others_and_the_end_has_the_same_bits(
    together, tmp_path
):
    count, recipe, folder, _ = together
    arguments, run = ("--config", recipe, "--workdir", tmp_path / "run"), tmp_path / "run"

    processes = launch(count, *arguments)
    until(lambda: (run / "metrics.jsonl").exists() and metrics(run), processes)
    processes[1].send_signal(signal.SIGTERM)
    codes, said = ended(processes)
    assert codes == [128 + signal.SIGTERM] * count, said
    (step,) = {int(re.search(r"saved at step (\d+)", text)[1]) for text, _ in said}
    assert step < OFTEN["steps"]

    processes = launch(count, *arguments)
    until(lambda: metrics(run)[-1]["step"] > step, processes)
    processes[1].kill()
    begun = time.monotonic()
    codes, said = ended(processes)
    assert time.monotonic() - begun < 100  # JAX's own patience with a host that no longer answers
    assert codes[1] == -signal.SIGKILL
    assert 0 not in codes, said
    assert "the connection to another host is gone" in said[0][1], said

    codes, said = ended(launch(count, *arguments))
    assert codes == [0] * count, said
    assert "continuing at step" in said[0][0]
    assert left_behind(run) == left_behind(folder)


@pytest.mark.long
def test_from_a_damaged_checkpoint_all_fall_back_together(together, tmp_path):
    """Of split parameters each host reads its own files: one of them meets the damage, and the others do not."""
    count, recipe, folder, _ = together
    run = shutil.copytree(folder, tmp_path / "run")
    newest = run / "checkpoints" / str(OFTEN["steps"])
    largest = max((newest / "state").rglob("d/*"), key=lambda path: path.stat().st_size)
    os.truncate(largest, largest.stat().st_size // 2)
    codes, said = ended(launch(count, "--config", recipe, "--workdir", run))
    assert codes == [0] * count, said
    assert "falling back to the one before it" in said[0][0]
    assert f"continuing at step {OFTEN['steps'] - OFTEN['save_every']}" in said[0][0]
    assert left_behind(run) == left_behind(folder)


def test_a_refusal_on_one_host_stops_all(tmp_path):
    recipe = write_recipe(tmp_path / "recipe.py", "points", batch_size=9)
    codes, said = ended(launch(2, "--config", recipe, "--workdir", tmp_path / "run"))
    assert codes == [1, 1]
    for _, errors in said:
        assert "config.batch_size is 9, which 2 devices do not share evenly; set it to 8 or 10." in errors
    assert not (tmp_path / "run").exists()


class Noting(ArraySource):
    """Keeps the numbers of the examples that were read one by one."""

    def __init__(self, images):
        super().__init__(images)
        self.read = []

    def __getitem__(self, index):
        self.read.append(int(index))
        return super().__getitem__(index)


@pytest.mark.parametrize("micro", [1, 2])
@pytest.mark.parametrize(("count", "each"), [(2, 1), (4, 1), (2, 4)])
def test_each_example_of_an_epoch_is_read_once_by_the_host_whose_row_it_is(monkeypatch, count, each, micro):
    size, batch = 1024, 8
    steps = size // (batch * micro)  # an epoch
    places = [SimpleNamespace(process_index=host) for host in range(count) for _ in range(each)]
    devices = Devices(SimpleNamespace(devices=places, size=len(places)))
    # Example i is the point (i, i): what a host is handed says which examples these are.
    points = np.repeat(np.arange(size, dtype=np.float32)[:, None], 2, axis=1)
    whole = next(make_feed(ArraySource(points), batch, micro, (3,), 2**20).items(0, steps))
    seen = []
    for host in range(count):
        monkeypatch.setattr(jax, "process_index", lambda host=host: host)
        rows, source = devices.rows(batch), Noting(points)
        assert rows == slice(host * batch // count, (host + 1) * batch // count)
        streamed = make_feed(source, batch, micro, (3,), 0, rows)
        with contextlib.closing(streamed.items(0, 1)) as items:
            next(items)
        assert set(source.read) <= set(whole[..., rows].ravel().tolist())  # also of what is read ahead
        with contextlib.closing(streamed.items(0, steps)) as items:
            seen.append(next(items)["image"][..., 0])
        resident = make_feed(source, batch, micro, (3,), 2**20, rows)
        np.testing.assert_array_equal(next(resident.items(0, steps)), seen[-1])
    np.testing.assert_array_equal(np.concatenate(seen, axis=-1), whole)
    assert sorted(np.ravel(whole)) == list(range(size))


HARMED = """
import os, signal, sys, time
from jaxgan.cli import main
from jaxgan.training import start

untouched = start.{name}

def harmed(*arguments):
    print("harmed at", time.time(), file=sys.stderr, flush=True)
    {harm}
    return untouched(*arguments)

start.{name} = harmed
sys.exit(main(["train", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(
    ("harm", "code", "own", "other"),
    [
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", -signal.SIGTERM, "", "connection to another host"),
        pytest.param("signal.raise_signal(signal.SIGINT)", 130, "interrupted", "connection to another host",
                     marks=pytest.mark.long),
        pytest.param("1 / 0", 1, "ZeroDivisionError", "host 1 of 2 stopped", marks=pytest.mark.long),
    ],
    ids=["SIGTERM", "SIGINT", "a fault of the library"],
)  # fmt: skip
def test_what_ends_one_before_it_trains_ends_all_at_once(tmp_path, harm, code, own, other):
    recipe = write_recipe(tmp_path / "recipe.py", "points", batch_size=8)
    programs = {1: HARMED.format(name="open_source", harm=harm)}
    codes, said = ended(launch(2, "--config", recipe, "--workdir", tmp_path / "run", programs=programs))
    now = time.time()
    assert codes == [1, code], said
    assert own in said[1][1], said
    assert other in said[0][1], said
    assert now - float(re.search(r"harmed at (\S+)", said[1][1])[1]) < 25  # JAX's own patience is 30 s and more


@pytest.mark.long
def test_when_process_0_is_killed_the_other_ends_by_itself_or_by_jax(tmp_path):
    recipe = write_recipe(tmp_path / "recipe.py", "points", batch_size=8)
    programs = {0: HARMED.format(name="open_source", harm="time.sleep(5); os.kill(os.getpid(), signal.SIGKILL)")}
    codes, said = ended(launch(2, "--config", recipe, "--workdir", tmp_path / "run", programs=programs))
    assert time.time() - float(re.search(r"harmed at (\S+)", said[0][1])[1]) < 30
    assert codes[0] == -signal.SIGKILL
    message = {1: "the connection to another host is gone", -signal.SIGABRT: "the JAX distributed service detected"}
    assert message[codes[1]] in said[1][1], said


@pytest.mark.long
def test_one_may_take_longer_than_gloo_waits_to_begin(tmp_path):
    recipe = write_recipe(tmp_path / "recipe.py", "points", batch_size=8)
    programs = {0: HARMED.format(name="make_metrics", harm="time.sleep(45)")}
    codes, said = ended(launch(2, "--config", recipe, "--workdir", tmp_path / "run", programs=programs))
    assert codes == [0, 0], said


def test_joining_asks_for_no_devices_and_leaves_sigterm_alone(monkeypatch):
    """What to compute on is settled after it; a notifier of JAX's own would take the signal that stops a run."""

    def initialize(*_, **__):
        assert not jax.config.jax_enable_preemption_service

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    for question in ("devices", "local_devices", "process_count", "process_index", "default_backend"):
        monkeypatch.setattr(jax, question, lambda *_: pytest.fail("a device was asked for"))
    before = jax.config.jax_enable_preemption_service
    try:
        hosts.join("127.0.0.1:1", 2, 0)
    finally:
        jax.config.update("jax_enable_preemption_service", before)


ELSEWHERE = """
import sys
from jaxgan.cli import main
sys.exit(main(["train", *sys.argv[1:], "--workdir", sys.argv[sys.argv.index("--workdir") + 1] + "_elsewhere"]))
"""


def test_hosts_that_do_not_share_the_directory_are_told_before_they_train(tmp_path):
    recipe = write_recipe(tmp_path / "recipe.py", "points", batch_size=8)
    arguments = ("--config", recipe, "--workdir", tmp_path / "run")
    codes, said = ended(launch(2, *arguments, programs={1: ELSEWHERE}))
    assert codes == [1, 1], said
    assert "host 1 of 2 does not see the same --workdir" in said[0][1], said
    assert "run_elsewhere is not the directory that host 0 writes to" in said[1][1], said
    assert "compiling" not in said[0][0]
    assert not (tmp_path / "run_elsewhere").exists()
    assert not list((tmp_path / "run").glob(".seen*"))


ALONE = """
import sys
from jaxgan.cli import main
from jaxgan.data import make_feed
from jaxgan.data.memory import ArraySource
from jaxgan.devices import Devices
from jaxgan.training import hosts
hosts.START_TIMEOUT = 3
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("count", [1, 2])
def test_nobody_trains_alone_who_was_to_train_with_others(tmp_path, count):
    address = f"127.0.0.1:{free_port()}"
    where = "--coordinator-address", address, "--num-processes", str(count), "--process-id", str(count - 1)
    command = [sys.executable, "-c", ALONE, "train", "--workdir", str(tmp_path / "run"), "--distributed", *where]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "--distributed: this is the only process" in done.stderr if count == 1 else done.stderr
    assert not (tmp_path / "run").exists()
