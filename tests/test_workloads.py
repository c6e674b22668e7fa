"""Which item types a server knows, by what name, and where their workloads are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from weft.catalog.addresses import AddressRefused
from weft.catalog.item_types import Backend, Contract, Dedup, ItemType, RunsAs
from weft.contracts.core import InvokeType
from weft.settings import Settings
from weft.workloads import (
    AudienceTaken,
    ItemTypeTaken,
    MappingRefused,
    PackageRefused,
    Registry,
    declared_item_types,
    hosted_as_declared,
)

HERE = Backend(workload="Contoso.Here", audience="api://here", publisher_tenant="t")
THERE = Backend(
    workload="Contoso.There", audience="api://there", publisher_tenant="t", url="http://127.0.0.1:9"
)
HOSTED = ItemType(name="Contoso.Here.Thing", backend=HERE, job_types=("Spin", "Weave"))
REMOTE = ItemType(name="Contoso.There.Thing", backend=THERE)


@pytest.fixture
def registry() -> Registry:
    return Registry([HOSTED, REMOTE])


def test_names_are_found_in_any_case_and_told_as_registered(registry: Registry) -> None:
    assert registry.item_type("CONTOSO.here.thing") == "Contoso.Here.Thing"
    assert registry.job_type("contoso.HERE.thing", "wEAVE") == "Weave"


def test_a_name_that_only_looks_like_a_known_one_is_unknown(registry: Registry) -> None:
    assert registry.item_type("Contoso.Here.Th\u0131ng") is None
    assert registry.job_type("Contoso.Here.Thing", "\u017fpin") is None


def test_where_no_job_types_are_registered_any_name_is_its_own(registry: Registry) -> None:
    assert registry.job_type("Contoso.There.Thing", "Whatever") == "Whatever"
    assert registry.job_type("Contoso.Nowhere.Thing", "Whatever") is None


def test_what_is_hosted_is_called_at_this_server(registry: Registry) -> None:
    registry.served_at("http://127.0.0.1:7431/workload", None)

    here, there = registry.endpoint("contoso.here.thing"), registry.endpoint("contoso.there.thing")

    assert here is not None
    assert here.backend == replace(HERE, url="http://127.0.0.1:7431/workload")
    assert there is not None
    assert there.backend == THERE
    assert registry.endpoint("nothing") is None


def test_only_what_is_done_here_is_hosted(registry: Registry) -> None:
    told = [registry.is_hosted(name) for name in (HOSTED.name.upper(), REMOTE.name, "Contoso.Nowhere.Thing")]

    assert told == [True, False, False]


def test_one_item_type_has_one_owner() -> None:
    with pytest.raises(ItemTypeTaken, match=r"contoso.here.thing.*Contoso.Here.*Contoso.There"):
        Registry([HOSTED, ItemType(name="contoso.here.thing", backend=THERE)])


def test_each_audience_is_told_once(registry: Registry) -> None:
    again = Registry([HOSTED, replace(HOSTED, name="Contoso.Here.Other"), REMOTE])

    assert again.audiences == registry.audiences == ("api://here", "api://there")


def test_duplicates_are_as_the_way_of_the_run_has_them() -> None:
    registry = Registry([replace(HOSTED, on_demand=Dedup.PER_ITEM, scheduled=Dedup.PER_USER)])

    assert registry.dedup("contoso.here.THING", InvokeType.MANUAL) is Dedup.PER_ITEM
    assert registry.dedup("contoso.here.thing", InvokeType.SCHEDULED) is Dedup.PER_USER
    assert registry.dedup("nothing", InvokeType.MANUAL) is Dedup.NONE


def test_a_hosted_item_type_stays_here_and_takes_from_its_manifest_what_is_a_duplicate() -> None:
    manifest = ItemType(
        name="contoso.here.thing", backend=THERE, on_demand=Dedup.PER_ITEM, job_types=("Spin",), app_id="app"
    )

    (merged, other) = hosted_as_declared([HOSTED], [manifest, REMOTE])

    assert merged == replace(HOSTED, on_demand=Dedup.PER_ITEM, app_id="app")
    assert other is REMOTE


def test_an_item_type_is_declared_by_an_address_alone(tmp_path: Path) -> None:
    given = (
        "Contoso.A.Thing=http://127.0.0.1:9/workload",
        "Contoso.B.Thing=remote+http://127.0.0.1:9/workload",
    )

    declared = declared_item_types(Settings(data=tmp_path, workload_urls=given), "tenant")

    assert [known.backend.contract for known in declared] == [Contract.WDK, Contract.REMOTE]
    assert [known.backend.audience for known in declared] == [
        "api://localdevinstance/tenant/Contoso.A",
        "api://localdevinstance/tenant/Contoso.B",
    ]


def test_an_address_that_is_none_is_refused_with_the_name_of_the_option(tmp_path: Path) -> None:
    with pytest.raises(AddressRefused, match=r"--workload-url: .*TYPE=URL"):
        declared_item_types(Settings(data=tmp_path, workload_urls=("Contoso.A.Thing",)), "tenant")


@pytest.mark.parametrize(
    "audience",
    [
        "api://here",
        "API://Here/",
        "https://api.fabric.microsoft.com",
        "https://storage.azure.com/",
        "https://management.azure.com",
    ],
)
def test_no_workload_is_sent_tokens_that_are_good_elsewhere(audience: str) -> None:
    other = replace(REMOTE, backend=replace(THERE, audience=audience))

    with pytest.raises(AudienceTaken, match=r"Contoso\.There\.Thing.*, which is of "):
        Registry([HOSTED, other])
    with pytest.raises(AudienceTaken):
        Registry([other, HOSTED, replace(other, name="Contoso.There.Other")])


def test_the_item_types_of_a_workload_have_one_audience() -> None:
    other = replace(REMOTE, name="Contoso.There.Other")

    assert Registry([REMOTE, other]).audiences == ("api://there",)


def test_an_item_type_that_is_declared_twice_is_refused() -> None:
    with pytest.raises(ItemTypeTaken, match=r"http://127.0.0.1:9.*http://127.0.0.1:8"):
        hosted_as_declared([], [REMOTE, replace(REMOTE, backend=replace(THERE, url="http://127.0.0.1:8"))])


def test_an_address_for_what_is_hosted_here_is_refused() -> None:
    with pytest.raises(ItemTypeTaken, match=r"Contoso.Here.*http://127.0.0.1:9"):
        hosted_as_declared([HOSTED], [replace(REMOTE, name="contoso.here.THING")])


def test_a_faulty_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()

    with pytest.raises(PackageRefused, match=r"--manifest .*nothing") as refused:
        declared_item_types(Settings(data=tmp_path, manifests=(tmp_path / "nothing",)), "tenant")

    assert len(str(refused.value).splitlines()) == 2


def test_a_published_type_without_a_workload_is_known_and_has_no_jobs(registry: Registry) -> None:
    assert registry.item_type("lakehouse") == "Lakehouse"
    assert registry.find("Lakehouse") is None
    assert registry.job_type("Lakehouse", "TableMaintenance") is None
    assert registry.endpoint("Lakehouse") is None


def test_all_jobs_of_a_mapped_type_are_the_one_job_of_the_other() -> None:
    registry = Registry(
        [replace(HOSTED, on_demand=Dedup.PER_ITEM, takes_parameters=True), REMOTE],
        mapped={"datapipeline": "contoso.here.thing/SPIN"},
    )

    found = registry.find("DATAPIPELINE")

    assert found is not None
    assert (found.name, found.takes_parameters, found.told) == ("DataPipeline", True, frozenset())
    assert registry.job_type("DataPipeline", "Execute") == "Execute"
    assert registry.runs_as("DataPipeline", "Execute") == RunsAs("Contoso.Here.Thing", "Spin")
    assert registry.dedup("DataPipeline", InvokeType.MANUAL) is Dedup.PER_ITEM
    assert registry.runs_as("Contoso.Here.Thing", "Spin") is None


def test_a_mapped_type_without_a_job_type_has_those_of_the_other() -> None:
    registry = Registry([HOSTED, REMOTE], mapped={"Lakehouse": "Contoso.Here.Thing", "Report": REMOTE.name})

    assert registry.job_type("Lakehouse", "weave") == "Weave"
    assert registry.job_type("Lakehouse", "TableMaintenance") is None
    assert registry.runs_as("Lakehouse", "Weave") == RunsAs("Contoso.Here.Thing", "Weave")
    assert registry.runs_as("Report", "whatever") == RunsAs("Contoso.There.Thing", "whatever")


@pytest.mark.parametrize(
    ("name", "target", "why"),
    [
        ("DataPipline", "Contoso.Here.Thing", "it is none of the item types that Fabric publishes"),
        ("DataPipeline", "Contoso.Gone.Thing", "no workload has jobs of item type 'Contoso.Gone.Thing'"),
        ("DataPipeline", "", "no workload has jobs of item type ''"),
        ("DataPipeline", "Contoso.Here.Thing/Knit", "has no job type 'Knit'; it has Spin, Weave"),
        ("Notebook", "Contoso.Here.Thing", "it has jobs already"),
        ("DataPipeline", "Notebook/Run/Now", "has no job type 'Run/Now'; it has Run"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_in_one_line(name: str, target: str, why: str) -> None:
    notebook = ItemType(name="Notebook", backend=HERE, job_types=("Run",))

    with pytest.raises(MappingRefused) as refused:
        Registry([HOSTED, notebook], mapped={name: target})

    told = str(refused.value)
    assert told.startswith(f"mapped {name} = {target!r}: ")
    assert why in told
    assert "\n" not in told


def test_no_type_is_mapped_twice_nor_to_a_mapped_one() -> None:
    with pytest.raises(MappingRefused, match="it has jobs already"):
        Registry([HOSTED], mapped={"Lakehouse": HOSTED.name, "lakehouse": HOSTED.name})
    with pytest.raises(MappingRefused, match="no workload has jobs of item type 'Lakehouse'"):
        Registry([HOSTED], mapped={"Lakehouse": HOSTED.name, "Report": "Lakehouse"})
