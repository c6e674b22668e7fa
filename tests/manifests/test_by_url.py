"""Item types that are known by the URL of their backend."""

from __future__ import annotations

import pytest

from tests.manifests.packages import TENANT
from weft.catalog.item_types import Backend, Contract, ItemType
from weft.manifests.by_url import item_type_at
from weft.manifests.urls import UrlRefused, service_url


@pytest.mark.parametrize(
    ("given", "contract"),
    [
        ("Org.Sample.Thing=https://be.example.com/workload/", Contract.WDK),
        ("Org.Sample.Thing=remote+https://be.example.com/workload", Contract.REMOTE),
    ],
)
def test_an_item_type_has_the_contract_that_its_url_says(given: str, contract: Contract) -> None:
    found = item_type_at(given, publisher_tenant=TENANT)

    assert found == ItemType(
        name="Org.Sample.Thing",
        backend=Backend(
            workload="Org.Sample",
            audience=f"api://localdevinstance/{TENANT}/Org.Sample",
            publisher_tenant=TENANT,
            url="https://be.example.com/workload",
            contract=contract,
        ),
        job_types=None,
    )


def test_the_audience_of_its_tokens_can_be_given() -> None:
    found = item_type_at("A.B.C=http://localhost:5000", publisher_tenant=TENANT, audience="api://mine")

    assert found.backend.audience == "api://mine"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("Org.Sample.Thing", "must be TYPE=URL"),
        ("=https://a.example", "TYPE must be the name"),
        ("Org Sample=https://a.example", "TYPE must be the name"),
        ("Org.S\u0430mple=https://a.example", "TYPE must be the name"),
        ("A.B.C=", "the URL of A.B.C must be"),
        ("A.B.C=wdk+https://a.example", "the URL of A.B.C must be an http"),
        ("A.B.C=http://a.example", "the URL of A.B.C must be https"),
    ],
)
def test_what_names_no_backend_is_refused(given: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("+", r"\+")):
        item_type_at(given, publisher_tenant=TENANT)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "https://a.example:8443/x/y",
        "http://localhost:5000",
        "http://127.0.0.1:5000/workload",
        "http://127.9.9.9",
        "http://[::1]:5000",
        "http://be.localhost:1",
        "https://[2001:db8::1]/x",
    ],
)
def test_a_url_that_leads_to_one_place_is_taken(url: str) -> None:
    assert service_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "//a.example",
        "https://",
        "https:///path",
        "ftp://a.example",
        "file:///etc/passwd",
        "https://user@a.example",
        "https://user:word@a.example",
        "https://@a.example",
        "https://a.example?",
        "https://a.example/?q=1",
        "https://a.example#",
        "https://a.example/#x",
        "https://a.example:0",
        "https://a.example:65536",
        "https://a.example:x",
        "https://a.example\\@b.example",
        "https://a.example/a\\b",
        "https://a!b.example",
        "https://a example",
        "https://a.example\n",
        "https://\u0430.example",
        "https://[::1",
        "http://a.example",
        "http://10.0.0.1",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://0.0.0.0",
        "https://a.example/" + "a" * 2048,
    ],
)
def test_a_url_that_could_lead_astray_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        service_url(url)
