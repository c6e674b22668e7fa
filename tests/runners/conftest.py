"""What each test here finds: no process of an earlier one."""

import pytest

from tests.runners.support import zombies
from weft.runners import proctree


@pytest.fixture(autouse=True)
def no_zombies_of_earlier_tests() -> None:
    """A runner makes the tests' process inherit orphans, and with them those of tests that never look."""
    proctree.reap(zombies())
