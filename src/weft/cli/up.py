"""`weft up`: checks what was asked for, and serves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from weft.cli.errors import Misused
from weft.cli.listening import (
    check_platform,
    find_modules_here,
    is_workload_name,
    loading,
    loopback,
    told,
    whole_port,
)
from weft.cli.options import Data, whole
from weft.cli.storage import blob_settings
from weft.settings import EXAMPLE_WORKLOAD, Profile, Settings, TwinsSettings, data_directory

NOT_BEYOND = (
    "the local issuer signs tokens for whoever can read the data directory, and must not be trusted beyond "
    "this machine"
)

Workloads = Annotated[
    list[str] | None,
    Parameter(name="--workload", help="A workload to host, as MODULE:ATTR; repeatable [the example]."),
]
Manifests = Annotated[
    list[Path] | None,
    Parameter(
        name="--manifest",
        help="A manifest package, directory or nupkg, of a workload that is served elsewhere; repeatable.",
    ),
]
Addresses = Annotated[
    list[str] | None,
    Parameter(
        name="--workload-url",
        help="Where the jobs of an item type go, as TYPE=URL, or TYPE=remote+URL for a backend of the "
        "Extensibility Toolkit; repeatable.",
    ),
]
Maps = Annotated[
    list[str] | None,
    Parameter(
        name="--map",
        help="A published item type that has the jobs of another, as TYPE=TYPE or TYPE=TYPE/JOB; repeatable.",
    ),
]
Config = Annotated[
    Path | None, Parameter(name="--config", help="A file of settings [DATA/weft.toml, where there is one].")
]
Roots = Annotated[
    list[Path] | None,
    Parameter(
        name="--blob-root",
        help="A directory whose files imports may read, and write logs to; repeatable [the current one].",
    ),
]
Hosts = Annotated[
    list[str] | None,
    Parameter(
        name="--blob-host",
        help="A storage account whose blobs imports may use, as https://acct.blob.core.windows.net; "
        "repeatable [none]. Its key: AZURE_STORAGE_CONNECTION_STRING.",
    ),
]


def up(  # noqa: PLR0913 - each is an option of the command
    *,
    data: Data = None,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(converter=whole, allow_leading_hyphen=True)] = 7431,
    profile: Literal["local", "service"] = "local",
    workload: Workloads = None,
    manifest: Manifests = None,
    workload_url: Addresses = None,
    mapped: Maps = None,
    config: Config = None,
    blob_root: Roots = None,
    blob_host: Hosts = None,
    bulk_jobs: Annotated[int, Parameter(converter=whole, allow_leading_hyphen=True)] = 1,
    strict_relationships: bool = False,
    tls: bool = False,
) -> int:
    """Serve until Ctrl-C or SIGTERM; a second one stops at once.

    Parameters
    ----------
    host
        The loopback address to listen on.
    port
        The port to listen on; 0 picks a free one.
    profile
        local: quick polls and no limits; service: as the real services.
    bulk_jobs
        How many imports and deletions may run at once.
    strict_relationships
        Refuse properties of relationships that their model does not declare.
    tls
        Serve https, with a certificate of its own in DATA/tls/cert.pem.
    """
    check_platform(sys.platform)
    if bulk_jobs < 1:
        raise Misused(f"--bulk-jobs must be at least 1, not {bulk_jobs}")
    settings = Settings(
        data=data_directory(data),
        host=loopback(host, because=NOT_BEYOND),
        port=whole_port(port),
        profile=Profile(profile),
        workloads=_workloads(workload),
        manifests=_packages(manifest),
        workload_urls=tuple(workload_url or ()),
        mapped=_mapped(mapped),
        tls=tls,
        twins=TwinsSettings(
            bulk_jobs=bulk_jobs, strict=strict_relationships, blobs=blob_settings(blob_root, blob_host)
        ),
    )
    find_modules_here()
    return _serve(_configured(settings, config))


def _configured(settings: Settings, config: Path | None) -> Settings:
    from weft.settings_file import SettingsRefused, configured  # noqa: PLC0415

    try:
        return configured(settings, config)
    except SettingsRefused as refused:
        raise Misused(str(refused)) from None


def _workloads(names: list[str] | None) -> tuple[str, ...]:
    for name in names or ():
        if not is_workload_name(name):
            raise Misused(f"--workload must be MODULE:ATTR, not {name!r}")
    return tuple(names or [EXAMPLE_WORKLOAD])


def _mapped(given: list[str] | None) -> dict[str, str]:
    mapped: dict[str, str] = {}
    for text in given or ():
        item_type, equals, target = text.partition("=")
        if not (item_type and equals and target) or item_type in mapped:
            raise Misused(f"--map must be TYPE=TYPE or TYPE=TYPE/JOB, once for a type, not {text!r}")
        mapped[item_type] = target
    return mapped


def _packages(paths: list[Path] | None) -> tuple[Path, ...]:
    for path in paths or ():
        if not path.exists():
            raise Misused(f"--manifest: there is no {str(path)!r}")
    return tuple(paths or ())


def _serve(settings: Settings) -> int:
    # The whole server: imported only by the one command that serves.
    with loading():
        from weft.app import run  # noqa: PLC0415
        from weft.auth.errors import DataRefused  # noqa: PLC0415
        from weft.catalog.addresses import AddressRefused  # noqa: PLC0415
        from weft.kit.errors import WorkloadNotLoaded  # noqa: PLC0415
        from weft.workloads import ItemTypeTaken, MappingRefused, PackageRefused  # noqa: PLC0415

    return told(
        lambda: run(settings),
        port=settings.port,
        refusals=(
            AddressRefused,
            DataRefused,
            ItemTypeTaken,
            MappingRefused,
            PackageRefused,
            WorkloadNotLoaded,
        ),
    )
