"""What a player of an adversarial game has: its arrays, its pass in training, its optimizer's step."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import flax
import flax.linen as nn
import jax
import optax

from jaxgan.devices import on_every_device, over_devices

Variables = Mapping[str, Any]

SPECTRAL = "spectral"
"""Collection of spectral normalisation's vectors: they advance once an update of their player."""
CLASSES = "classes"
"""Collection in which a discriminator with an auxiliary classifier reveals its class logits."""
FEATURES = "features"
"""Collection in which every discriminator reveals what its logits are a function of."""
REVEALED = (CLASSES, FEATURES)


@flax.struct.dataclass
class Player:
    """One network's arrays: `params`, what its passes move (running statistics and the like, by collection, possibly
    none) and its optimizer's state.
    """

    params: Any
    statistics: Variables
    opt_state: Any

    @property
    def variables(self) -> Variables:
        """What Linen's `apply` takes."""
        return {"params": self.params, **self.statistics}


class Pass(NamedTuple):
    """What a pass in training comes to: the network's output, its statistics afterwards, and of a discriminator its
    class logits [b, classes] and features [b, d], float32, or None where it has none.
    """

    output: jax.Array
    statistics: Variables
    classes: Any
    features: Any


class Fakes(NamedTuple):
    """Generated examples, the way back to G's parameters, and G's statistics after the pass."""

    images: jax.Array
    pullback: Any
    statistics: Variables


def new_player(variables: Variables, optimizer: optax.GradientTransformation) -> Player:
    """A player at the start of training, of what Linen's `init` returned."""
    statistics = {name: values for name, values in variables.items() if name not in ("params", *REVEALED)}
    return Player(variables["params"], statistics, optimizer.init(variables["params"]))


def new_players(
    networks: Mapping[str, tuple[nn.Module, tuple[Any, ...]]],
    optimizers: Iterable[optax.GradientTransformation],
    key: jax.Array,
) -> list[Player]:
    """Players of a system's `networks()`, with an optimizer each, at the start of training; drawn with a key each."""
    keys = jax.random.split(key, len(networks))
    return [
        new_player(module.init(key, *arguments, train=False), optimizer)
        for key, (module, arguments), optimizer in zip(keys, networks.values(), optimizers, strict=True)
    ]


def train_pass(
    module: nn.Module, params: Any, statistics: Variables, inputs: Any, key: jax.Array, advance: bool = True
) -> Pass:
    """Applies a network as in training.

    Args:
      module: the network.
      params: its parameters.
      statistics: its other collections.
      inputs: its arguments, a tuple.
      key: of what it draws (noise, dropout).
      advance: also the vectors of spectral normalisation; the running statistics move in every pass.
    """
    params, inputs = on_every_device(params), over_devices(inputs)
    moving = [name for name in statistics if advance or name != SPECTRAL]
    output, moved = module.apply(
        {"params": params, **statistics}, *inputs, train=True, mutable=[*moving, *REVEALED], rngs={"noise": key}
    )
    classes, features = (next(iter(jax.tree.leaves(moved.get(name, {}))), None) for name in REVEALED)
    statistics = {**statistics, **{name: moved[name] for name in moving}}
    return Pass(output, statistics, classes, features)


def passes(
    module: nn.Module, params: Any, statistics: Variables, batches: Sequence[Any], key: jax.Array, *, advance: bool
) -> list[Pass]:
    """A network's passes in training over one batch after another: of D, over real examples and then generated ones.

    Each batch is seen under noise of its own and normalised by its own statistics; running statistics take in all.

    Args:
      module: the network.
      params: its parameters.
      statistics: its other collections, before the first pass.
      batches: its arguments in each pass, tuples.
      key: of what it draws.
      advance: also the vectors of spectral normalisation, in the first pass.
    """
    seen: list[Pass] = []
    for inputs, own in zip(batches, jax.random.split(key, len(batches)), strict=True):
        seen.append(train_pass(module, params, statistics, inputs, own, advance and not seen))
        statistics = seen[-1].statistics
    return seen


def fakes_of(module: nn.Module, player: Player, inputs: Any, key: jax.Array) -> Fakes:
    """G's pass in training, with its way back; arguments as of `train_pass`."""

    def forward(params: Any) -> tuple[jax.Array, Variables]:
        made = train_pass(module, params, player.statistics, inputs, key)
        return made.output, made.statistics

    return Fakes(*jax.vjp(forward, player.params, has_aux=True))


def stepped(player: Player, gradients: Any, statistics: Variables, optimizer: optax.GradientTransformation) -> Player:
    """The player after one step of its optimizer, with these statistics."""
    updates, opt_state = optimizer.update(gradients, player.opt_state, player.params)
    return Player(optax.apply_updates(player.params, updates), statistics, opt_state)
