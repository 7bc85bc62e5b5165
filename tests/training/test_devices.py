"""The same recipe on one device and on several, faked by the CPU: the same numbers, but for rounding."""

import os
import subprocess
import sys
from pathlib import Path

import fault_runs
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import assert_close

from jaxgan.devices import Devices, over_devices
from jaxgan.errors import JaxganError
from jaxgan.training.run_directory import read_lines


def eight(folder, *names):
    """Trains runs of `on_eight_devices.py`; returns what it printed."""
    script = Path(__file__).with_name("on_eight_devices.py")
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    command = [sys.executable, str(script), str(folder), *names]
    done = subprocess.run(
        command, env=os.environ | {"XLA_FLAGS": flags}, capture_output=True, text=True, timeout=550, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    return folder, eight(folder, "images", "split")


@pytest.mark.parametrize("name", ["images", "split"])
def test_eight_devices_come_to_what_one_comes_to(trained, name):
    folder, said = trained
    assert_close(folder / f"{name}_1", folder / f"{name}_8")
    assert "8 of them, which share the parameters" in said


@pytest.mark.long
def test_packing_penalties_growing_streaming_and_several_seeds_too(tmp_path):
    names = ("packed", "growing", "streaming", "seeds")
    eight(tmp_path, *names)
    for name in names:
        assert_close(tmp_path / f"{name}_1", tmp_path / f"{name}_8")


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in fault_runs.SUBJECTS if name not in ("gan_streaming", "progressive")])
def test_every_system_has_the_same_losses(tmp_path, name):
    """Its losses only: where a gradient is a small difference of large numbers, Adam makes a step of its rounding."""
    eight(tmp_path, "systems", name)
    one, other = (read_lines(tmp_path / f"{name}_{count}" / "metrics.jsonl") for count in (1, 8))
    assert [line["step"] for line in one] == [line["step"] for line in other] == [2, 4]
    for a, b in zip(one, other, strict=True):
        numbers = [key for key, value in a.items() if isinstance(value, float) and key not in fault_runs.CLOCK]
        assert numbers
        np.testing.assert_allclose([b[key] for key in numbers], [a[key] for key in numbers], rtol=1e-5, atol=1e-5)


def test_a_metric_is_the_same(trained):
    folder, _ = trained
    one, other = ((folder / f"images_{count}" / "evaluations.jsonl").read_text() for count in (1, 8))
    assert one == other != ""


def test_checkpoints_move_between_eight_two_and_one(trained):
    """Split and whole: every two steps of a run on another number of devices."""
    folder, said = trained
    assert_close(folder / "stayed", folder / "moved")
    assert [f"continuing at step {step}" in said for step in (2, 4, 6)] == [True] * 3


def test_an_uneven_batch_is_refused_before_anything_is_written(trained):
    folder, _ = trained
    assert (folder / "uneven.txt").read_text() == (
        "config.batch_size is 12, which 8 devices do not share evenly; set it to 8 or 16, or use --devices 6."
    )
    assert not (folder / "uneven").exists()


def test_more_devices_than_there_are_are_refused():
    for count in (0, -1, jax.device_count() + 1):
        with pytest.raises(JaxganError, match=f"--devices {count}: JAX sees {jax.device_count()} here"):
            Devices.first(count)


SHARES = """
import jax, jax.numpy as jnp, numpy as np
from jaxgan.devices import Devices, on_host, over_devices
from jaxgan.ops.conv import conv_transpose
devices, split = Devices.first(), Devices.first(fsdp=True)

def program(x, drawn):
    with jax.sharding.use_abstract_mesh(devices.mesh.abstract_mesh):
        return drawn(over_devices(x))

def text(x):
    return jax.jit(lambda x: program(x, jnp.sin)).lower(x).compile().as_text()

x = devices.put(np.zeros((16, 3), np.float32), devices.everywhere)
assert "f32[2,3]" in text(x), text(x)  # an eighth each
assert "f32[12,3]" in text(x[:12])  # not to be shared: whole

state = {"kernel": np.arange(64 * 96.0).reshape(64, 96), "odd": np.zeros((63, 97)), "small": np.zeros(64)}
lie = split.of_state(state)
assert lie["kernel"].spec == jax.sharding.PartitionSpec(None, "data")  # the longest axis
assert lie["odd"] == lie["small"] == split.everywhere
placed = {key: jax.device_put(value, lie[key]) for key, value in state.items()}
assert placed["kernel"].addressable_shards[3].data.shape == (64, 12)
one = split.one(placed)
assert all(isinstance(value, np.ndarray) for value in one.values())  # on no device: it may be too large for one
for key, value in state.items():
    np.testing.assert_array_equal(one[key], value)
    np.testing.assert_array_equal(on_host(placed[key]), value)
assert devices.rows(16) == slice(0, 16)

def upwards(x, kernel):  # of so many images that one device would compute them in blocks
    return (conv_transpose(x, kernel, strides=(2, 2), padding="SAME") ** 2).sum()

def step(kernel, x):
    with jax.sharding.use_abstract_mesh(devices.mesh.abstract_mesh):
        return jax.grad(upwards, (0, 1))(over_devices(x), kernel)

shapes = jnp.zeros((4, 4, 64, 256)), jnp.zeros((512, 14, 14, 256))
kernel, x = (jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=devices.everywhere) for a in shapes)
told = jax.jit(step).lower(kernel, x).compile().as_text()
assert "all-reduce" in told and "all-gather" not in told, "images are sent between devices"
"""


def test_what_is_split_and_what_is_whole():
    flags = "--xla_force_host_platform_device_count=8"
    subprocess.run([sys.executable, "-c", SHARES], env=os.environ | {"XLA_FLAGS": flags}, check=True, timeout=120)


def test_without_a_mesh_nothing_is_split():
    x = jnp.zeros((8, 2))
    assert over_devices(x) is x
