"""What metrics are handed in tests: a system that samples, and examples in the place of its samples."""

from small_runs import settings

from jaxgan.data import DataSpec
from jaxgan.drawing import Samples
from jaxgan.systems import build_system


def system_of(num_classes):
    """A system that generates by so many classes."""
    spec = DataSpec((16, 16, 1), "uint8", tuple("0123456789")[:num_classes], 100)
    return build_system(settings("images", system=dict(conditional=num_classes > 0)), spec)


def scored(metric, examples, labels):
    """The figures of these examples, as if they had been generated for these labels."""
    return metric.score(None, metric.view.look(None, Samples(examples, None, labels)))
