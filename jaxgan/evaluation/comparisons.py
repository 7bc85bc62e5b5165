"""Scores of generated images by their features, alone or beside those of real ones: `fid10k_test_mnist` and its like.

A name is made of the statistic, the number of generated images, what they are compared with - "train": all that the run
learns from, "test": the whole test split - and the feature network.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan.data import open_source
from jaxgan.data.few_labels import underlying
from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError, UnknownName, unknown
from jaxgan.evaluation.digits import digits_extractor
from jaxgan.evaluation.features import Extracted, Extractor
from jaxgan.evaluation.features.inception import inception
from jaxgan.evaluation.features.vgg16 import vgg16
from jaxgan.evaluation.held_out import open_test_split
from jaxgan.evaluation.metric import Aim, Metric, Seen, check_samples, of_samples, through
from jaxgan.evaluation.mnist import mnist_extractor, mnist_of
from jaxgan.evaluation.references import real_features
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
SPLITS = 10


Scorer = Callable[[Extracted], Figures]
"""What scores the features of generated images."""


def fid(real: Extracted, num: int) -> Scorer:
    """Fréchet distance of the generated images' features from those of all real images of the split.

    Figures:
      fid: squared, not negative; of two sets of real images it is not 0, and the fewer they are the more.

    Raises:
      JaxganError: there are no more images, of either kind, than features.
    """
    for count in (len(real.vectors), num):
        check_count(count, real.vectors.shape[1])
    moments = Moments.of(real.vectors)
    return lambda generated: {"fid": frechet_distance(moments, Moments.of(generated.vectors))}


def kid(real: Extracted, num: int) -> Scorer:
    """Kernel distance of the same: the mean over 100 random subsets of 1,000, or of all if they are fewer.

    Figures:
      kid: squared; without bias, so that for two sets of one distribution it is below 0 as often as above.
      kid_std: over the subsets.
    """
    size = min(KID_SIZE, num, len(real.vectors))

    def score(generated: Extracted) -> Figures:
        rng = np.random.default_rng(SEED)
        found = kernel_distance(generated.vectors, real.vectors, rng, KID_SUBSETS, size)
        return {"kid": found.mean, "kid_std": found.std}

    return score


def precision_and_recall(real: Extracted, num: int) -> Scorer:
    """Precision and recall: shares of generated images among real ones, and the reverse, by 3 neighbours."""
    _check_neighbours(3, num, len(real.vectors))
    return lambda generated: precision_recall(real.vectors, generated.vectors, 3)._asdict()


def density_and_coverage(real: Extracted, num: int) -> Scorer:
    """Density and coverage: the same with less regard to outliers, by 5 neighbours of the real images."""
    _check_neighbours(5, len(real.vectors))
    return lambda generated: density_coverage(real.vectors, generated.vectors, 5)._asdict()


def _check_neighbours(k: int, *counts: int) -> None:
    if min(counts) <= k:
        raise JaxganError(f"{min(counts)} images have no {k} neighbours each: take more.")


def class_score(extractor: Extractor, num: int, spec: DataSpec, real: Callable[[str], Extracted]) -> Scorer:
    """The Inception score, by the classes of whatever network has some; mean and deviation over 10 parts."""
    if not extractor.extract(np.zeros((1, *spec.shape), np.uint8)).probabilities.shape[1]:
        raise JaxganError(f"it needs a network with classes, and {extractor.name} has none.")
    if num < SPLITS:
        raise JaxganError(f"it is a mean over {SPLITS} parts: take more images than {num}.")

    def score(generated: Extracted) -> Figures:
        found = inception_score(generated.probabilities, np.random.default_rng(SEED), SPLITS)
        return {"inception_score": found.mean, "inception_score_std": found.std}

    return score


def copies(extractor: Extractor, num: int, spec: DataSpec, real: Callable[[str], Extracted]) -> Scorer:
    """Whether generated images are nearer to what was learnt from than held-out ones are: memorised, that is.

    Figures:
      closer: probability that a generated image is nearer to its nearest neighbour in the train split than one of the
        test split is to its own; 1/2 where nothing is memorised, 1 where all is.
      z: the same as a test statistic; below -3 is copying.
      near: share of the generated that are as near as the nearest 1 % of the test split.
    """
    train = real("train").vectors
    held_out = nearest(real("test").vectors, train).distances
    return lambda generated: copying(nearest(generated.vectors, train).distances, held_out)._asdict()


COMPARISONS: dict[str, tuple[Callable[[Extracted, int], Scorer], Aim]] = {
    "fid": (fid, Aim("fid", lower=True)),
    "kid": (kid, Aim("kid", lower=True)),
    "pr": (precision_and_recall, Aim("recall")),
    "dc": (density_and_coverage, Aim("coverage")),
}
"""Name -> `(features of real images, number of generated ones) -> scorer`, and what is better."""


ALONE: dict[str, tuple[Callable[[Extractor, int, DataSpec, Callable[[str], Extracted]], Scorer], Aim]] = {
    "is": (class_score, Aim("inception_score")),
    "copying": (copies, Aim("closer", lower=True)),
}
"""Name -> `(feature network, number of generated images, spec of the data, split -> features of it) -> scorer`, of
statistics that no split is named for, and what is better.
"""


def features(name: str, data: Mapping[str, Any]) -> Extractor:
    """The feature network of a name, with its weights.

    Args:
      name: one of `FEATURES`.
      data: settings of the run's data, where those that the project trains itself find theirs.

    Raises:
      JaxganError: there is none of this name, or it has no weights.
    """
    if name not in FEATURES:
        raise unknown("feature network", name, FEATURES)
    return FEATURES[name](data)


FEATURES: dict[str, Callable[[Mapping[str, Any]], Extractor]] = {
    "digits": lambda data: digits_extractor(),
    "inception": lambda data: inception(),
    "mnist": lambda data: mnist_extractor(mnist_of("of MNIST's features", data), data["data_dir"])[0],
    "vgg16": lambda data: vgg16(),
}
"""Name -> `settings of the run's data -> network`."""


class Name(NamedTuple):
    """A metric's name, taken apart."""

    statistic: str
    num: int
    split: str
    features: str


def parse(name: str) -> Name | None:
    """`fid10k_test_mnist` taken apart; None for a name of another form."""
    compared, alone = "|".join(COMPARISONS), "|".join(ALONE)
    form = rf"(?:({compared})([1-9]\d*k?)_(train|test)|({alone})([1-9]\d*k?))_(\w+)"
    match = re.fullmatch(form, name)
    if match is None:
        return None
    statistic, num = match[1] or match[4], match[2] or match[5]
    return Name(statistic, int(num.removesuffix("k")) * (1000 if num.endswith("k") else 1), match[3] or "", match[6])


EXAMPLES = (*(f"{statistic}10k_test_mnist" for statistic in COMPARISONS), *(f"{name}10k_mnist" for name in ALONE))
"""A name of each statistic."""


def misnamed(name: str) -> UnknownName | None:
    """What to say of a name that `parse` does not understand but begins as those that it does; None for others."""
    for example in EXAMPLES:
        statistic = re.match("[a-z]+", example)
        if statistic and re.match(rf"{statistic[0]}(\d|_|$)", name):
            return UnknownName(f"unknown metric {name!r}; metrics of this kind have names like {example}.")
    return None


def metric(name: str, spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """The metric of a name that `parse` takes apart; its reference is loaded, or made, and what it cannot do refused.

    Raises:
      JaxganError: the system makes no samples, the data are no images or have no such split, the feature network is
        unknown, has no weights or no classes, or the images are too few.
    """
    check_samples(name, system)
    asked = parse(name)
    assert asked is not None
    if len(spec.shape) != 3:
        raise JaxganError(f"the metric {name} scores images, not points; remove it with --config.metrics='()'.")
    extractor = features(asked.features, data)
    reference = {}

    def real(split: str) -> Extracted:
        source = open_test_split(f"the metric {name}", data) if split == "test" else open_source(underlying(data), 0)
        reference[split] = f"{_where(data, split)} ({source.spec.size:,})"
        return real_features(extractor, source)

    try:
        if asked.statistic in ALONE:
            make_alone, aim = ALONE[asked.statistic]
            scorer = make_alone(extractor, asked.num, spec, real)
        else:
            make, aim = COMPARISONS[asked.statistic]
            scorer = make(real(asked.split), asked.num)
    except JaxganError as error:
        raise JaxganError(f"the metric {name}: {str(error).removeprefix(f'the metric {name} ')}") from error
    protocol = {
        **extractor.protocol,
        "features": extractor.name,
        **({"reference": ", ".join(reference.values())} if reference else {}),
        "statistics_seed": SEED,
    }
    return of_samples(asked.num, through(extractor), lambda seen: scorer(_extracted(seen)), protocol, aim)


def _where(data: Mapping[str, Any], split: str) -> str:
    """The data set, and which part of it."""
    settings = underlying(data)
    return " ".join(filter(None, (settings["name"], "test" if split == "test" else settings.get("split"))))


def _extracted(seen: Seen) -> Extracted:
    return Extracted(seen["vectors"], seen["probabilities"])
