"""What `test_devices.py` runs in a process of its own, which has eight devices: `python on_eight_devices.py FOLDER`.

Trains small runs on one device, on eight, and with their parameters split, into FOLDER/RUN.
"""

import sys
from pathlib import Path

import jax

sys.path[:0] = [str(folder) for folder in Path(__file__).resolve().parents[1:3]]  # tests, and the package

from small_runs import settings  # noqa: E402

from jaxgan.errors import JaxganError  # noqa: E402
from jaxgan.training.start import run  # noqa: E402

BATCH = dict(batch_size=16, steps=4, steps_per_call=2, log_every=2, sample_every=4, save_every=2, evaluate_every=4)
RUNS = {
    # Conditional, batch normalisation in both players, a metric.
    "images": ("images", dict(metrics=("svm1k_digits",))),
    # D judges pairs; five critic steps of a gradient penalty.
    "packed": (
        "points",
        dict(system=dict(packing=2, critic_steps=2), objective=dict(name="wasserstein"), penalties={"wgan_gp": {}}),
    ),
    # Minibatch deviation, two stages, equalised learning rates.
    "growing": ("growing", dict()),
    "streaming": ("images", dict(device_limit_mib=0)),
    "seeds": ("points", dict(seeds=3)),
}
LARGE = dict(width=16)  # arrays that are worth splitting


def main(folder: Path) -> None:
    """Trains all of them."""
    assert jax.device_count() == 8
    for name, (kind, changes) in RUNS.items():
        for count in (1, 8):
            run(settings(kind, **BATCH | changes), folder / f"{name}_{count}", "a test", count=count)
    for count, fsdp in ((1, False), (8, True)):
        large = settings("images", **BATCH, fsdp=fsdp, generator=LARGE, discriminator=LARGE)
        run(large, folder / f"large_{count}", "a test", count=count)
    moved = settings("images", **BATCH | dict(steps=2), generator=LARGE, discriminator=LARGE)
    for count in (8, 2, 1):  # the checkpoint of one number of devices is the start of the next
        moved = moved | dict(steps=moved["steps"] + 2) if (folder / "moved").exists() else moved
        run(moved, folder / "moved", "a test", allow_changes=True, count=count)
    try:
        run(settings("images", batch_size=12), folder / "uneven", "a test", count=8)
    except JaxganError as error:
        (folder / "uneven.txt").write_text(str(error))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
