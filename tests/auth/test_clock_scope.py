"""The scope that moves a server's clock on is one that no sign-in gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.auth.apps import Apps
from weft.auth.home import Home
from weft.auth.issuer import CORE_AUDIENCES, CORE_SCOPES
from weft.auth.resources import Resources, ScopeRefused

SCOPE = "Clock.ReadWrite.All"


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    return Resources(Apps(tmp_path, Home.open(tmp_path).tenant))


@pytest.mark.parametrize("audience", CORE_AUDIENCES)
def test_a_person_cannot_ask_for_it(resources: Resources, audience: str) -> None:
    with pytest.raises(ScopeRefused, match=SCOPE):
        resources.for_person(f"{audience}/{SCOPE}")


@pytest.mark.parametrize("audience", CORE_AUDIENCES)
def test_whoever_asks_for_all_does_not_get_it(resources: Resources, audience: str) -> None:
    assert SCOPE not in resources.for_person(f"{audience}/.default").scopes
    assert SCOPE not in (resources.for_app(f"{audience}/.default").scopes or ())
    assert SCOPE not in CORE_SCOPES
