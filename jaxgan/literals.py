"""Values as a command line states them: Python literals, and anything else is a string."""

import ast
from typing import Any


def parsed(text: str) -> Any:
    """The value that a text states: `16`, `(8, 12)`, `dict(a=1)`, `true`; what is no literal is the string itself."""
    try:
        return ast.literal_eval(_DictCalls().visit(ast.parse(text.strip(), mode="eval")))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # whatever is no literal is a string
        return {"true": True, "false": False}.get(text, text)


def stated(value: Any) -> str:
    """The text that states a value: a string as it is, unless it would be taken for something else."""
    text = str(value)
    return text if parsed(text) == value else repr(value)


class _DictCalls(ast.NodeTransformer):
    """`dict(a=1)`, as recipes write it, becomes the literal `{"a": 1}`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id != "dict" or node.args:
            raise ValueError("a call")
        return ast.Dict([ast.Constant(keyword.arg) for keyword in node.keywords], [k.value for k in node.keywords])
