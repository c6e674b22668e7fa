"""Addresses to which tokens and secrets may be sent."""

from __future__ import annotations

import pytest

from weft.catalog.addresses import AddressRefused, checked, is_loopback, origin_of


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True), ("LocalHost", True),
     ("localhost.evil.example", False), ("127.1", False), ("0.0.0.0", False),
     ("10.0.0.1", False), ("2130706433", False)],
)  # fmt: skip
def test_this_machine_is_known_by_its_plain_names_only(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_the_usual_port_may_be_said_or_not() -> None:
    said, unsaid = checked("https://a.example:443/x"), checked("https://A.example")

    assert origin_of(said) == origin_of(unsaid) == ("https", "a.example", 443)


@pytest.mark.parametrize("port", ["0", "000"])
def test_a_port_that_is_none_is_not_taken_for_the_usual_one(port: str) -> None:
    with pytest.raises(AddressRefused):
        checked(f"https://a.example:{port}/x")
