"""Whether jaxgan has become slower than it was against its peers: ratios only, since times are the machine's."""

from benchmarks.measure import compare
from benchmarks.workloads import WORKLOADS

LIMITS = {"plain_lax": 0.1, "mnist_dcgan": 1.15, "wgan_gp_critic": 1.15, "mlp_2d": 0.7}
ROUNDS = 4
ATTEMPTS = 2


def failures() -> list[str]:
    """One line for each workload whose ratio is over its limit in every attempt."""
    lines = []
    for name, limit in LIMITS.items():
        pair = WORKLOADS[name].pairs(False)[0]
        for _ in range(ATTEMPTS):
            ratio = compare(pair, ROUNDS).ratio
            print(f"{name:12} {ratio:.2f} of the time of {pair.peer} (limit {limit})", flush=True)
            if ratio <= limit:
                break
        else:
            lines.append(f"{name}: jaxgan takes {ratio:.2f} of the time of {pair.peer}, over its limit of {limit}")
    return lines
