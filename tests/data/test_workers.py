"""Work in other processes: the same answers, errors that arrive, and no process that outlives its master."""

import gc
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from refusal import refuse

from jaxgan.data.workers import Workers
from jaxgan.errors import JaxganError

MASTER = """
import os, time
from jaxgan.data.workers import Workers
print(Workers(os.getenv)("PWD"), flush=True)
workers = Workers(eval)
print(workers("__import__('os').getpid()"), flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    """Whether a process is gone, or goes within ten seconds."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_threads_get_their_own_answers():
    workers = Workers(abs)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(workers, range(-300, 0))) == list(range(300, 0, -1))


def test_the_work_is_done_elsewhere_without_jax():
    workers = Workers(eval)
    assert workers("__import__('os').getpid()") != os.getpid()
    assert workers("__import__('sys').modules.get('jaxgan.data') is not None")
    assert not workers("'jax' in __import__('sys').modules")
    assert workers("print('noise')") is None


def test_an_error_arrives_and_leaves_the_worker_usable():
    workers = Workers(refuse)
    for name in ("a.png", "b.png"):
        with pytest.raises(JaxganError, match=rf"{name} is gone"):
            workers(name)


def test_a_worker_that_dies_is_reported():
    with pytest.raises(JaxganError, match="ended, with exit code 7"):
        Workers(os._exit)(7)


def test_workers_end_with_their_owner():
    workers = Workers(eval)
    pid = workers("__import__('os').getpid()")
    del workers
    gc.collect()
    assert gone(pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_a_process_that_is_killed(number):
    with subprocess.Popen([sys.executable, "-c", MASTER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as master:
        master.stdout.readline()
        pid = int(master.stdout.readline())
        master.send_signal(number)
        master.wait()
    assert gone(pid)
