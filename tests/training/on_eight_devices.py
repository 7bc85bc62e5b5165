"""What `test_devices.py` runs in a process of its own, with eight devices: `python on_eight_devices.py FOLDER RUN...`.

Trains small runs on one device and on eight, into FOLDER/RUN_1 and FOLDER/RUN_8.
"""

import sys
from pathlib import Path
from typing import Any

import jax

TESTS, ROOT = Path(__file__).resolve().parents[1:3]
sys.path[:0] = [str(TESTS), str(ROOT), str(ROOT / "docs")]

import fault_runs  # noqa: E402
from small_runs import settings  # noqa: E402

from jaxgan.errors import JaxganError  # noqa: E402
from jaxgan.training.start import run  # noqa: E402

BATCH = dict(batch_size=16, steps=4, steps_per_call=2, log_every=2, sample_every=4, save_every=2)
LARGE = dict(generator=dict(hidden=(64, 64)), discriminator=dict(hidden=(64, 64)))  # arrays that are worth splitting
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    # Conditional, with batch normalisation in both players, and a metric.
    "images": ("images", dict(metrics=("svm1k_digits",))),
    # D judges pairs; two critic steps, a gradient penalty.
    "packed": (
        "points",
        dict(
            system=dict(packing=2, critic_steps=2),
            objective=dict(name="wasserstein"),
            penalties=dict(wgan_gp=dict(weight=1.0)),
        ),
    ),
    "split": ("points", LARGE),
    # Minibatch deviation, two stages, equalised learning rates.
    "growing": ("growing", dict(steps=8)),
    "streaming": ("images", dict(device_limit_mib=0)),
    "seeds": ("points", dict(seeds=3)),
}


# Eight of those that the fault harness trains a batch, four steps of each.
SHORT = ("steps=4", "batch_size=8", "steps_per_call=2", "sample_every=4", "save_every=4", "evaluate_every=0")
PLAIN = ("metrics=()", "keep_best=''", "roll_back_on=()")


def one_of_each_system(folder: Path, names: tuple[str, ...]) -> None:
    """Trains subjects of the fault harness on one device and on eight."""
    for name in names:
        (folder / name).mkdir()
        fault_runs.write_recipe(name, folder / name)
        for count in (1, 8):
            short = fault_runs.settings(name, folder / name, (*SHORT, *PLAIN))
            run(short, folder / f"{name}_{count}", "a test", count=count)


def main(folder: Path, *names: str) -> None:
    """Trains some of them, and lets one move between numbers of devices."""
    assert jax.device_count() == 8
    for name in names:
        kind, changes = RUNS[name]
        run(settings(kind, **BATCH | changes), folder / f"{name}_1", "a test", count=1)
        eight = settings(kind, **BATCH | changes, fsdp=name == "split")
        run(eight, folder / f"{name}_8", "a test", count=8)
    for steps, count, fsdp in ((2, 8, True), (4, 2, True), (6, 8, False), (8, 1, False)):
        moved = settings("points", **BATCH | LARGE | dict(steps=steps), fsdp=fsdp)
        run(moved, folder / "moved", "a test", allow_changes=True, count=count)
    run(settings("points", **BATCH | LARGE | dict(steps=8)), folder / "stayed", "a test", count=1)
    try:
        run(settings("points", batch_size=12), folder / "uneven", "a test", count=8)
    except JaxganError as error:
        (folder / "uneven.txt").write_text(str(error))


if __name__ == "__main__":
    if sys.argv[2] == "systems":
        one_of_each_system(Path(sys.argv[1]), tuple(sys.argv[3:]))
    else:
        main(Path(sys.argv[1]), *sys.argv[2:])
