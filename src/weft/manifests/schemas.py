"""The published schemas of manifests: WDK 1.x, and FET 2.x with and without a backend.

Source: WorkloadDefinition.xsd, ItemDefinition.xsd and CommonTypesDefinitions.xsd of the Workload Development
Kit; FERemoteWorkloadDefinition.xsd and SwitchToRemoteHosting.ps1 of the Fabric Extensibility Toolkit.
"""

from __future__ import annotations

from typing import Final

from weft.manifests.shapes import MANY, Child, Shape, anything, boolean, matches, not_empty, one_of

WORKLOAD_ROOT: Final = "WorkloadManifestConfiguration"
ITEM_ROOT: Final = "ItemManifestConfiguration"
BACKENDS: Final = ("Workload", "Backend")  # the pages of the toolkit write the second, its scripts the first

_SEMVER = (
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?"
)
_PART = "[a-zA-Z0-9-]+"
VERSION: Final = matches(_SEMVER, "a semantic version such as 1.0.0", 16)
GUID: Final = matches("[a-fA-F0-9]{8}-([a-fA-F0-9]{4}-){3}[a-fA-F0-9]{12}", "a GUID")
WORKLOAD_NAME: Final = matches(rf"{_PART}\.{_PART}", "two parts such as Org.Workload", 32)
TYPE_NAME: Final = matches(rf"{_PART}(\.{_PART}){{2}}", "three parts such as Org.Workload.Item", 64)
JOB_TYPE_NAME: Final = matches(rf"{_PART}(\.{_PART}){{3}}", "four parts such as Org.Workload.Item.Job", 96)
DEDUP: Final = one_of("None", "PerItem", "PerUser")

_BOOLEAN: Final = Child(Shape(text=boolean))
_TEXT: Final = Child(Shape(text=not_empty))
_NOTIFICATIONS: Final = Child(
    Shape(
        children={
            name: Child(Shape(text=boolean), least=0)
            for name in ("OnCreate", "OnUpdate", "OnDelete", "OnRestore")
        },
        is_ordered=False,
    ),
    least=0,
)


def _app(*, is_ordered: bool = True) -> Child:
    children = {"AppId": Child(Shape(text=GUID)), "RedirectUri": _TEXT, "ResourceId": _TEXT}
    return Child(Shape(children=children, is_ordered=is_ordered))


def _endpoints(*names: str, least: int, is_ordered: bool) -> Child:
    properties = one_of("EndpointName", "TenantRegion", "WorkspaceRegion", "TenantId")
    context = Shape(children={"ResolutionContextProperty": Child(Shape(text=properties), most=MANY)})
    endpoint = Shape(
        children={
            "Name": Child(Shape(text=one_of(*names))),
            "Url": _TEXT,
            "IsEndpointResolutionService": _BOOLEAN,
            "EndpointResolutionContext": Child(context, least=0),
        },
        is_ordered=is_ordered,
    )
    return Child(Shape(children={"ServiceEndpoint": Child(endpoint, least=least, most=MANY)}))


def _workload(cloud: dict[str, Child], hosting: str, *, is_ordered: bool) -> Shape:
    configuration = Shape(
        children={"Cloud": Child(Shape(text=one_of("Public"))), **cloud}, is_ordered=is_ordered
    )
    remote = Shape(children={"CloudServiceConfiguration": Child(configuration)})
    workload = Shape(
        children={"Version": Child(Shape(text=VERSION)), "RemoteServiceConfiguration": Child(remote)},
        attributes={"WorkloadName": WORKLOAD_NAME, "HostingType": one_of(hosting)},
        is_ordered=is_ordered,
    )
    return Shape(children={"Workload": Child(workload)}, attributes={"SchemaVersion": VERSION})


WDK: Final = _workload(
    {"AADApp": _app(), "Endpoints": _endpoints("Workload", "Frontend", least=2, is_ordered=True)},
    "Remote",
    is_ordered=True,
)
_FRONTEND_APP: Final = Child(Shape(children={"AppId": _TEXT}))
# No schema with a backend was published: the order of its elements is left open.
REMOTE: Final = _workload(
    {
        "AADFEApp": _FRONTEND_APP,
        "AADBEApp": _app(is_ordered=False),
        "LifecycleOperationsNotifications": _NOTIFICATIONS,
        "EnableSandboxRelaxation": Child(Shape(text=boolean), least=0),
        "Endpoints": _endpoints(*BACKENDS, "Frontend", least=2, is_ordered=False),
    },
    "Remote",
    is_ordered=False,
)
FRONTEND_ONLY: Final = _workload(
    {
        "AADFEApp": _FRONTEND_APP,
        "EnableSandboxRelaxation": Child(Shape(text=boolean), least=0),
        "Endpoints": _endpoints("Frontend", least=1, is_ordered=True),
    },
    "FERemote",
    is_ordered=True,
)


def _item(extra: dict[str, Child]) -> Shape:
    job_types = Shape(children={"ItemJobType": Child(Shape(attributes={"Name": JOB_TYPE_NAME}), most=MANY)})
    scheduler = Shape(
        children={
            "OnDemandJobDeduplicateOptions": Child(Shape(text=DEDUP)),
            "ScheduledJobDeduplicateOptions": Child(Shape(text=DEDUP)),
            "ItemJobTypes": Child(job_types),
        },
        is_ordered=False,
    )
    item = Shape(
        children={
            "Workload": Child(Shape(attributes={"WorkloadName": WORKLOAD_NAME})),
            "JobScheduler": Child(scheduler, least=0),
            **extra,
        },
        attributes={"TypeName": TYPE_NAME},
        optional={
            "Category": one_of("Code", "Data", "Unknown"),
            "CreateOneLakeFoldersOnArtifactCreation": anything,
        },
        is_ordered=not extra,
    )
    return Shape(children={"Item": Child(item)}, attributes={"SchemaVersion": VERSION})


WDK_ITEM: Final = _item({})
REMOTE_ITEM: Final = _item({"LifecycleOperationsNotifications": _NOTIFICATIONS})
