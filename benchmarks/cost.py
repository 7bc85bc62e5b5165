"""What a program must compute, with plain sums of products, and move at the least, counted in its jaxpr.

XLA's own `cost_analysis` counts the body of a loop once, and on a CPU jaxgan's convolutions are loops over blocks of
images. So the products are counted where they are still convolutions: in the branch that is taken on other backends.
"""

import math
from dataclasses import dataclass
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, jaxprs_in_params
from jax.interpreters.partial_eval import dce_jaxpr


@dataclass(frozen=True)
class Cost:
    """Least work of a program.

    Attributes:
      flops: two for each product of two numbers that is added to a sum; what is element-wise is not counted.
      bytes: operands and result of each matrix product and convolution once, and what enters and leaves the program;
        all that is element-wise counts as fused into its neighbours.
    """

    flops: float = 0.0
    bytes: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.flops + other.flops, self.bytes + other.bytes)

    def __mul__(self, times: float) -> "Cost":
        return Cost(self.flops * times, self.bytes * times)

    def floor(self, rate: float, bandwidth: float) -> float:
        """Seconds that a machine of this rate (FLOP/s) and bandwidth (bytes/s) needs at the least."""
        return max(self.flops / rate, self.bytes / bandwidth)


def count(function: Any, *arguments: Any) -> Cost:
    """The least work of `function(*arguments)`, without what its result does not depend on.

    Args:
      function: can be traced; returns a tree of arrays.
      arguments: arrays or their shapes.

    Raises:
      ValueError: a product stands in a loop whose number of turns is not known.
    """
    closed: ClosedJaxpr = jax.make_jaxpr(function)(*arguments)
    jaxpr, _ = dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars))
    boundary = sum(_bytes(variable) for variable in (*jaxpr.invars, *jaxpr.outvars))
    return _of_jaxpr(jaxpr) + Cost(bytes=boundary)


def _of_jaxpr(jaxpr: Jaxpr) -> Cost:
    return sum((_of_equation(equation) for equation in jaxpr.eqns), Cost())


def _of_equation(equation: JaxprEqn) -> Cost:
    name, params = equation.primitive.name, equation.params
    if name in ("dot_general", "conv_general_dilated"):
        flops = _dot_flops(equation) if name == "dot_general" else _conv_flops(equation)
        return Cost(flops, sum(_bytes(variable) for variable in (*equation.invars, *equation.outvars)))
    inner = [_of_jaxpr(jaxpr) for jaxpr in jaxprs_in_params(params)]
    if name == "cond":  # `platform_dependent` ends with its default; of an ordinary choice the dearest branch counts
        return inner[-1] if params.get("branches_platforms") else max(inner, key=lambda cost: cost.flops)
    total = sum(inner, Cost())
    if name == "while" and total.flops:
        raise ValueError("a product stands in a while loop, whose number of turns is not known before it runs")
    return total * (params["length"] if name == "scan" else 1)


def _dot_flops(equation: JaxprEqn) -> float:
    (contracted, _), _ = equation.params["dimension_numbers"]
    left, result = _shape(equation.invars[0]), _shape(equation.outvars[0])
    return 2.0 * math.prod(result) * math.prod(left[axis] for axis in contracted)


def _conv_flops(equation: JaxprEqn) -> float:
    """Products with pixels that are there: neither padding nor the holes of a dilation."""
    params, (image, kernel), result = equation.params, equation.invars[:2], equation.outvars[0]
    numbers = params["dimension_numbers"]
    pairs = 1
    for axis, (low, _) in enumerate(params["padding"]):
        size, taps, positions = (
            _shape(variable)[spec[axis + 2]]
            for variable, spec in ((image, numbers.lhs_spec), (kernel, numbers.rhs_spec), (result, numbers.out_spec))
        )
        stride, hole, spread = (params[key][axis] for key in ("window_strides", "lhs_dilation", "rhs_dilation"))
        places = (p * stride + tap * spread - low for p in range(positions) for tap in range(taps))
        pairs *= sum(0 <= place <= (size - 1) * hole and place % hole == 0 for place in places)
    channels = _shape(kernel)[numbers.rhs_spec[1]]
    examples, features = (_shape(result)[axis] for axis in numbers.out_spec[:2])
    return 2.0 * examples * features * channels * pairs / params["batch_group_count"]


def _shape(variable: Any) -> tuple[int, ...]:
    return variable.aval.shape


def _bytes(variable: Any) -> int:
    return math.prod(_shape(variable)) * variable.aval.dtype.itemsize
