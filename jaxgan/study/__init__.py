"""Studies: methods x settings x seeds at equal cost, each cell an ordinary run, and what their scores say together."""

from jaxgan.study.plan import Study, rates

__all__ = ["Study", "rates"]
