"""What each test here finds: no process of an earlier one."""

from tests.runners.conftest import no_zombies_of_earlier_tests

__all__ = ["no_zombies_of_earlier_tests"]
