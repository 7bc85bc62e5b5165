"""Networks that turn images into the features that scores are computed from."""

from jaxgan.evaluation.features.extractor import Extracted, Extractor

__all__ = ["Extracted", "Extractor"]
