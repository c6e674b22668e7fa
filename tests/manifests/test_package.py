"""Sound packages: what they declare, from a directory and from an archive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.manifests.packages import (
    APP,
    FRONTEND,
    HOME,
    ITEM,
    PRODUCT,
    REMOTE,
    TENANT,
    WDK,
    WDK_ITEM,
    WDK_WORKLOAD,
    errors,
    nupkg,
    warnings,
)
from weft.catalog.item_types import Backend, Contract, Dedup, ItemEvent, ItemType
from weft.manifests.declared import Package
from weft.manifests.package import load, read_files

JOB_TYPES = ("Org.Sample.Thing.Calculate", "Org.Sample.Thing.Scheduled")
WDK_TYPE = ItemType(
    name="Org.Sample.Thing",
    backend=Backend(
        workload="Org.Sample",
        audience=f"api://localdevinstance/{TENANT}/Org.Sample",
        publisher_tenant=TENANT,
        url="https://be.example.com/workload",
        contract=Contract.WDK,
    ),
    job_types=JOB_TYPES,
    on_demand=Dedup.PER_ITEM,
    scheduled=Dedup.PER_USER,
    told=frozenset({ItemEvent.CREATE, ItemEvent.UPDATE, ItemEvent.DELETE}),
    app_id=APP,
)
REMOTE_TYPE = ItemType(
    name="Org.Sample.Thing",
    backend=Backend(
        workload="Org.Sample",
        audience=f"api://localdevinstance/{TENANT}/Org.Sample/x1",
        publisher_tenant=TENANT,
        url="http://localhost:60006/workload",
        contract=Contract.REMOTE,
        resolves=("TenantId", "TenantRegion"),
    ),
    job_types=JOB_TYPES,
    on_demand=Dedup.PER_ITEM,
    scheduled=Dedup.PER_USER,
    told=frozenset({ItemEvent.CREATE, ItemEvent.DELETE, ItemEvent.RESTORE}),
    app_id=APP,
)
KITS = {"WDK": (WDK, WDK_TYPE), "Remote": (REMOTE, REMOTE_TYPE)}


def written(files: Mapping[str, str], directory: Path) -> Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def read(files: Mapping[str, str]) -> Package:
    return read_files({name: text.encode() for name, text in files.items()}, home_tenant=HOME)


@pytest.mark.parametrize("kit", KITS)
def test_a_directory_yields_its_item_types(kit: str, tmp_path: Path) -> None:
    files, item_type = KITS[kit]

    package = load(written(files, tmp_path), home_tenant=HOME)

    assert package.item_types == (item_type,)
    assert package.warnings == ()


@pytest.mark.parametrize("kit", KITS)
def test_an_archive_yields_its_item_types(kit: str, tmp_path: Path) -> None:
    files, item_type = KITS[kit]
    path = tmp_path / "ManifestPackage.1.0.0.nupkg"
    path.write_bytes(nupkg(files))

    package = load(path, home_tenant=HOME)

    assert package.item_types == (item_type,)
    assert package.warnings == ()


def test_a_flat_directory_is_a_package(tmp_path: Path) -> None:
    flat = {name.rpartition("/")[2]: text for name, text in WDK.items()}

    assert load(written(flat, tmp_path)).item_types == (WDK_TYPE,)


def test_the_items_may_lie_in_directories_of_their_own(tmp_path: Path) -> None:
    files = {"WorkloadManifest.xml": WDK_WORKLOAD, "items/Thing/Thing.xml": WDK_ITEM}

    assert load(written(files, tmp_path)).item_types == (WDK_TYPE,)


def test_a_package_says_what_it_is() -> None:
    package = read(WDK)

    assert (package.workload, package.version, package.schema) == ("Org.Sample", "1.0.0", "1.101.0")
    assert [(known.name, known.url, known.resolves) for known in package.endpoints] == [
        ("Workload", "https://be.example.com/workload", False),
        ("Frontend", "https://fe.example.com", False),
    ]


def test_a_workload_without_backend_is_said_to_have_none() -> None:
    package = read(FRONTEND)

    assert package.item_types == ()
    assert package.contract is None
    assert [item.name for item in package.items] == ["Org.Sample.Thing"]
    assert ["no backend" in warning.message for warning in package.warnings] == [True]


def test_the_home_tenant_publishes_what_names_no_publisher() -> None:
    text = WDK_WORKLOAD.replace(f"api://localdevinstance/{TENANT}", "https://contoso.example/be")

    backend = read({**WDK, PRODUCT: text}).item_types[0].backend

    assert backend.publisher_tenant == HOME
    assert backend.audience == "https://contoso.example/be/Org.Sample"


def test_an_item_without_job_scheduler_has_no_jobs() -> None:
    start, end = WDK_ITEM.index("<JobScheduler>"), WDK_ITEM.index("</JobScheduler>")
    text = WDK_ITEM[:start] + WDK_ITEM[end + len("</JobScheduler>") :]

    found = read({**WDK, ITEM: text}).item_types[0]

    assert found.job_types == ()
    assert (found.on_demand, found.scheduled) == (Dedup.NONE, Dedup.NONE)


def test_a_remote_workload_that_asks_for_no_notifications_is_told_nothing() -> None:
    text = REMOTE[PRODUCT]
    start, end = text.index("<LifecycleOperations"), text.index("</LifecycleOperations")
    text = text[:start] + text[end + len("</LifecycleOperationsNotifications>") :]

    assert read({**REMOTE, PRODUCT: text}).item_types[0].told == frozenset()


def test_what_an_item_asks_to_be_told_counts_before_what_the_workload_asks() -> None:
    asked = (
        "<LifecycleOperationsNotifications><OnUpdate>1</OnUpdate></LifecycleOperationsNotifications></Item>"
    )

    found = read({**REMOTE, ITEM: REMOTE[ITEM].replace("</Item>", asked)}).item_types[0]

    assert found.told == {ItemEvent.UPDATE}


def test_the_endpoint_may_be_called_backend_in_the_toolkit() -> None:
    text = REMOTE[PRODUCT].replace("<Name>Workload</Name>", "<Name>Backend</Name>")

    assert read({**REMOTE, PRODUCT: text}).item_types == (REMOTE_TYPE,)


def test_the_elements_of_the_toolkit_may_come_in_any_order() -> None:
    text = (
        REMOTE[PRODUCT]
        .replace("<Cloud>Public</Cloud>", "")
        .replace("</Endpoints>", "</Endpoints><Cloud>Public</Cloud>")
    )

    assert errors({**REMOTE, PRODUCT: text}) == []


def test_an_endpoint_that_resolves_without_context_is_told_nothing_of_it() -> None:
    text = WDK_WORKLOAD.replace("Service>false<", "Service>true<", 1)

    assert read({**WDK, PRODUCT: text}).item_types[0].backend.resolves == ()


def test_a_package_can_be_moved_to_the_backend_that_is_being_developed() -> None:
    moved = read(REMOTE).at("http://127.0.0.1:5000/workload").item_types[0]

    assert moved.backend.url == "http://127.0.0.1:5000/workload"
    assert moved.backend.resolves is None
    assert moved.backend.contract is Contract.REMOTE


WARNED = {
    "a workload that is not of Org": (
        {name: text.replace("Org.Sample", "Contoso.Sample") for name, text in WDK.items()},
        "BE/WorkloadManifest.xml:3: WorkloadManifestConfiguration/Workload@WorkloadName: is 'Contoso.Sample'",
    ),
    "a publisher that is no tenant": (
        {**WDK, PRODUCT: WDK_WORKLOAD.replace(TENANT, "tenantID")},
        "BE/WorkloadManifest.xml:11: AADApp/ResourceId: is not api://localdevinstance/TENANT/Org.Sample",
    ),
    "a resource of another workload": (
        {**WDK, PRODUCT: WDK_WORKLOAD.replace(f"{TENANT}/Org.Sample", f"{TENANT}/Org.Other")},
        "BE/WorkloadManifest.xml:11: AADApp/ResourceId: names the workload 'Org.Other'",
    ),
    "a context of an endpoint that resolves none": (
        {**REMOTE, PRODUCT: REMOTE[PRODUCT].replace("Service>true<", "Service>false<")},
        "BE/WorkloadManifest.xml:27: ServiceEndpoint/EndpointResolutionContext: says nothing",
    ),
    "an item of another schema": (
        {**REMOTE, ITEM: WDK_ITEM},
        "BE/Thing.xml:2: ItemManifestConfiguration@SchemaVersion: is 1.101.0, while",
    ),
    "a backend under the schema without one": (
        {**REMOTE, PRODUCT: REMOTE[PRODUCT].replace("2.100.0", "2.0.0")},
        "BE/WorkloadManifest.xml:2: WorkloadManifestConfiguration@SchemaVersion: is 2.0.0;",
    ),
    "no item type": (
        {name: text for name, text in WDK.items() if name != ITEM},
        "the package declares no item type",
    ),
    "a frontend without product": (
        {name: text for name, text in WDK.items() if name != "FE/Product.json"},
        "the package holds no FE/Product.json",
    ),
    "a product that is no JSON": ({**WDK, "FE/Product.json": "{"}, "FE/Product.json: not JSON"),
    "a schedule of a job type that is not there": (
        {**WDK, "FE/Thing.json": WDK["FE/Thing.json"].replace('"Scheduled"', '"Other"')},
        "FE/Thing.json: itemSettings.schedule.itemJobType: 'Other' is no job type of Org.Sample.Thing",
    ),
    "a schedule that names no job type": (
        {**WDK, "FE/Thing.json": WDK["FE/Thing.json"].replace('"Scheduled"', "[1]")},
        "FE/Thing.json: itemSettings.schedule.itemJobType: must be the name of a job type",
    ),
}


@pytest.mark.parametrize("oddity", WARNED)
def test_what_is_odd_is_a_warning(oddity: str) -> None:
    files, expected = WARNED[oddity]

    said = [str(warning) for warning in warnings(files)]

    assert [warning for warning in said if warning.startswith(expected)], said


def test_a_schedule_may_name_its_job_type_in_full() -> None:
    text = WDK["FE/Thing.json"].replace('"Scheduled"', '"Org.Sample.Thing.Scheduled"')

    assert warnings({**WDK, "FE/Thing.json": text}) == []


def test_a_manifest_may_be_utf_16() -> None:
    files = {name: text.encode() for name, text in WDK.items()}
    files[ITEM] = WDK_ITEM.replace('encoding="utf-8"', 'encoding="utf-16"').encode("utf-16")

    assert read_files(files).item_types == (WDK_TYPE,)
