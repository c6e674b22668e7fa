"""Addresses to which tokens and secrets may be sent."""

from __future__ import annotations

import pytest

from weft.catalog.addresses import is_loopback


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True), ("LocalHost", True),
     ("localhost.evil.example", False), ("127.1", False), ("0.0.0.0", False),
     ("10.0.0.1", False), ("2130706433", False)],
)  # fmt: skip
def test_this_machine_is_known_by_its_plain_names_only(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
