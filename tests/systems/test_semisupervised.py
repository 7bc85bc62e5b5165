"""The classifier of K + 1 classes: its algebra, its step by hand, what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.config import recipe, resolve
from jaxgan.data import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.objectives import non_saturating
from jaxgan.systems import build_system
from jaxgan.systems.players import passes
from jaxgan.systems.semisupervised import adversarial_logits, feature_distance

SHAPE, CLASSES, BATCH, RATE = (3, 2, 1), 3, 6, 0.1
SPEC = DataSpec(SHAPE, "uint8", ("a", "b", "c"), 100, other=SHAPE)
RNG = np.random.default_rng(0)
DATA = {
    "image": RNG.integers(0, 256, (BATCH, *SHAPE), dtype=np.uint8),
    "other": RNG.integers(0, 256, (BATCH, *SHAPE), dtype=np.uint8),
    "label": np.array([0, 1, 2, 2, 1, 0], np.int32),
}


def make(spec=SPEC, discriminator=None, objective="non_saturating", **system):
    sgd = dict(name="sgd", learning_rate=RATE)
    config = recipe(
        batch_size=BATCH,
        system=dict(name="semisupervised", latent_size=2, average_half_life=0) | system,
        generator=dict(name="mlp", hidden=(5,), activation="tanh"),
        discriminator=discriminator or dict(name="mlp", hidden=(4,), activation="tanh", conditioning="classifier"),
        objective=dict(name=objective),
        generator_optimizer=sgd,
        discriminator_optimizer=sgd,
    )
    return build_system(resolve(config), spec)


def test_the_adversarial_logit_is_that_of_a_softmax_over_one_class_more():
    """By hand: exp l = (1, 2, 3), Z = 6, so that D(x) = 6 / 7 and class K + 1 has 1 / 7."""
    logits = jnp.log(jnp.array([[1.0, 2.0, 3.0], [0.5, 0.25, 0.25]]))
    softmax = jax.nn.softmax(jnp.pad(logits, ((0, 0), (0, 1))))
    np.testing.assert_allclose(softmax[0], np.array([1, 2, 3, 1]) / 7, rtol=1e-6)
    log_z = adversarial_logits(logits)
    np.testing.assert_allclose(jax.nn.sigmoid(log_z), [6 / 7, 1 / 2], rtol=1e-6)
    np.testing.assert_allclose(jax.nn.sigmoid(log_z), 1 - softmax[:, -1], rtol=1e-6)
    # Among the real classes the posterior is that of K classes.
    np.testing.assert_allclose(softmax[:, :3] / (1 - softmax[:, 3:]), jax.nn.softmax(logits), rtol=1e-6)
    losses = non_saturating().discriminator(log_z[:1], log_z[1:], jax.random.key(0))
    np.testing.assert_allclose(losses, [-np.log(6 / 7) - np.log(1 - 1 / 2)], rtol=1e-6)


def test_a_constant_more_on_all_classes_but_one_is_one_less_on_that():
    """The K + 1 logits have one too many: with l_{K+1} at c instead of 0 the softmax is that of l - c."""
    logits, c = jnp.array([[1.0, -2.0, 0.5]]), 0.7
    over = jax.nn.softmax(jnp.pad(logits, ((0, 0), (0, 1)), constant_values=c))
    np.testing.assert_allclose(jax.nn.sigmoid(adversarial_logits(logits - c)), 1 - over[:, -1], rtol=1e-6)


def test_feature_distance_by_hand():
    real, fake = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[0.0, 3.0], [2.0, 3.0]])
    assert float(feature_distance(real, fake)) == pytest.approx((1**2 + 0**2) / 2)


def dense(layer, x):
    return jnp.dot(x, layer["kernel"]) + layer["bias"][None]


def judged(d, x):
    """Features, and class logits, which are the second of the head's maps."""
    h = jnp.tanh(dense(d["_Trunk_0"]["Dense_0"], x))
    return h, dense(d["Head_0"]["Dense_1"], h)


@pytest.mark.parametrize("generator_loss", ["feature_matching", "adversarial"])
def test_a_step_by_hand(generator_loss):
    system = make(generator_loss=generator_loss, unlabelled_weight=0.6)
    before = system.init(jax.random.key(1), {})
    after, metrics = jax.jit(system.update)(before, DATA, jax.random.key(2))
    z = system.latents(jax.random.split(jax.random.key(2), 4)[0], jnp.arange(BATCH))
    real, other = (DATA[key].reshape(BATCH, -1) / np.float32(127.5) - 1 for key in ("image", "other"))

    def made(g):
        return jnp.tanh(dense(g["Dense_0"], jnp.tanh(dense(g["_Trunk_0"]["Dense_0"], z))))

    def realness(logits):
        """The probability of the first K of K + 1 classes."""
        return 1 - jax.nn.softmax(jnp.pad(logits, ((0, 0), (0, 1))))[:, -1]

    def d_loss(d, g):
        labelled, on_real, on_fake = (judged(d, x)[1] for x in (other, real, made(g)))
        told = jnp.take_along_axis(jax.nn.softmax(labelled), DATA["label"][:, None], axis=1)
        supervised = -jnp.mean(jnp.log(told))
        unlabelled = -(jnp.mean(jnp.log(realness(on_real))) + jnp.mean(jnp.log(1 - realness(on_fake)))) / 2
        return supervised + 0.6 * unlabelled, (supervised, 0.6 * unlabelled)

    def g_loss(g, d):
        (features, _), (of_fake, on_fake) = judged(d, real), judged(d, made(g))
        if generator_loss == "adversarial":
            return -jnp.mean(jnp.log(realness(on_fake)))
        return jnp.mean((features.mean(0) - of_fake.mean(0)) ** 2)

    d, g = before.discriminator.params, before.generator.params
    slopes, (supervised, unlabelled) = jax.grad(d_loss, has_aux=True)(d, g)
    d = jax.tree.map(lambda x, slope: x - RATE * slope, d, slopes)
    value, slopes = jax.value_and_grad(g_loss)(g, d)
    g = jax.tree.map(lambda x, slope: x - RATE * slope, g, slopes)
    close(after.discriminator.params, d)
    close(after.generator.params, g)
    close((after.average["params"], after.classifier["params"]), (g, d))
    assert metrics["supervised_loss"] == pytest.approx(float(supervised), rel=1e-5)
    assert metrics["unlabelled_loss"] == pytest.approx(float(unlabelled), rel=1e-5)
    assert metrics["generator_loss"] == pytest.approx(float(value), rel=1e-4)
    right = np.argmax(judged(before.discriminator.params, other)[1], axis=1) == DATA["label"]
    assert metrics["labelled_accuracy"] == pytest.approx(right.mean())
    logits = system.classify(after, jnp.asarray(real, jnp.float32).reshape(BATCH, *SHAPE))
    np.testing.assert_allclose(logits, judged(d, real)[1], rtol=1e-4, atol=1e-5)


def close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), a, b)


def test_statistics_of_d_are_those_of_its_own_update():
    """Of labelled, real and generated examples in turn; what it makes of them for G's sake leaves no trace."""
    normalised = dict(name="mlp", hidden=(4,), normalise=True, spectral=True, conditioning="classifier")
    system = make(discriminator=normalised)
    before = system.init(jax.random.key(1), {})
    after, _ = jax.jit(system.update)(before, DATA, jax.random.key(2))
    z = system.latents(jax.random.split(jax.random.key(2), 4)[0], jnp.arange(BATCH))
    g, d = before.generator, before.discriminator
    fake = system.generator.apply(g.variables, z, train=True)
    batches = [(jnp.asarray(DATA[key] / np.float32(127.5) - 1),) for key in ("other", "image")]
    seen = passes(system.discriminator, d.params, d.statistics, [*batches, (fake,)], jax.random.key(0), advance=True)
    close(after.discriminator.statistics, seen[-1].statistics)


def test_labels_change_what_is_learnt_of_the_labelled_only():
    """Other labels change what D learns of the labelled examples only: its loss on the others is the same."""
    system = make()
    state = system.init(jax.random.key(1), {})
    update = jax.jit(system.update)
    turned = DATA | {"label": (DATA["label"] + 1) % CLASSES}
    (one, metrics), (two, others) = (update(state, batch, jax.random.key(2)) for batch in (DATA, turned))
    assert metrics["unlabelled_loss"] == others["unlabelled_loss"]
    assert metrics["supervised_loss"] != others["supervised_loss"]
    biases = (run.discriminator.params["Head_0"]["Dense_1"]["bias"] for run in (one, two))
    assert np.abs(np.subtract(*biases)).max() < 1e-6  # each class has as many labels in both
    kernels = (run.discriminator.params["Head_0"]["Dense_1"]["kernel"] for run in (one, two))
    assert np.abs(np.subtract(*kernels)).max() > 1e-4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(spec=SPEC._replace(other=())), r"set --config\.data\.name=few_labels:digits"),
        (dict(spec=SPEC._replace(class_names=())), r"needs a few labelled examples"),
        (dict(discriminator=dict(name="mlp")), r"--config\.discriminator\.conditioning=classifier"),
        (dict(discriminator=dict(name="stylegan2")), r"this D has none"),
        (dict(objective="relativistic"), r"objective=relativistic looks at differences .*name=non_saturating"),
        (dict(unlabelled_weight=-1.0), r"config\.system\.unlabelled_weight is -1\.0, but must be in \[0"),
        (dict(latent_size=0), r"config\.system\.latent_size is 0, but must be at least 1"),
        (dict(generator_loss="hinge"), r"config\.system\.generator_loss is 'hinge', but must be one of 'feature_match"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(JaxganError, match=message):
        make(**changes)
