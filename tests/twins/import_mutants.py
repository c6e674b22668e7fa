"""Mistakes made in the code of imports: each has to break a promise in some walk."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Mutant = Callable[[pytest.MonkeyPatch], None]

MUTANTS: dict[Mutant, frozenset[str]] = {}
