from collections.abc import Iterator

import pytest

from tests.pruning.plain_model import Stranger, stranger


@pytest.fixture(scope="module")
def without_tfslim() -> Iterator[Stranger]:
    """A process that opens models and knows nothing of tfslim."""
    with stranger() as process:
        yield process
