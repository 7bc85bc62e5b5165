"""The script of `docs/scaling.md`, on toys: its tables, and what they are made of."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import scaling

PAGE = (Path(scaling.__file__).parent / "scaling.md").read_text()


def test_collectives_are_read_from_a_program_with_the_bytes_of_their_results():
    text = """
  %a = f32[2,3]{1,0} all-reduce(%x), replica_groups={}
  %b = (f32[4]{0}, s32[]) all-reduce-start(%y), replica_groups={}
  %c = bf16[8]{0} all-gather(%z), dimensions={0}
  %d = f32[9]{0} add(%a, %b)
"""
    assert list(scaling.collectives(text)) == [("all-reduce", 24), ("all-reduce", 20), ("all-gather", 16)]


def test_efficiency_is_the_share_of_computing():
    rate, latency, _ = scaling.LINKS[8]
    assert scaling.efficiency(8, 0, 0.0, scaling.SPEED) == 1.0
    share = scaling.efficiency(8, 5, rate, scaling.SPEED)  # a second of computing
    assert share == pytest.approx(1 / (1 + 2 * 7 / 8 + 5 * latency))


@pytest.mark.long
def test_the_volume_is_printed_for_whole_and_split_parameters():
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    root = Path(scaling.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, scaling.__file__, "--only", "volume", "--toy"],
        env=os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| `mnist_dcgan` \| [\d,]+ \| 16 \| (whole|split) \| (\d+) \| ([\d.]+) \|", done.stdout, re.M)
    assert [kept for kept, _, _ in rows] == ["whole", "split"]
    assert all(int(number) > 0 and float(size) > 0 for _, number, size in rows)
    assert re.search(r"^\| `mnist_dcgan` \| [\d.]+ G(?: \| \d+%){3} \|$", done.stdout, re.M)


def test_the_page_has_every_recipe_that_is_measured():
    assert [name for name in scaling.SPECS if f"`{name}`" not in PAGE] == []
