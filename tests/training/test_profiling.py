"""The profile: every operation once, under the name of the code that asked for it, and nothing changed by looking."""

import re

import jax
import jax.numpy as jnp
import pytest
from small_runs import left_behind, train

from jaxgan.errors import JaxganError
from jaxgan.training import profiling

PROGRAM = """\
HloModule jit_call, is_scheduled=true

%body (p: (s32[], f32[8,8])) -> (s32[], f32[8,8]) {
  %dot.1 = f32[8,8]{1,0} dot(%a, %b), metadata={op_name="jit(call)/while/body/closed_call/jvp(G)/Dense_0/dot_general"}
  ROOT %tuple.1 = (s32[], /*index=1*/f32[8,8]{1,0}) tuple(%i, %dot.1)
}
  %while.2 = (s32[], f32[8,8]{1,0}) while(%tuple.1), body=%body, metadata={op_name="jit(call)/while" stack_frame_id=5}
  ROOT add.7 = f32[]{:T(128)} add(%c, %d)
"""


def test_what_a_program_says_of_its_operations():
    assert profiling.operations(PROGRAM) == {
        "dot.1": ("f32[8,8]", "dot", "jvp(G)/Dense_0/dot_general"),
        "tuple.1": ("", "tuple", ""),
        "while.2": ("", "while", ""),
        "add.7": ("f32[]", "add", ""),
    }


def test_an_operation_inside_a_loop_is_counted_as_often_as_it_runs_and_the_loop_is_not(tmp_path):
    """Seven products of large matrices, made twice."""

    @jax.jit
    def products(x):
        return jax.lax.scan(lambda y, _: (jnp.sin(y @ x), None), x, length=7)[0]

    x = jnp.ones((512, 512)) / 512
    program = products.lower(x).compile()
    with jax.profiler.trace(tmp_path):
        for _ in range(2):
            program(x).block_until_ready()
    (path,) = tmp_path.rglob("*.xplane.pb")
    trace = jax.profiler.ProfileData.from_file(str(path))
    header, costliest, *rest = profiling.table(program.as_text(), trace, steps=2).splitlines()
    assert header.split() == ["ms/step", "share", "count", "operation"]
    assert re.search(r" 7  \S+ f32\[512,512\]  \S*dot_general$", costliest)
    assert not any("while" in line.split()[3] for line in rest[:-1])
    assert sum(float(line.split()[1].rstrip("%")) for line in [costliest, *rest]) == pytest.approx(100, abs=1)
    with pytest.raises(JaxganError, match="recorded no operation"):
        profiling.table("HloModule jit_other, x", trace, steps=2)


def test_a_profiled_run_reports_and_ends_in_the_same_bits(tmp_path, capsys):
    train(tmp_path / "plain", "images")
    capsys.readouterr()
    train(tmp_path / "profiled", "images", profile=True)
    assert left_behind(tmp_path / "profiled") == left_behind(tmp_path / "plain")
    output = capsys.readouterr().out
    assert re.search(r"^profile   4 steps, [\d.]+ ms each; memory [\d.]+ MiB of state and data, ", output, re.MULTILINE)
    assert re.search(r"DCGAN(Generator|Discriminator)\)\S*/", output)
    (path,) = (tmp_path / "profiled" / "profile").rglob("*.xplane.pb")
    assert str(path) in output


def test_a_run_too_short_to_profile_is_told_so_and_is_whole(tmp_path, capsys):
    train(tmp_path, steps=4, profile=True)
    assert re.search(r"nothing to profile: calls 2 to 3 .* made 2\. Raise config.steps", capsys.readouterr().out)
    assert left_behind(tmp_path)["step"] == 4
