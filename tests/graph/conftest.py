"""A branching model and pictures for it, as the tests of litert have them."""

from tests.litert.conftest import branching, pictures  # noqa: F401
