"""All settings in one frozen object, read once; nothing else reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

EXAMPLE_WORKLOAD = "weft.examples.forecast:workload"
BUILTIN_WORKLOAD = "weft.builtin:workload"


class Profile(StrEnum):
    LOCAL = "local"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What differs between a quick local server and one that behaves like the service."""

    poll: timedelta
    retry_after_seconds: int
    keeps_finished_per_item: int | None


PACES = {
    Profile.LOCAL: Pace(poll=timedelta(seconds=1), retry_after_seconds=1, keeps_finished_per_item=None),
    Profile.SERVICE: Pace(poll=timedelta(seconds=60), retry_after_seconds=60, keeps_finished_per_item=100),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSettings:
    """How weft calls workloads. The contract leaves all of it open (docs/fidelity.md)."""

    call_timeout: timedelta = timedelta(seconds=30)
    """How long one call to a workload may take, from the connection to the last byte of the answer. A create
    call that brought no answer in this time may still arrive until it is over, and no later."""

    create_attempts: int = 5
    """How often the create call of a job, or the call that tells of a new or changed item, is sent at most:
    the first one and its repeats after a timeout, a broken connection, 429 or 5xx."""

    backoff_first: timedelta = timedelta(seconds=1)
    """How long the first repeat of a call waits; each further one waits twice as long as the one before."""

    backoff_most: timedelta = timedelta(seconds=60)
    """How long a repeat waits at most, whatever a `Retry-After` asks for."""

    dead_letter_after: timedelta = timedelta(hours=2)
    """How long after its last create call a job may not have started: then it is Failed, as a dead letter."""

    outcome_unknown_after: timedelta = timedelta(hours=2)
    """How long after a cancel the workload may say nothing of the job: then it is Failed, outcome unknown."""

    longest_run: timedelta = timedelta(days=24)
    """How long a job may run: then it is stopped as by a cancel, and Failed."""

    contract_faults: int = 10
    """How many answers in a row that break the contract fail a running job."""

    missing_reads: int = 3
    """How many reads in a row must find a running job unknown to its workload, before it is Failed."""

    missing_for: timedelta = timedelta(minutes=3)
    """For how long these reads must have found it so."""

    slots: int = 1000
    """How many jobs are watched at once; others wait, as NotStarted."""

    lifecycle_timeout: timedelta = timedelta(seconds=30)
    """How long a workload may take to hear that an item was created, changed or deleted, with all repeats."""

    tenant_region: str = "local"
    """What an endpoint resolution service is told as TenantRegion."""

    workspace_region: str = "local"
    """What an endpoint resolution service is told as WorkspaceRegion."""

    resolved_hosts: tuple[str, ...] = ()
    """The hosts that an endpoint resolution service may name, beside its own: names as `be.contoso.com`, or
    `*.contoso.com` for all below one. A token is sent to no other."""


MOST_PROCESSES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSettings:
    """How functions are run. *processes*: how many jobs at once, each in a process of its own.

    Raises ValueError for none, or more than MOST_PROCESSES.
    """

    processes: int = field(default_factory=lambda: max(2, os.cpu_count() or 2))
    sigterm_after: timedelta = timedelta(seconds=1)
    cancel_grace: timedelta = timedelta(seconds=10)

    def __post_init__(self) -> None:
        if not 1 <= self.processes <= MOST_PROCESSES:
            raise ValueError(f"processes must be from 1 to {MOST_PROCESSES}, not {self.processes}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request and a connection may take.

    *envelope_bytes*: what the Workload contract puts around a payload that Core accepted.
    """

    body_bytes: int = 1024 * 1024
    envelope_bytes: int = 1024
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    connections: int = 4096
    requests_at_once: int = 1024
    writes_waiting: int = 10_000

    @property
    def hosted_body_bytes(self) -> int:
        """The longest body of any face: whatever Core accepts, the host takes too."""
        return self.body_bytes + self.envelope_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSettings:
    """Which blobs may be read and written: none beside these.

    *roots*: local directories. *private*: what lies in these is no blob, whatever the roots are. *hosts*:
    base URLs of storage accounts, such as `https://acct.blob.core.windows.net` or
    `http://127.0.0.1:10000/devstoreaccount1`. *connection*: an Azure Storage connection string, whose key is
    used for its account where a URI carries no signature.
    """

    roots: tuple[Path, ...] = ()
    private: tuple[Path, ...] = ()
    hosts: tuple[str, ...] = ()
    connection: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinsSettings:
    """*bulk_jobs*: how many imports and deletions at once; the service has one.

    *strict*: refuse properties of relationships that their model does not declare. *keeps_jobs*: from their
    creation on, as the published `purgeDateTime` says.
    """

    bulk_jobs: int = 1
    strict: bool = False
    keeps_jobs: timedelta = timedelta(days=30)
    blobs: BlobSettings = BlobSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSettings:
    """How schedules fire.

    *misfire_grace*: an occurrence that is later than this is not fired any more, but counted as missed.
    *catch_up*: how many of those that were missed in a row are fired all the same, the latest ones; the
    service's answer is not published. *most_per_item*: how many schedules an item may have.
    """

    misfire_grace: timedelta = timedelta(minutes=5)
    catch_up: int = 0
    most_per_item: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How many requests one identity may make in a minute; 0: as many as it likes.

    *requests*: of workspaces, items and what else is no job. *jobs*: of the job scheduler. *operations*: of
    long-running operations. *runs*: how many jobs it may start. *waits*: how many requests of one identity
    may wait at once for a job (`Prefer: wait`, event streams).
    """

    requests: int = 0
    jobs: int = 0
    operations: int = 0
    runs: int = 0
    waits: int = 100


RATES = {
    Profile.LOCAL: Rates(),
    Profile.SERVICE: Rates(requests=200, jobs=200, operations=200, runs=50),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """*hosts*: where webhooks may be sent beside this machine's loopback, as `ci.contoso.com`, over https.

    *attempts*: how often a delivery is tried at most, the waits doubling from a second to an hour.
    """

    hosts: tuple[str, ...] = ()
    attempts: int = 12
    timeout: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """How the host of workloads answers.

    *lifecycle*: how long a call about an item may take, with the workload's hook. *quick_stop*: how long a
    cancel waits for a job that stops at once. *url*: what endpoint resolution answers, without a slash at the
    end; "": the address that the caller used. *resolved_for*: how long that may be remembered.
    """

    lifecycle: timedelta = timedelta(seconds=25)
    quick_stop: timedelta = timedelta(milliseconds=200)
    url: str = ""
    resolved_for: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    data: Path
    host: str = "127.0.0.1"
    port: int = 7431
    profile: Profile = Profile.LOCAL
    workloads: tuple[str, ...] = (EXAMPLE_WORKLOAD,)
    manifests: tuple[Path, ...] = ()
    workload_urls: tuple[str, ...] = ()
    shutdown_grace: timedelta = timedelta(seconds=30)
    retention: timedelta = timedelta(days=30)
    maintenance_every: timedelta = timedelta(seconds=5)
    caller: CallerSettings = CallerSettings()
    runner: RunnerSettings = field(default_factory=RunnerSettings)
    limits: Limits = Limits()
    hosting: HostSettings = HostSettings()
    tls: bool = False
    twins: TwinsSettings = TwinsSettings()
    schedules: ScheduleSettings = ScheduleSettings()
    webhooks: WebhookSettings = WebhookSettings()
    own_rates: Rates | None = None
    """In place of the profile's."""
    builtin: bool | None = None
    """Whether the server itself runs notebooks and Python files; None: in the local profile."""
    mapped: Mapping[str, str] = field(default_factory=dict)
    """Item types whose jobs are those of another: `{"DataPipeline": "Contoso.Sales.Forecast/calculate"}`."""
    own_pace: Pace | None = None
    """In place of the profile's."""

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"

    @property
    def pace(self) -> Pace:
        return self.own_pace or PACES[self.profile]

    @property
    def rates(self) -> Rates:
        return self.own_rates or RATES[self.profile]

    @property
    def has_builtin(self) -> bool:
        return self.profile is Profile.LOCAL if self.builtin is None else self.builtin


def data_directory(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return where weft keeps its data: *given*, else `WEFT_DATA`, else `~/.local/share/weft`."""
    if given is not None:
        return given.absolute()
    named = environ.get("WEFT_DATA")
    return Path(named).absolute() if named else Path.home() / ".local" / "share" / "weft"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where the commands are pointed to in place of the local server; None: not said."""

    url: str | None
    token: str | None
    certificate: Path | None = None


def elsewhere(environ: Mapping[str, str] = os.environ) -> Elsewhere:
    """Return what `WEFT_URL`, `WEFT_TOKEN` and `WEFT_CA` say; an empty variable says nothing."""
    trusted = environ.get("WEFT_CA")
    return Elsewhere(
        url=environ.get("WEFT_URL") or None,
        token=environ.get("WEFT_TOKEN") or None,
        certificate=Path(trusted) if trusted else None,
    )


def storage_connection(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the Azure Storage connection string of the environment: no option, for it holds a key."""
    return environ.get("AZURE_STORAGE_CONNECTION_STRING") or None


def client_secret(environ: Mapping[str, str] = os.environ) -> str:
    """Return `WEFT_CLIENT_SECRET`, that of a workload's Entra app: no option, for it is one."""
    return environ.get("WEFT_CLIENT_SECRET", "")
