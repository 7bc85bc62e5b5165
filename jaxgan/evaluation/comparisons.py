"""Scores of generated images by their features, alone or beside those of real ones: `fid10k_test_mnist` and its like.

A name is made of the statistic, the number of generated images, what they are compared with - "train": all that the run
learns from, "test": the whole test split - and the feature network.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from jaxgan.data import Source
from jaxgan.data.few_labels import underlying
from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError, UnknownName, unknown
from jaxgan.evaluation.digits import digits_extractor
from jaxgan.evaluation.features import Extractor
from jaxgan.evaluation.features.inception import inception
from jaxgan.evaluation.features.vgg16 import vgg16
from jaxgan.evaluation.held_out import open_split
from jaxgan.evaluation.metric import Aim, Metric, check_generated_images, of_samples, through
from jaxgan.evaluation.mnist import mnist_extractor, mnist_of
from jaxgan.evaluation.references import Reference, real_features
from jaxgan.evaluation.statistics.frechet import Moments, check_count, frechet_distance
from jaxgan.evaluation.statistics.inception_score import inception_score
from jaxgan.evaluation.statistics.kernel import kernel_distance
from jaxgan.evaluation.statistics.manifolds import density_coverage, precision_recall
from jaxgan.evaluation.statistics.memorisation import copying, nearest
from jaxgan.systems import System

Figures = dict[str, float]

SEED = 0
"""Of the subsets and splits that statistics draw."""

KID_SUBSETS, KID_SIZE = 100, 1000
PR_NEIGHBOURS, DC_NEIGHBOURS = 3, 5
SPLITS = 10

Scorer = Callable[[np.ndarray], Figures]
"""What scores that of the features of generated images which its statistic sees."""


class Network(NamedTuple):
    """A feature network that takes the images of a run, with the lengths of what it makes of one.

    Attributes:
      extractor: the network.
      width: of a vector.
      classes: that it tells; 0 for none.
    """

    extractor: Extractor
    width: int
    classes: int


class Asked(NamedTuple):
    """What a statistic is told.

    Attributes:
      split: of the name, "train" or "test"; "" of a statistic without one.
      num: of generated images.
      count: split -> number of the real images in it.
      network: -> the feature network, which is opened for it.
      real: split -> vectors of the real images in it, which may take hours.
    """

    split: str
    num: int
    count: Callable[[str], int]
    network: Callable[[], Network]
    real: Callable[[str], np.ndarray]


class Statistic(NamedTuple):
    """A statistic of features.

    Attributes:
      check: refuses what is asked for if it cannot be had, without asking for vectors of real images.
      make: what is asked for -> scorer. What is known before anything is generated is computed there.
      sees: "vectors" or "probabilities", which it is of.
      compared: whether a split is part of its name.
      protocol: what else decides it.
      aim: what states are ranked by; None for one that says nothing of that alone.
    """

    check: Callable[[Asked], None]
    make: Callable[[Asked], Scorer]
    sees: Literal["vectors", "probabilities"]
    compared: bool
    protocol: Mapping[str, Any]
    aim: Aim | None


def fid(asked: Asked) -> Scorer:
    """Fréchet distance of the generated images' features from those of all real images of the split.

    Figures:
      fid: squared, not negative; of two sets of real images it is not 0, and the fewer they are the more.
    """
    moments = Moments.of(asked.real(asked.split))
    return lambda generated: {"fid": frechet_distance(moments, Moments.of(generated))}


def _check_fid(asked: Asked) -> None:
    """Refuses no more images, of either kind, than features."""
    for count in (asked.count(asked.split), asked.num):
        check_count(count, asked.network().width)


def kid(asked: Asked) -> Scorer:
    """Kernel distance of the same: the mean over 100 random subsets of 1,000, or of half of them if they are fewer.

    Figures:
      kid: squared; without bias, so that for two sets of one distribution it is below 0 as often as above.
      kid_std: over the subsets.
    """
    real = asked.real(asked.split)
    size = min(KID_SIZE, _fewest(asked) // 2)  # of all, each subset would be the same one

    def score(generated: np.ndarray) -> Figures:
        found = kernel_distance(generated, real, np.random.default_rng(SEED), KID_SUBSETS, size)
        return {"kid": found.mean, "kid_std": found.std}

    return score


def _check_kid(asked: Asked) -> None:
    if _fewest(asked) < 4:
        raise JaxganError(f"subsets of {_fewest(asked)} images are none: take more.")


def _fewest(asked: Asked) -> int:
    return min(asked.num, asked.count(asked.split))


def precision_and_recall(asked: Asked) -> Scorer:
    """Precision and recall: shares of generated images among real ones, and the reverse, by 3 neighbours."""
    real = asked.real(asked.split)
    return lambda generated: precision_recall(real, generated, PR_NEIGHBOURS)._asdict()


def density_and_coverage(asked: Asked) -> Scorer:
    """Density and coverage: the same with less regard to outliers, by 5 neighbours of the real images."""
    real = asked.real(asked.split)
    return lambda generated: density_coverage(real, generated, DC_NEIGHBOURS)._asdict()


def _check_neighbours(k: int, *counts: int) -> None:
    if min(counts) <= k:
        raise JaxganError(f"{min(counts)} images have no {k} neighbours each: take more.")


def class_score(asked: Asked) -> Scorer:
    """The Inception score, by the classes of whatever network has some; mean and deviation over 10 parts."""

    def score(generated: np.ndarray) -> Figures:
        found = inception_score(generated, np.random.default_rng(SEED), SPLITS)
        return {"inception_score": found.mean, "inception_score_std": found.std}

    return score


def _check_class_score(asked: Asked) -> None:
    if asked.num < SPLITS:
        raise JaxganError(f"it is a mean over {SPLITS} parts: take more images than {asked.num}.")
    if not asked.network().classes:
        raise JaxganError("the network of features has no classes, which this score is of.")


def copies(asked: Asked) -> Scorer:
    """Whether generated images are nearer to what was learnt from than held-out ones are: memorised, that is.

    Figures:
      closer: probability that a generated image is nearer to its nearest neighbour in the train split than one of the
        test split is to its own; 1/2 where nothing is memorised, 1 where all is.
      z: the same as a test statistic; below -3 is copying.
      near: share of the generated that are as near as the nearest 1 % of the test split.
    """
    train = asked.real("train")
    held_out = nearest(asked.real("test"), train).distances
    return lambda generated: copying(nearest(generated, train).distances, held_out)._asdict()


def _check_copies(asked: Asked) -> None:
    for split in ("train", "test"):  # one may be missing
        asked.count(split)


STATISTICS = {
    "fid": Statistic(_check_fid, fid, "vectors", True, {}, Aim("fid", lower=True)),
    "kid": Statistic(
        _check_kid,
        kid,
        "vectors",
        True,
        {"kernel": "(x.y / d + 1)^3", "subsets": f"{KID_SUBSETS} of {KID_SIZE}, or of half of fewer", "seed": SEED},
        Aim("kid", lower=True),
    ),
    "pr": Statistic(
        lambda asked: _check_neighbours(PR_NEIGHBOURS, asked.num, asked.count(asked.split)),
        precision_and_recall,
        "vectors",
        True,
        {"neighbours": PR_NEIGHBOURS},
        None,
    ),
    "dc": Statistic(
        lambda asked: _check_neighbours(DC_NEIGHBOURS, asked.count(asked.split)),
        density_and_coverage,
        "vectors",
        True,
        {"neighbours": DC_NEIGHBOURS},
        Aim("coverage"),
    ),
    "is": Statistic(
        _check_class_score,
        class_score,
        "probabilities",
        False,
        {"splits": SPLITS, "seed": SEED},
        Aim("inception_score"),
    ),
    "copying": Statistic(_check_copies, copies, "vectors", False, {}, None),
}
"""By the word that begins the names of their metrics."""

FEATURES: dict[str, Callable[[Mapping[str, Any]], Extractor]] = {
    "digits": lambda data: digits_extractor(),
    "inception": lambda data: inception(),
    "mnist": lambda data: mnist_extractor(mnist_of("by features of MNIST", data), data["data_dir"])[0],
    "vgg16": lambda data: vgg16(),
}
"""Name -> `settings of the run's data -> network`, with its weights."""


class Name(NamedTuple):
    """A metric's name, taken apart."""

    statistic: str
    num: int
    split: str
    features: str


def parse(name: str) -> Name | None:
    """`fid10k_test_mnist` taken apart; None for a name of another form, 10000 instead of 10k among them."""
    match = re.fullmatch(r"([a-z]+)([1-9]\d*)(k?)_(?:(train|test)_)?(\w+)", name)
    if match is None or match[1] not in STATISTICS or STATISTICS[match[1]].compared != bool(match[4]):
        return None
    if not match[3] and match[2].endswith("000"):
        return None
    return Name(match[1], int(match[2]) * (1000 if match[3] else 1), match[4] or "", match[5])


EXAMPLES = tuple(f"{name}10k{'_test' * statistic.compared}_mnist" for name, statistic in STATISTICS.items())
"""A name of a metric of each."""


def misnamed(name: str) -> UnknownName | None:
    """What to say of a name that `parse` does not understand but begins as those that it does; None for others."""
    for statistic, example in zip(STATISTICS, EXAMPLES, strict=True):
        if re.match(rf"{statistic}(\d|_|$)", name):
            return UnknownName(f"unknown metric {name!r}; metrics of this kind have names like {example}.")
    return None


class Library:
    """Networks of features and features of real images, each opened once for all metrics of a run.

    Args:
      data: resolved settings of the run's.
      shape: of its images.
    """

    def __init__(self, data: Mapping[str, Any], shape: tuple[int, ...]):
        self._data, self._shape = underlying(data), shape
        self._networks: dict[str, Network] = {}
        self._sources: dict[str, tuple[Source, str]] = {}
        self._real: dict[tuple[str, str], Reference] = {}

    def network(self, name: str) -> Network:
        """The feature network of a name, tried on a black image.

        Raises:
          JaxganError: there is none, it has no weights, or it refuses images of this shape.
        """
        if name not in FEATURES:
            raise unknown("feature network", name, FEATURES)
        if name not in self._networks:
            extractor = FEATURES[name](self._data)
            tried = extractor.extract(np.zeros((1, *self._shape), np.uint8))
            self._networks[name] = Network(extractor, tried.vectors.shape[1], tried.probabilities.shape[1])
        return self._networks[name]

    def source(self, metric: str, split: str) -> Source:
        """The real images of the train split, as the run learns from it, or of the test split.

        Raises:
          JaxganError: there is no test split, or the run learns from something else than the train split.
        """
        if split not in self._sources:
            self._sources[split] = open_split(f"the metric {metric}", self._data, split)
        return self._sources[split][0]

    def real(self, metric: str, network: str, split: str) -> Reference:
        """What a network makes of the images of a split.

        Raises:
          JaxganError: as of `source` and `network`.
        """
        if (network, split) not in self._real:
            source, extractor = self.source(metric, split), self.network(network).extractor
            self._real[network, split] = real_features(extractor, source, self._sources[split][1])
        return self._real[network, split]


def check(name: str, spec: DataSpec, system: System, library: Library) -> None:
    """Refuses a metric, of a name that `parse` takes apart, that cannot be had; makes no features of real images yet.

    Raises:
      JaxganError: the system makes no samples, the data are no images or have no such split, the feature network is
        unknown, has no weights or no classes, or the images are too few.
    """
    check_generated_images(name, spec, system)
    statistic, asked, _ = _asked(name, library)
    try:
        statistic.check(asked)
        asked.network()
    except JaxganError as error:
        raise error if name in str(error) else JaxganError(f"the metric {name}: {error}") from error


def metric(name: str, spec: DataSpec, library: Library) -> Metric:
    """The metric of a name that `check` has let pass, its reference loaded or made."""
    statistic, asked, used = _asked(name, library)
    scorer, extractor = statistic.make(asked), asked.network().extractor
    protocol = {**protocol_of(extractor, statistic, used), "shape": spec.shape}
    view = through(extractor, statistic.sees)
    return of_samples(asked.num, view, lambda seen: scorer(seen[statistic.sees]), protocol, statistic.aim)


def _asked(name: str, library: Library) -> tuple[Statistic, Asked, list[Reference]]:
    """What a name asks for, with a list of the references that have been used."""
    parts = parse(name)
    assert parts is not None
    used: list[Reference] = []

    def real(split: str) -> np.ndarray:
        used.append(library.real(name, parts.features, split))
        return used[-1].vectors

    asked = Asked(
        parts.split,
        parts.num,
        lambda split: library.source(name, split).spec.size,
        lambda: library.network(parts.features),
        real,
    )
    return STATISTICS[parts.statistic], asked, used


def protocol_of(extractor: Extractor, statistic: Statistic, used: Sequence[Reference]) -> dict[str, Any]:
    """What decides a score, but for the generated images."""
    return {
        "features": extractor.name,
        **extractor.protocol,
        **{f"statistic_{key}": value for key, value in statistic.protocol.items()},
        "reference": [reference.name for reference in used],
        "reference_sha256": [reference.sha256 for reference in used],
    }
