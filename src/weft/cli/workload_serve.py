"""`weft workload serve`: runs a host of workloads on its own, for a control plane elsewhere."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

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
from weft.cli.options import Data, canonical_id, whole
from weft.settings import MOST_PROCESSES, RunnerSettings, Settings, client_secret, data_directory

if TYPE_CHECKING:
    from weft.host_parts import Trusted

LONGEST_GRACE_SECONDS = 24 * 3600

Whole = Parameter(converter=whole, allow_leading_hyphen=True)


def serve(  # noqa: PLR0913 - each is an option of the command
    workload: Annotated[str, Parameter(help="A workload to host, as MODULE:ATTR; several may follow.")],
    /,
    *more: str,
    issuer: str = "",
    audience: str = "",
    publisher_tenant: str = "",
    client_id: str = "",
    core: str = "",
    data: Data = None,
    host: str = "127.0.0.1",
    port: Annotated[int, Whole] = 0,
    processes: Annotated[int | None, Whole] = None,
    grace: float = 30.0,
) -> int:
    """Serve the Workload API for workloads, without a control plane, until Ctrl-C or SIGTERM.

    Its first line says where. A second Ctrl-C or SIGTERM stops at once. Without options it takes the tokens
    that are signed with the key in DATA, as those of `weft up` with the same data are.

    Parameters
    ----------
    issuer
        Address of the issuer whose keys sign the tokens, such as
        http://127.0.0.1:7431/issuer/TENANT/v2.0 [the key in DATA].
    audience
        The audience of the tokens [api://localdevinstance/PUBLISHER-TENANT/WORKLOAD].
    publisher_tenant
        The tenant of the app that calls [the one kept in DATA].
    client_id
        The workload's app: the audience of version 2.0 tokens [as --audience]. With its secret in
        WEFT_CLIENT_SECRET, jobs get tokens of the issuer.
    core
        Address of the Fabric API, or of a weft, that tells jobs what their users may do [nobody does].
    host
        The loopback address to listen on.
    port
        The port to listen on; 0 picks a free one.
    processes
        How many jobs run at once, each in a process of its own [one for each core, two at least].
    grace
        How many seconds running jobs are given to end when it is stopped.
    """
    check_platform(sys.platform)
    settings = Settings(
        data=data_directory(data),
        host=loopback(host, because="a host speaks plain http, to what runs on this machine"),
        port=whole_port(port),
        workloads=_named((workload, *more)),
        runner=_runner(processes),
        shutdown_grace=_grace(grace),
    )
    if publisher_tenant:
        publisher_tenant = canonical_id("--publisher-tenant", publisher_tenant)
    _check_core(core)
    secret = client_secret()
    if secret and not client_id:
        raise Misused("WEFT_CLIENT_SECRET is set; --client-id says whose secret it is")
    find_modules_here()
    # The whole host: imported only by the one command that serves it.
    with loading():
        from weft.host_parts import Trusted  # noqa: PLC0415

    trusted = Trusted(
        issuer=issuer,
        audience=audience,
        publisher_tenant=publisher_tenant,
        client_id=client_id,
        client_secret=secret,
        core=core,
    )
    return _serve(settings, trusted)


def _check_core(core: str) -> None:
    from weft.catalog.addresses import AddressRefused, checked  # noqa: PLC0415 - as below

    try:
        if core:
            checked(core)
    except AddressRefused as refused:
        raise Misused(f"--core: {refused}") from None


def _named(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not is_workload_name(name):
            raise Misused(f"a workload is named as MODULE:ATTR, not {name!r}")
    return names


def _runner(processes: int | None) -> RunnerSettings:
    if processes is None:
        return RunnerSettings()
    if not 1 <= processes <= MOST_PROCESSES:
        raise Misused(f"--processes must be from 1 to {MOST_PROCESSES}, not {processes}")
    return RunnerSettings(processes=processes)


def _grace(seconds: float) -> timedelta:
    if not 0 <= seconds <= LONGEST_GRACE_SECONDS:
        raise Misused(f"--grace must be from 0 to {LONGEST_GRACE_SECONDS} seconds, not {seconds:g}")
    return timedelta(seconds=seconds)


def _serve(settings: Settings, trusted: Trusted) -> int:
    with loading():
        from weft.auth.errors import DataRefused, EntraMissing  # noqa: PLC0415
        from weft.catalog.addresses import AddressRefused  # noqa: PLC0415
        from weft.kit.errors import WorkloadNotLoaded  # noqa: PLC0415
        from weft.workload_host import serve_workloads  # noqa: PLC0415
        from weft.workloads import ItemTypeTaken  # noqa: PLC0415

    refusals = (DataRefused, EntraMissing, ItemTypeTaken, WorkloadNotLoaded)
    try:
        return told(lambda: serve_workloads(settings, trusted), port=settings.port, refusals=refusals)
    except AddressRefused as refused:
        raise Misused(f"--issuer: {refused}") from None
