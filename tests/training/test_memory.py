"""What training takes of memory, known before it runs."""

import json
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
from small_runs import start, write_recipe

from jaxgan.training import memory
from jaxgan.training.program import Program

MIB = 2**20


def test_a_program_needs_its_arguments_what_it_works_with_and_a_copy_of_its_state():
    """4 MiB of state, in the place of which the new one comes; 4 MiB of data; 16 MiB of a table between the steps."""

    def call(state, data):
        def step(state, row):
            table = jnp.outer(state[:2048], row)  # sorted along both axes: nothing that could be fused away
            return state + jnp.sort(jnp.sort(table, 0), 1).sum(), None

        return jax.lax.scan(step, state, data)[0]

    state, data = jax.device_put((np.zeros(MIB, np.float32), np.ones((512, 2048), np.float32)))
    program = jax.jit(call, donate_argnums=0).lower(state, data).compile()
    needed = memory.needed(program, state)
    assert 4 + 4 + 16 + 4 <= needed / MIB <= 4 + 4 + 3 * 16 + 4


def test_a_program_is_compiled_once_and_told_of_before_it_runs():
    told = []
    program = Program(jax.jit(lambda x: x + 1), lambda compiled, x: told.append((compiled, float(x))))
    assert float(program(np.float32(1))) == 2
    assert float(program(np.float32(5))) == 6
    ((compiled, first),) = told
    assert first == 1
    assert compiled is program.compiled(np.float32(7))


def test_what_a_process_has_held_is_not_what_its_parent_holds():
    """Linux' own figure has it: a process is a copy of its parent until it runs a program of its own."""
    parent = (
        "import subprocess, sys; held = b'x' * 2**30;"
        "code = 'from jaxgan.training import memory; print(memory.peak())';"
        "subprocess.run([sys.executable, '-c', code], check=True)"
    )
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=True)
    assert 2**26 < int(done.stdout) < 2**30


def test_what_is_told_before_the_start_is_what_was_taken(tmp_path):
    """In a process of its own, whose peak is its own; wide enough that the program takes as much as all else."""
    wide = dict(batch_size=8192, steps=2, log_every=2, sample_every=2, save_every=2)
    players = {player: dict(hidden=(4096,)) for player in ("generator", "discriminator")}
    recipe = write_recipe(tmp_path / "wide.py", "points", **wide, **players)
    process = start("--config", recipe, "--workdir", tmp_path / "run", cached=True)
    said, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    told = float(re.search(r"memory +about ([\d,]+) MiB of this process", said)[1].replace(",", ""))
    (begun,) = json.loads((tmp_path / "run" / "run.json").read_text())["starts"]
    assert told > 700
    assert abs(told / begun["peak_mib"] - 1) < 0.25, (told, begun)
