"""Tables of layers, shapes and parameter counts."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import numpy as np

Networks = Mapping[str, tuple[nn.Module, tuple[Any, ...]]]


def parameter_counts(networks: Networks) -> dict[str, int]:
    """Number of trainable parameters of each network; running statistics are not parameters.

    Args:
      networks: name -> (module, example arguments).
    """
    return {name: sum(leaf.size for leaf in jax.tree.leaves(_shapes(*network))) for name, network in networks.items()}


def _shapes(module: nn.Module, arguments: tuple[Any, ...]) -> Any:
    return jax.eval_shape(lambda: module.init(jax.random.key(0), *arguments, train=False))["params"]


def summarise(networks: Networks) -> str:
    """One table a network: every layer with the shapes of its input, output and parameters.

    Args:
      networks: name -> (module, example arguments).
    """
    tables = []
    for name, (module, arguments) in networks.items():
        console = {"width": 140, "force_terminal": False, "legacy_windows": False}
        key = jax.device_put(np.zeros(2, np.uint32))  # any: shapes are all that a table needs
        table = nn.tabulate(module, key, depth=2, console_kwargs=console)(*arguments, train=False)
        lines = [line.rstrip() for line in table.splitlines() if line.strip()]
        tables.append("\n".join([name, *lines[1:]]))  # the first line of Flax's is a title with the class name
    return "\n\n".join(tables) + "\n"
