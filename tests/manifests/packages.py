"""Sound packages of both kits, as text that a test can bend, and archives of any shape."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from weft.manifests.errors import Finding, ManifestInvalid
from weft.manifests.package import read_files

TENANT = "6f1e5a1c-0c3e-4f3f-9d1c-2f0a4b1d7e11"
HOME = "00000000-1111-4222-8333-444444444444"
APP = "0b2c4d6e-8f10-4a2b-9c3d-5e6f70819203"


def _workload(
    schema: str, *parts: str, hosting: str = "Remote", version: str = "1.0.0", declares: str = ""
) -> str:
    """Return a workload manifest: *parts* are those of its service, each as whole lines."""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<WorkloadManifestConfiguration {declares}SchemaVersion="{schema}">
  <Workload WorkloadName="Org.Sample" HostingType="{hosting}">
    <Version>{version}</Version>
    <RemoteServiceConfiguration>
      <CloudServiceConfiguration>
        <Cloud>Public</Cloud>
{"".join(parts)}      </CloudServiceConfiguration>
    </RemoteServiceConfiguration>
  </Workload>
</WorkloadManifestConfiguration>
"""


def _app(element: str, redirect: str, resource: str) -> str:
    return f"""        <{element}>
          <AppId>{APP}</AppId>
          <RedirectUri>{redirect}</RedirectUri>
          <ResourceId>api://localdevinstance/{TENANT}/{resource}</ResourceId>
        </{element}>
"""


def _endpoint(name: str, url: str, *context: str) -> str:
    """Return an endpoint; with a *context* it is an endpoint resolution service."""
    properties = "".join(
        f"              <ResolutionContextProperty>{each}</ResolutionContextProperty>\n" for each in context
    )
    resolution = f"""            <EndpointResolutionContext>
{properties}            </EndpointResolutionContext>
"""
    return f"""          <ServiceEndpoint>
            <Name>{name}</Name>
            <Url>{url}</Url>
            <IsEndpointResolutionService>{str(bool(context)).lower()}</IsEndpointResolutionService>
{resolution if context else ""}          </ServiceEndpoint>
"""


def _endpoints(*each: str) -> str:
    return f"        <Endpoints>\n{''.join(each)}        </Endpoints>\n"


FRONTEND_APP = f"""        <AADFEApp>
          <AppId>{APP}</AppId>
        </AADFEApp>
"""
NOT_RELAXED = "        <EnableSandboxRelaxation>false</EnableSandboxRelaxation>\n"
NOTIFICATIONS = """        <LifecycleOperationsNotifications>
          <OnCreate>true</OnCreate>
          <OnUpdate>false</OnUpdate>
          <OnDelete>true</OnDelete>
        </LifecycleOperationsNotifications>
"""

WDK_WORKLOAD = _workload(
    "1.101.0",
    _app("AADApp", "http://localhost", "Org.Sample"),
    _endpoints(
        _endpoint("Workload", "https://be.example.com/workload"),
        _endpoint("Frontend", "https://fe.example.com"),
    ),
    declares='xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ',
)

WDK_ITEM = """<?xml version="1.0" encoding="utf-8"?>
<ItemManifestConfiguration SchemaVersion="1.101.0">
  <Item TypeName="Org.Sample.Thing" Category="Data" CreateOneLakeFoldersOnArtifactCreation="true">
    <Workload WorkloadName="Org.Sample" />
    <JobScheduler>
      <OnDemandJobDeduplicateOptions>PerItem</OnDemandJobDeduplicateOptions>
      <ScheduledJobDeduplicateOptions>PerUser</ScheduledJobDeduplicateOptions>
      <ItemJobTypes>
        <ItemJobType Name="Org.Sample.Thing.Calculate" />
        <ItemJobType Name="Org.Sample.Thing.Scheduled" />
      </ItemJobTypes>
    </JobScheduler>
  </Item>
</ItemManifestConfiguration>
"""

REMOTE_WORKLOAD = _workload(
    "2.100.0",
    FRONTEND_APP,
    _app("AADBEApp", "http://localhost:60006/close", "Org.Sample/x1"),
    NOTIFICATIONS,
    NOT_RELAXED,
    _endpoints(
        _endpoint("Workload", "http://localhost:60006/workload/", "TenantId", "TenantRegion"),
        _endpoint("Frontend", "http://localhost:60006/"),
    ),
    version="1.2.3-beta.1",
)

FRONTEND_WORKLOAD = _workload(
    "2.0.0",
    FRONTEND_APP,
    NOT_RELAXED,
    _endpoints(_endpoint("Frontend", "http://localhost:60006/")),
    hosting="FERemote",
)

REMOTE_ITEM = WDK_ITEM.replace("1.101.0", "2.100.0")

PRODUCT = "BE/WorkloadManifest.xml"
ITEM = "BE/Thing.xml"

WDK = {
    PRODUCT: WDK_WORKLOAD,
    ITEM: WDK_ITEM,
    "FE/Product.json": '{"name": "Product"}',
    "FE/Thing.json": '{"name": "Org.Sample.Thing",'
    ' "itemSettings": {"schedule": {"itemJobType": "Scheduled"}}}',
}
REMOTE = {**WDK, PRODUCT: REMOTE_WORKLOAD, ITEM: REMOTE_ITEM}
FRONTEND = {**WDK, PRODUCT: FRONTEND_WORKLOAD, ITEM: REMOTE_ITEM.replace("2.100.0", "2.0.0")}


def nupkg(files: Mapping[str, str]) -> bytes:
    """Return the archive that NuGet makes of *files*."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("ManifestPackage.nuspec", "<package/>")
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def errors(files: Mapping[str, str]) -> list[Finding]:
    """Return what is wrong with *files*; nothing, if nothing is."""
    try:
        read_files({name: text.encode() for name, text in files.items()}, home_tenant=HOME)
    except ManifestInvalid as invalid:
        return list(invalid.errors)
    return []


def warnings(files: Mapping[str, str]) -> list[Finding]:
    return list(read_files({name: text.encode() for name, text in files.items()}, home_tenant=HOME).warnings)
