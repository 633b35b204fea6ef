"""The fixtures of programs, for this folder."""

from tests.program_fixtures import *  # noqa: F403
