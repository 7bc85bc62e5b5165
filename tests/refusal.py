"""Work for processes that read data, in a module that they find by its name alone."""

from jaxgan.errors import JaxganError


def refuse(request):
    """Stands for work that fails with a message for the user."""
    raise JaxganError(f"{request} is gone")
