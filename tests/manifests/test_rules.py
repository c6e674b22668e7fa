"""Broken packages, one a rule: each error names file, line and element; and all of them are told at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.manifests.packages import APP, FRONTEND, ITEM, PRODUCT, REMOTE, WDK, errors
from weft.auth.subject_and_app import FABRIC_APP, FABRIC_CLIENT_FOR_WORKLOADS
from weft.manifests.errors import MOST_FINDINGS

Files = dict[str, str]
Bend = Callable[[Files], Files]

ROOT = "WorkloadManifestConfiguration"
OTHER = "BE/Other.xml"


def put(file: str, old: str, new: str, *, of: Files = WDK) -> Files:
    """Return the package with the first *old* in *file* replaced; it has to be there."""
    assert old in of[file], old
    return {**of, file: of[file].replace(old, new, 1)}


def product(old: str, new: str, *, of: Files = WDK) -> Files:
    return put(PRODUCT, old, new, of=of)


def item(old: str, new: str, *, of: Files = WDK) -> Files:
    return put(ITEM, old, new, of=of)


ONE = "<ServiceEndpoint>\n            <Name>Frontend</Name>"
LONG = "Org.Sample.Thing." + "a" * 80
BAD_NAMES = {
    "without a dot": "OrgSample",
    "with three parts": "Org.Sample.More",
    "with an underscore": "Org.Sam_ple",
    "with a look-alike": "Org.S\u0430mple",
    "with an empty part": "Org.",
    "with a line break": "Org.Sample&#10;",
    "longer than 32": "Org." + "a" * 29,
}
BAD_JOBS = {
    "with three parts": "Org.Sample.Thing",
    "with five parts": "Org.Sample.Thing.Job.More",
    "with underscores": "Org.Sample.Thing.__class__",
    "with a space": "Org.Sample.Thing.os system",
    "with a look-alike": "Org.Sample.Thing.C\u0430lculate",
    "longer than 96": LONG,
    "empty": "",
    "of another item": "Org.Sample.Other.Calculate",
    "that only begins as its item": "Org.Sample.Thingy.Calculate",
    "in another case": "Org.Sample.thing.Calculate",
}
JOB_AT = f"{ITEM}:9: ItemJobTypes/ItemJobType@Name: "
NAME_AT = f"{PRODUCT}:3: {ROOT}/Workload@WorkloadName: "

BROKEN: dict[str, tuple[Files, str]] = {
    # ---- the workload manifest
    "no manifest at all": ({}, "the package holds no WorkloadManifest.xml"),
    "no workload manifest": ({ITEM: WDK[ITEM]}, "the package holds no WorkloadManifest.xml"),
    "two workload manifests": (
        {**WDK, "BE/XAgain.xml": WDK[PRODUCT]},
        f"BE/XAgain.xml:2: {ROOT}: is there more",
    ),
    "another root": ({**WDK, OTHER: "\n<Settings/>"}, f"{OTHER}:2: Settings: is no root of a manifest"),
    "a root in a namespace": (
        product("<WorkloadManifestConfiguration", '<WorkloadManifestConfiguration xmlns="x"'),
        f"{PRODUCT}:2: {ROOT}@xmlns: is unknown",
    ),
    "no XML": ({**WDK, PRODUCT: "\n\nnot"}, f"{PRODUCT}:3: not XML: "),
    "an empty file": ({**WDK, PRODUCT: ""}, f"{PRODUCT}:1: not XML: "),
    "a tag that is not closed": (product("</Endpoints>", ""), f"{PRODUCT}:25: not XML: mismatched tag"),
    "no schema version": (
        product(' SchemaVersion="1.101.0"', ""),
        f"{PRODUCT}:2: {ROOT}@SchemaVersion: is missing",
    ),
    "a schema version that is none": (
        product("1.101.0", "1.101"),
        f"{PRODUCT}:2: {ROOT}@SchemaVersion: must be a",
    ),
    "a schema that is not known": (
        product("1.101.0", "3.0.0"),
        f"{PRODUCT}:2: {ROOT}@SchemaVersion: must be 1.x",
    ),
    "no workload": (
        {**WDK, PRODUCT: f'<{ROOT} SchemaVersion="1.101.0"/>'},
        f"{PRODUCT}:1: {ROOT}/Workload: is missing",
    ),
    "an attribute that is not known": (
        product("HostingType=", 'Color="red" HostingType='),
        f"{PRODUCT}:3: {ROOT}/Workload@Color: is unknown",
    ),
    "no name": (product('WorkloadName="Org.Sample" ', ""), NAME_AT + "is missing"),
    **{f"a name {what}": (product("Org.Sample", name), NAME_AT) for what, name in BAD_NAMES.items()},
    "no hosting": (
        product(' HostingType="Remote"', ""),
        f"{PRODUCT}:3: {ROOT}/Workload@HostingType: is missing",
    ),
    "hosting of the other kit": (
        product('"Remote"', '"FERemote"'),
        f"{PRODUCT}:3: {ROOT}/Workload@HostingType: must",
    ),
    "no version": (product("<Version>1.0.0</Version>", ""), f"{PRODUCT}:3: Workload/Version: is missing"),
    "two versions": (
        product("<Version>1.0.0</Version>", "<Version>1.0.0</Version><Version>1.0.0</Version>"),
        f"{PRODUCT}:4: Workload/Version: is there more than once",
    ),
    "a version of two parts": (
        product("1.0.0<", "1.0<"),
        f"{PRODUCT}:4: Workload/Version: must be a semantic",
    ),
    "a version with a leading zero": (
        product("1.0.0<", "01.0.0<"),
        f"{PRODUCT}:4: Workload/Version: must be a",
    ),
    "a version that is too long": (
        product("1.0.0<", "1.0.0-aaaaaaaaaaaa<"),
        f"{PRODUCT}:4: Workload/Version: is longer",
    ),
    "a version in other digits": (
        product("1.0.0<", "\u0661.0.0<"),
        f"{PRODUCT}:4: Workload/Version: must be a",
    ),
    "no configuration": (
        product("RemoteServiceConfiguration", "X").copy()
        | {PRODUCT: WDK[PRODUCT].replace("RemoteServiceConfiguration", "LocalService")},
        f"{PRODUCT}:5: Workload/LocalService: is unknown",
    ),
    "another cloud": (
        product("Public", "Private"),
        f"{PRODUCT}:7: CloudServiceConfiguration/Cloud: must be Public",
    ),
    "elements in another order": (
        product("<Cloud>Public</Cloud>", "").copy()
        | {
            PRODUCT: WDK[PRODUCT]
            .replace("<Cloud>Public</Cloud>", "")
            .replace("</AADApp>", "</AADApp><Cloud>Public</Cloud>")
        },
        f"{PRODUCT}:12: CloudServiceConfiguration/Cloud: must come before AADApp",
    ),
    "text between elements": (
        product("<Endpoints>", "<Endpoints>here"),
        f"{PRODUCT}:13: CloudServiceConfiguration/Endpoints: holds the text 'here'",
    ),
    "an app id that is no GUID": (
        product("<AppId>", "<AppId>x"),
        f"{PRODUCT}:9: AADApp/AppId: must be a GUID",
    ),
    "the app of Fabric": (
        product(f"<AppId>{APP}", f"<AppId>{FABRIC_APP}"),
        f"{PRODUCT}:9: AADApp/AppId: is Fabric's own",
    ),
    "the other app of Fabric": (
        product(f"<AppId>{APP}", f"<AppId>{FABRIC_CLIENT_FOR_WORKLOADS.upper()}"),
        f"{PRODUCT}:9: AADApp/AppId: is Fabric's own",
    ),
    "no redirect": (
        product("<RedirectUri>http://localhost</RedirectUri>", ""),
        f"{PRODUCT}:8: AADApp/RedirectUri: is missing",
    ),
    "an empty redirect": (product("http://localhost<", "<"), f"{PRODUCT}:10: AADApp/RedirectUri: is empty"),
    "an empty resource": (
        product("<ResourceId>", "<ResourceId/><ResourceId>"),
        f"{PRODUCT}:11: AADApp/ResourceId: is empty",
    ),
    # ---- endpoints
    "no endpoints": (
        product("<Endpoints>", "<Endpoints/><Endpoints>"),
        f"{PRODUCT}:13: Endpoints/ServiceEndpoint: is needed 2",
    ),
    "one endpoint": (
        {
            **WDK,
            PRODUCT: WDK[PRODUCT][: WDK[PRODUCT].index(ONE)]
            + WDK[PRODUCT][WDK[PRODUCT].index("</Endpoints>") :],
        },
        f"{PRODUCT}:13: Endpoints/ServiceEndpoint: is needed 2 times, not 1",
    ),
    "an endpoint of another name": (
        product("<Name>Frontend", "<Name>Other"),
        f"{PRODUCT}:20: ServiceEndpoint/Name: must be",
    ),
    "an endpoint that is called as in the other kit": (
        product("<Name>Workload", "<Name>Backend"),
        f"{PRODUCT}:15: ServiceEndpoint/Name: must be Workload or Frontend",
    ),
    "two backends": (
        product("<Name>Frontend", "<Name>Workload"),
        f"{PRODUCT}:20: ServiceEndpoint/Name: 'Workload' is there more",
    ),
    "no backend": (
        product("<Name>Workload", "<Name>Frontend"),
        f"{PRODUCT}:14: Endpoints/ServiceEndpoint: none has the Name",
    ),
    "an endpoint without name": (
        product("<Name>Frontend</Name>", ""),
        f"{PRODUCT}:19: ServiceEndpoint/Name: is missing",
    ),
    "an endpoint without URL": (
        product("<Url>https://fe.example.com</Url>", ""),
        f"{PRODUCT}:19: ServiceEndpoint/Url: is missing",
    ),
    "an empty URL": (product("https://fe.example.com", " "), f"{PRODUCT}:21: ServiceEndpoint/Url: is empty"),
    "a backend without encryption": (
        product("https://be", "http://be"),
        f"{PRODUCT}:16: ServiceEndpoint/Url: must be https",
    ),
    "a backend with a user": (
        product("https://be", "https://me@be"),
        f"{PRODUCT}:16: ServiceEndpoint/Url: must have no user",
    ),
    "a backend with a query": (
        product("/workload<", "/workload?a=1<"),
        f"{PRODUCT}:16: ServiceEndpoint/Url: must have no user",
    ),
    "a backend that is a file": (
        product("https://be.example.com", "file://"),
        f"{PRODUCT}:16: ServiceEndpoint/Url: must be an http",
    ),
    "a backend with spaces": (
        product("https://be", " https://be"),
        f"{PRODUCT}:16: ServiceEndpoint/Url: must be a URL",
    ),
    "no word on resolution": (
        product("<IsEndpointResolutionService>false</IsEndpointResolutionService>", ""),
        f"{PRODUCT}:14: ServiceEndpoint/IsEndpointResolutionService: is missing",
    ),
    "another word on resolution": (
        product("false<", "maybe<"),
        f"{PRODUCT}:17: ServiceEndpoint/IsEndpointResolutionService: must be true or false",
    ),
    "a context without property": (
        product("Service>\n          </Serv", "Service><EndpointResolutionContext/></Serv"),
        f"{PRODUCT}:17: EndpointResolutionContext/ResolutionContextProperty: is missing",
    ),
    "a context of another property": (
        product("TenantRegion", "Planet", of=REMOTE),
        f"{PRODUCT}:29: EndpointResolutionContext/ResolutionContextProperty: must be",
    ),
    # ---- the toolkit
    "another hosting": (
        product('"Remote"', '"Hybrid"', of=REMOTE),
        f"{PRODUCT}:3: {ROOT}/Workload@HostingType: must be Remote",
    ),
    "a backend without app": (
        product("AADBEApp>", "X>", of=REMOTE) | {PRODUCT: REMOTE[PRODUCT].replace("AADBEApp", "X")},
        f"{PRODUCT}:6: CloudServiceConfiguration/AADBEApp: is missing",
    ),
    "the app of the other kit": (
        product("<AADFEApp>", "<AADApp/><AADFEApp>", of=REMOTE),
        f"{PRODUCT}:8: CloudServiceConfiguration/AADApp: is unknown",
    ),
    "a notification that is not known": (
        product("OnCreate>", "OnMove>", of=REMOTE) | {PRODUCT: REMOTE[PRODUCT].replace("OnCreate", "OnMove")},
        f"{PRODUCT}:17: LifecycleOperationsNotifications/OnMove: is unknown",
    ),
    "a notification that is no boolean": (
        product("<OnUpdate>false", "<OnUpdate>no", of=REMOTE),
        f"{PRODUCT}:18: LifecycleOperationsNotifications/OnUpdate: must be true",
    ),
    "two backends by two names": (
        product("<Name>Frontend", "<Name>Backend", of=REMOTE),
        f"{PRODUCT}:33: ServiceEndpoint/Name: 'Workload' is there more than once",
    ),
    "a frontend's workload with a backend": (
        product("<Name>Frontend", "<Name>Workload", of=FRONTEND),
        f"{PRODUCT}:14: ServiceEndpoint/Name: must be Frontend",
    ),
    # ---- the item manifests
    "an item without schema version": (
        item(' SchemaVersion="1.101.0"', ""),
        f"{ITEM}:2: ItemManifestConfiguration@SchemaVersion",
    ),
    "no item": (
        {**WDK, ITEM: '<ItemManifestConfiguration SchemaVersion="1.101.0"/>'},
        f"{ITEM}:1: ItemManifestConfiguration/Item: is missing",
    ),
    "an item without type": (
        item('TypeName="Org.Sample.Thing" ', ""),
        f"{ITEM}:3: ItemManifestConfiguration/Item@TypeName: is missing",
    ),
    "a type of two parts": (
        item('"Org.Sample.Thing"', '"Org.Thing"'),
        f"{ITEM}:3: ItemManifestConfiguration/Item@TypeName: must be three",
    ),
    "a type that is too long": (
        item('"Org.Sample.Thing"', f'"Org.Sample.{"a" * 60}"'),
        f"{ITEM}:3: ItemManifestConfiguration/Item@TypeName: is longer than 64",
    ),
    "a type of another workload": (
        item('"Org.Sample.Thing"', '"Org.Simple.Thing"'),
        f"{ITEM}:3: ItemManifestConfiguration/Item@TypeName: must begin with Org.Sample.",
    ),
    "another category": (
        item('"Data"', '"Stuff"'),
        f"{ITEM}:3: ItemManifestConfiguration/Item@Category: must be Code, Data or",
    ),
    "an item without workload": (
        item('<Workload WorkloadName="Org.Sample" />', ""),
        f"{ITEM}:3: Item/Workload: is missing",
    ),
    "an item of another workload": (
        item('"Org.Sample"', '"Org.Other"'),
        f"{ITEM}:4: Item/Workload@WorkloadName: is 'Org.Other'",
    ),
    "a type twice": (
        {**WDK, OTHER: WDK[ITEM].replace("Thing", "thing")},
        f"{ITEM}:3: ItemManifestConfiguration/Item@TypeName: 'Org.",
    ),
    "notifications in the other kit": (
        item("</Item>", "<LifecycleOperationsNotifications/></Item>"),
        f"{ITEM}:13: Item/LifecycleOperationsNotifications: is unknown",
    ),
    "two schedulers": (
        item("<JobScheduler>", "<JobScheduler/><JobScheduler>"),
        f"{ITEM}:5: Item/JobScheduler: is there more",
    ),
    "no option on demand": (
        item("<OnDemandJobDeduplicateOptions>PerItem</OnDemandJobDeduplicateOptions>", ""),
        f"{ITEM}:5: JobScheduler/OnDemandJobDeduplicateOptions: is missing",
    ),
    "another option on demand": (
        item("PerItem", "PerDay"),
        f"{ITEM}:6: JobScheduler/OnDemandJobDeduplicateOptions: must be None",
    ),
    "no option on schedule": (
        item("<ScheduledJobDeduplicateOptions>PerUser</ScheduledJobDeduplicateOptions>", ""),
        f"{ITEM}:5: JobScheduler/ScheduledJobDeduplicateOptions: is missing",
    ),
    "another option on schedule": (
        item("PerUser", "peruser"),
        f"{ITEM}:7: JobScheduler/ScheduledJobDeduplicateOptions: must be",
    ),
    "no job types": (
        item("<ItemJobTypes>", "<ItemJobTypes/><X>") | {ITEM: WDK[ITEM].replace("ItemJobTypes", "X")},
        f"{ITEM}:5: JobScheduler/ItemJobTypes: is missing",
    ),
    "no job type": (
        item("<ItemJobTypes>", "<ItemJobTypes/><ItemJobTypes>"),
        f"{ITEM}:8: ItemJobTypes/ItemJobType: is missing",
    ),
    "a job type without name": (
        item('<ItemJobType Name="Org.Sample.Thing.Calculate" />', "<ItemJobType/>"),
        JOB_AT + "is missing",
    ),
    "a job type with a setting": (
        item("<ItemJobType Name", '<ItemJobType Timeout="1" Name'),
        f"{ITEM}:9: ItemJobTypes/ItemJobType@Timeout: is unknown",
    ),
    "a job type twice": (
        item("Thing.Scheduled", "Thing.CALCULATE"),
        f"{ITEM}:10: ItemJobTypes/ItemJobType@Name: 'Org.Sample.",
    ),
    **{
        f"a job type {what}": (item("Org.Sample.Thing.Calculate", name), JOB_AT)
        for what, name in BAD_JOBS.items()
    },
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_package_is_told_by_file_line_and_element(fault: str) -> None:
    files, expected = BROKEN[fault]

    said = [str(error) for error in errors(files)]

    assert [error for error in said if error.startswith(expected)], said


def test_every_error_of_a_package_is_told_at_once() -> None:
    files = put(ITEM, "PerItem", "x", of=product("1.0.0<", "x<"))
    files = put(ITEM, '"Data"', '"x"', of=files) | {OTHER: "<Settings/>", "BE/Z.xml": "<"}

    places = {(error.file, error.line) for error in errors(files)}

    assert places == {(PRODUCT, 4), (ITEM, 3), (ITEM, 6), (OTHER, 1), ("BE/Z.xml", 1)}


def test_more_errors_than_a_person_reads_are_counted_off() -> None:
    many = '<ItemJobType Name="x" />' * 500

    found = errors(item("</ItemJobTypes>", f"{many}</ItemJobTypes>"))

    assert len(found) == MOST_FINDINGS + 1
    assert found[-1].message == "there are more errors; they are not shown"


def test_there_is_a_broken_package_for_each_rule() -> None:
    assert len(BROKEN) >= 60


@pytest.mark.parametrize("kit", [WDK, REMOTE, FRONTEND], ids=["WDK", "Remote", "FERemote"])
def test_nothing_is_wrong_with_a_sound_package(kit: Files) -> None:
    assert errors(kit) == []
