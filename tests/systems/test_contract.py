"""Every kind of system through one list of properties: what the loop, the recorder and the sampler rely on."""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import flax
import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from shrink import SIDE, shrink

from jaxgan.config import load
from jaxgan.data import DataSpec
from jaxgan.drawing import CHUNK, Sampler, sample_key
from jaxgan.exploration import combine, interpolate
from jaxgan.projection import POOL, project
from jaxgan.sampling import Trained
from jaxgan.systems import SYSTEMS, Encoding, Generative, Previewing, System, Translating, build_system
from jaxgan.systems.inputs import scaled
from jaxgan.systems.players import Player
from jaxgan.training.checkpoints import Checkpoints

DIGITS = DataSpec((SIDE, SIDE, 1), "uint8", tuple("0123456789"), 100)
PAIRS = DataSpec((SIDE, SIDE, 3), "uint8", (), 100, (SIDE, SIDE, 3))
FEW = DIGITS._replace(other=DIGITS.shape)
POINTS = DataSpec((2,), "float32", tuple("abc"), 100)
LABELS = dict(conditional=True)


class Row(NamedTuple):
    """Of a kind of system one of its recipes, and data for it.

    Attributes:
      recipe: its name.
      spec: of the data.
      options: of the system: labels wherever it can have them.
      codes: numbers at the end of its latents that are never truncated.
    """

    recipe: str
    spec: DataSpec
    options: Mapping[str, Any] = MappingProxyType({})
    codes: int = 0


ROWS = {
    "autoencoder": Row("mnist_autoencoder", DIGITS),
    "began": Row("mnist_began", DIGITS),
    "cyclegan": Row("mnist_cyclegan", PAIRS),
    "gan": Row("digits_cgan", DIGITS, LABELS),
    "infogan": Row("mnist_infogan", DIGITS, codes=12),
    "lapgan": Row("mnist_lapgan", DIGITS, LABELS),
    "pix2pix": Row("mnist_pix2pix", PAIRS),
    "progressive": Row("mnist_progressive", DIGITS, LABELS),
    "semisupervised": Row("digits_semisupervised", FEW),
    "unrolled": Row("ring_unrolled", POINTS, LABELS),
    "vae": Row("mnist_vae", DIGITS),
}

BATCH = 4


def test_every_kind_of_system_is_in_the_table():
    assert set(ROWS) == set(SYSTEMS)


def brake() -> optax.GradientTransformation:
    """A last link of an optimizer's chain: its state, a number, multiplies the step. 0 stops a player to the bit."""
    return optax.GradientTransformation(
        lambda params: jnp.ones(()),
        lambda step, factor, params=None: (jax.tree.map(lambda x: factor * x, step), factor),
    )


class Run(NamedTuple):
    """A step of each stage of a system, all of whose players have a brake."""

    row: Row
    settings: Mapping[str, Any]
    system: System
    update: Callable[..., Any]
    batch: dict[str, np.ndarray]
    states: list[Any]
    metrics: list[dict[str, jax.Array]]

    def examples(self) -> dict[str, np.ndarray]:
        """One batch of examples, without an axis of micro-batches."""
        return {k: v[0] if self.system.micro_batches > 1 else v for k, v in self.batch.items()}

    def images(self) -> jax.Array:
        """The images of one batch, float32 in [-1, 1]."""
        return scaled(jnp.asarray(self.examples()["image"]))


def batch_of(spec: DataSpec, micro_batches: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    zeros = spec.zeros(*([micro_batches] if micro_batches > 1 else []), BATCH)
    batch = {key: rng.integers(0, 256, array.shape, dtype=np.uint8) for key, array in zeros.items() if key != "label"}
    if "label" in zeros:
        batch["label"] = rng.integers(0, spec.num_classes, zeros["label"].shape, dtype=np.int32)
    return batch


@pytest.fixture(scope="module", params=ROWS.values(), ids=ROWS)
def run(request):
    row, settings = request.param, shrink(load(request.param.recipe))
    settings["system"] |= row.options
    system = build_system(settings, row.spec)
    optimizers = [field.name for field in dataclasses.fields(system) if field.name.endswith("optimizer")]
    system = dataclasses.replace(system, **{key: optax.chain(getattr(system, key), brake()) for key in optimizers})
    batch, update = batch_of(row.spec, system.micro_batches), jax.jit(system.update, static_argnames="stage")
    # Under keys 0 and 1 lapgan's smallest D, of four units a layer, has none that is active, and its G stays.
    states, metrics = [jax.jit(system.init)(jax.random.key(2), batch)], []
    for stage, step in enumerate(system.stages):
        state = states[-1].replace(step=jnp.int32(step))
        for _ in range(2):  # the second runs the program of the first
            state, numbers = update(state, batch, jax.random.key(step), stage=stage)
            metrics.append(numbers)
        states.append(state)
    return Run(row, settings, system, update, batch, states, metrics)


@pytest.fixture(scope="module")
def trained(run):
    """The last state as what samples are drawn from; all tests draw them by its two programs."""
    if not isinstance(run.system, Generative):
        pytest.skip("it makes no samples")
    step = int(run.states[-1].step)
    return Trained(run.system, run.states[-1], step, run.row.spec, run.settings, 0, Sampler(run.system))


def same(a: Any, b: Any) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def is_player(part: Any) -> bool:
    return isinstance(part, Player)


def players(state: Any) -> dict[str, Player]:
    """Path in the state -> what an optimizer of its own moves."""
    parts = jax.tree_util.tree_leaves_with_path(state, is_leaf=is_player)
    return {jax.tree_util.keystr(path): part for path, part in parts if is_player(part)}


def with_player(state: Any, name: str, player: Player) -> Any:
    """The state with another player at a path."""
    return jax.tree_util.tree_map_with_path(
        lambda path, part: player if jax.tree_util.keystr(path) == name else part, state, is_leaf=is_player
    )


def test_each_stage_is_compiled_once_and_all_have_the_same_state_and_metrics(run):
    assert run.update._cache_size() == len(run.system.stages)
    kinds = [jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), state) for state in run.states]
    assert all(kind == kinds[0] for kind in kinds)
    assert [int(state.step) for state in run.states] == [0, *(step + 2 for step in run.system.stages)]
    assert all(list(metrics) == list(run.metrics[0]) for metrics in run.metrics)


def test_state_and_metrics_stay_finite(run):
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(run.states[-1]))
    for metrics in run.metrics:
        assert all(value.shape == () and value.dtype == jnp.float32 for value in metrics.values())
        assert all(np.isfinite(value) for value in metrics.values())


def test_no_buffer_stands_twice_in_a_new_state(run):
    """Or it could not be donated."""
    traced = jax.make_jaxpr(run.system.init)(jax.random.key(0), run.batch)
    made = [variable for variable in traced.jaxpr.outvars if isinstance(variable, jax.extend.core.Var)]
    assert len(set(made)) == len(made) > 2


def test_a_state_is_arrays_only(run):
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(run.states[-1]))
    assert isinstance(run.states[-1], flax.struct.PyTreeNode) or dataclasses.is_dataclass(run.states[-1])


def test_an_optimizer_moves_its_own_player_only(run):
    """A player whose steps are all 0 stays as it is to the bit, and the others learn."""
    before, stage = run.states[-1], len(run.system.stages) - 1
    assert players(before)
    for name, player in players(before).items():
        idle = player.replace(opt_state=(*player.opt_state[:-1], jnp.zeros(())))
        after, _ = run.update(with_player(before, name, idle), run.batch, jax.random.key(0), stage=stage)
        for other, moved in players(after).items():
            assert same(moved.params, players(before)[other].params) == (other == name), (name, other)


def test_a_saved_state_goes_on_as_the_state_does(run, tmp_path):
    """To the bit, from every stage: nothing that training needs is anywhere else."""
    checkpoints = Checkpoints(tmp_path, keep=len(run.states))
    for state in run.states:
        checkpoints.save(int(state.step), {"state": state})
    checkpoints.wait()
    abstract = jax.eval_shape(run.system.init, jax.random.key(0), run.batch)
    for state in run.states:
        restored = checkpoints.restore(int(state.step), {"state": abstract})["state"]
        stage = int(np.searchsorted(run.system.stages, int(state.step), side="right")) - 1
        both = [
            run.update(each, run.batch, jax.random.key(9), stage=stage) for each in (state, jax.device_put(restored))
        ]
        assert same(*both), int(state.step)
    checkpoints.close()


def test_a_sample_depends_on_its_key_its_index_and_its_label_only(trained):
    system, state, sampler = trained.system, trained.state, trained.sampler
    many, few, others = (trained.sample(num, seed) for num, seed in ((CHUNK + 2, 3), (2, 3), (2, 4)))
    assert np.array_equal(many.images[:2], few.images)
    assert np.abs(few.images - others.images).max() > 1e-6
    relabelled = sampler(state, 3, 2, labels=[0, 2]).images  # instead of 0 and 1
    assert np.array_equal(relabelled[0], few.images[0])
    assert (np.abs(relabelled[1] - few.images[1]).max() > 1e-6) == (system.num_classes > 0)
    key = sample_key(np.uint32(3))
    seven = jax.jit(system.sample, static_argnums=2)(system.settled(state), key, 7)
    np.testing.assert_allclose(seven, many.images[:7], atol=1e-5)
    # A chunk is no beginning: what it is made of depends on the index, not on the place.
    latents = system.latents(key, jnp.asarray([CHUNK, 5, CHUNK + 1, 2]))
    np.testing.assert_allclose(latents, many.latents[[CHUNK, 5, CHUNK + 1, 2]], atol=1e-6)
    assert len(np.unique(many.latents, axis=0)) == CHUNK + 2
    again = sampler.generate(state, latents[::2], many.labels[CHUNK:]).images
    np.testing.assert_allclose(again, many.images[CHUNK:], atol=1e-5)


def test_samples_are_of_the_average_of_the_parameters(trained):
    """Where there is one: no other parameters of G change them."""
    state, sampler = trained.state, trained.sampler
    averaged = [".average" in jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(state)]
    if not any(averaged):
        pytest.skip("it samples its parameters as they are")
    leaves, structure = jax.tree.flatten(state)
    images = sampler(state, 3, 4).images
    for wanted in (True, False):
        others = [
            leaf + 1 if of is wanted and jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
            for leaf, of in zip(leaves, averaged, strict=True)
        ]
        moved = np.abs(sampler(jax.tree.unflatten(structure, others), 3, 4).images - images).max()
        assert (moved > 1e-6) == wanted


def test_images_stay_in_their_range_whatever_the_parameters(trained):
    """Also those of a generator that ends in no tanh, as BEGAN's, LAPGAN's and Progressive GAN's."""
    system, sampler = trained.system, trained.sampler
    large = jax.tree.map(lambda leaf: leaf * 30 if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, trained.state)
    samples = sampler(large, 3, 7)
    if samples.images.ndim != 4:
        pytest.skip("points have none")
    again = sampler.generate(large, samples.latents, samples.labels)
    drawn = jax.jit(system.sample, static_argnums=2)(system.settled(large), sample_key(np.uint32(3)), 7)
    for images in (samples.images, again.images, np.asarray(drawn)):
        assert np.abs(images).max() <= 1
    assert np.abs(samples.images).max() > 0.9


def test_ways_lead_from_sample_to_sample_and_back(trained):
    """Closed ways of two stops, one a class: what is met on the way back was met on the way out."""
    classes = max(trained.system.num_classes, 1)
    samples = trained.sample(2 * classes)
    frames = interpolate(trained, samples, steps=3, closed=True).pictures[:, 0]
    np.testing.assert_allclose(frames[::3], samples.images.reshape(2, *frames.shape[1:]), atol=1e-5)
    np.testing.assert_allclose(frames[4:], frames[2:0:-1], atol=1e-5)
    assert np.abs(frames[[1, 2]] - frames[[0, 3]]).max() > 1e-6


def test_what_is_taken_from_itself_adds_nothing_to_a_sample(trained):
    samples, last = trained.sample(6), 5
    made = combine(trained, samples, with_=[0], without=[0], other=[last]).samples
    for result, expected in zip(made, samples, strict=True):
        np.testing.assert_allclose(result[-1], expected[last], atol=1e-5)


def test_of_latents_truncated_to_nothing_there_is_one_image_a_class(run, trained):
    """And a code: where a system has codes they stay as they are, and here all images get those of the first."""
    classes = max(trained.system.num_classes, 1)
    varied, alike = (trained.sample(2 * classes, truncation=bound).latents for bound in (None, 1e-9))
    noise, codes = np.split(alike, [alike.shape[1] - run.row.codes], axis=1)
    assert np.abs(noise).max() <= 1e-9
    np.testing.assert_array_equal(codes, varied[:, noise.shape[1] :])
    images = trained.generate(np.concatenate([noise, codes[:1].repeat(len(noise), axis=0)], axis=1)).images
    np.testing.assert_allclose(images[classes:], images[:classes], atol=1e-5)


def test_a_projection_is_nearer_to_an_image_than_all_samples(trained):
    """To one that no generator makes: plain grey."""
    image = np.full((1, *trained.spec.shape), 0.5, np.float32)
    nearest = np.square(trained.sample(POOL).images - image).reshape(POOL, -1).mean(axis=1).min()
    found, errors = project(trained, image, steps=50, pull=0.0)
    assert np.mean((found.images - image) ** 2) == pytest.approx(errors[0], rel=1e-5)
    assert errors[0] < nearest - 1e-6
    again = trained.sampler.generate(trained.state, found.latents, found.labels).images
    np.testing.assert_allclose(again, found.images, atol=1e-5)


def test_a_translation_depends_on_its_own_image_only(run):
    if not isinstance(run.system, Translating):
        pytest.skip("it translates nothing")
    images, state = run.images(), run.system.settled(run.states[-1])
    translate = jax.jit(run.system.translate, static_argnums=2)
    for name in run.system.translations:
        made, beside_others = (np.asarray(translate(state, x, name)) for x in (images, images.at[0].set(0.5)))
        np.testing.assert_allclose(beside_others[1:], made[1:], atol=1e-5)
        assert np.abs(made).max() <= 1
        assert np.abs(made[0] - made[1]).max() > 0


def test_a_code_depends_on_its_own_image_only(run):
    if not isinstance(run.system, Encoding):
        pytest.skip("it has none")
    images, state = run.images(), run.system.settled(run.states[-1])
    encode = jax.jit(run.system.encode)
    codes, beside_others = (np.asarray(encode(state, x)) for x in (images, images.at[0].set(0.5)))
    np.testing.assert_allclose(beside_others[1:], codes[1:], atol=1e-5)
    assert codes.shape[0] == BATCH
    assert np.abs(codes[0] - codes[1]).max() > 0


def test_previews_are_sheets_of_images_or_points(run):
    if not isinstance(run.system, Previewing):
        pytest.skip("it has none")
    shown = jax.jit(run.system.previews)(run.system.settled(run.states[-1]), run.examples(), jax.random.key(0))
    assert shown
    for name, values in shown.items():
        assert values.ndim in (2, 5), name
        assert np.isfinite(values).all(), name
        assert values.ndim == 2 or np.abs(values).max() <= 1, name
