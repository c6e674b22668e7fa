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

WDK_WORKLOAD = f"""<?xml version="1.0" encoding="utf-8"?>
<WorkloadManifestConfiguration xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" SchemaVersion="1.101.0">
  <Workload WorkloadName="Org.Sample" HostingType="Remote">
    <Version>1.0.0</Version>
    <RemoteServiceConfiguration>
      <CloudServiceConfiguration>
        <Cloud>Public</Cloud>
        <AADApp>
          <AppId>{APP}</AppId>
          <RedirectUri>http://localhost</RedirectUri>
          <ResourceId>api://localdevinstance/{TENANT}/Org.Sample</ResourceId>
        </AADApp>
        <Endpoints>
          <ServiceEndpoint>
            <Name>Workload</Name>
            <Url>https://be.example.com/workload</Url>
            <IsEndpointResolutionService>false</IsEndpointResolutionService>
          </ServiceEndpoint>
          <ServiceEndpoint>
            <Name>Frontend</Name>
            <Url>https://fe.example.com</Url>
            <IsEndpointResolutionService>false</IsEndpointResolutionService>
          </ServiceEndpoint>
        </Endpoints>
      </CloudServiceConfiguration>
    </RemoteServiceConfiguration>
  </Workload>
</WorkloadManifestConfiguration>
"""

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

REMOTE_WORKLOAD = f"""<?xml version="1.0" encoding="utf-8"?>
<WorkloadManifestConfiguration SchemaVersion="2.100.0">
  <Workload WorkloadName="Org.Sample" HostingType="Remote">
    <Version>1.2.3-beta.1</Version>
    <RemoteServiceConfiguration>
      <CloudServiceConfiguration>
        <Cloud>Public</Cloud>
        <AADFEApp>
          <AppId>{APP}</AppId>
        </AADFEApp>
        <AADBEApp>
          <AppId>{APP}</AppId>
          <RedirectUri>http://localhost:60006/close</RedirectUri>
          <ResourceId>api://localdevinstance/{TENANT}/Org.Sample/x1</ResourceId>
        </AADBEApp>
        <LifecycleOperationsNotifications>
          <OnCreate>true</OnCreate>
          <OnUpdate>false</OnUpdate>
          <OnDelete>true</OnDelete>
        </LifecycleOperationsNotifications>
        <EnableSandboxRelaxation>false</EnableSandboxRelaxation>
        <Endpoints>
          <ServiceEndpoint>
            <Name>Workload</Name>
            <Url>http://localhost:60006/workload/</Url>
            <IsEndpointResolutionService>true</IsEndpointResolutionService>
            <EndpointResolutionContext>
              <ResolutionContextProperty>TenantId</ResolutionContextProperty>
              <ResolutionContextProperty>TenantRegion</ResolutionContextProperty>
            </EndpointResolutionContext>
          </ServiceEndpoint>
          <ServiceEndpoint>
            <Name>Frontend</Name>
            <Url>http://localhost:60006/</Url>
            <IsEndpointResolutionService>false</IsEndpointResolutionService>
          </ServiceEndpoint>
        </Endpoints>
      </CloudServiceConfiguration>
    </RemoteServiceConfiguration>
  </Workload>
</WorkloadManifestConfiguration>
"""

FRONTEND_WORKLOAD = f"""<?xml version="1.0" encoding="utf-8"?>
<WorkloadManifestConfiguration SchemaVersion="2.0.0">
  <Workload WorkloadName="Org.Sample" HostingType="FERemote">
    <Version>1.0.0</Version>
    <RemoteServiceConfiguration>
      <CloudServiceConfiguration>
        <Cloud>Public</Cloud>
        <AADFEApp>
          <AppId>{APP}</AppId>
        </AADFEApp>
        <EnableSandboxRelaxation>false</EnableSandboxRelaxation>
        <Endpoints>
          <ServiceEndpoint>
            <Name>Frontend</Name>
            <Url>http://localhost:60006/</Url>
            <IsEndpointResolutionService>false</IsEndpointResolutionService>
          </ServiceEndpoint>
        </Endpoints>
      </CloudServiceConfiguration>
    </RemoteServiceConfiguration>
  </Workload>
</WorkloadManifestConfiguration>
"""

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
