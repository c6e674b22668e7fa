"""The composition root: settings become the parts of one server, and its faces one application."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

from starlette.types import ASGIApp

from weft.auth.bearer import BearerVerifier
from weft.auth.certificate import Certificate
from weft.auth.errors import DataRefused
from weft.auth.home import Home
from weft.auth.issuer import CORE_AUDIENCES, Issuer
from weft.auth.keys import Keys
from weft.auth.on_behalf import LocalTokens
from weft.auth.principals import RegisteredPrincipals
from weft.auth.sealed import WebhookSeal
from weft.auth.users import Users
from weft.auth.workload_control import WorkloadControlVerifier
from weft.catalog import scopes, webhooks
from weft.catalog.announcing import Announcer
from weft.catalog.catalog import Catalog
from weft.catalog.roles import Roles
from weft.catalog.webhook_addresses import UrlPolicy
from weft.catalog.webhooks import Webhooks
from weft.engine.advancing import Advancing
from weft.engine.clock import AdjustableClock, ClockUnreadable, SystemClock
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.lifecycle import Event
from weft.engine.maintenance import Maintenance, Retention
from weft.engine.ports import Clock
from weft.engine.scheduler import Scheduler
from weft.engine.schedules import JobMaker, Schedules
from weft.engine.worker import Habits, Worker
from weft.faces import public
from weft.faces.core import doors as core_doors
from weft.faces.core import extra
from weft.faces.core import routes as core_routes
from weft.faces.core.face import CoreFace
from weft.faces.core.rates import meter_of
from weft.faces.core.scheduled import ScheduledRuns
from weft.faces.core.timetables import timetable_of
from weft.faces.core.waits import Waits
from weft.faces.core.webhooks import event_of
from weft.faces.doors import Doors
from weft.faces.login import doors as login_doors
from weft.faces.login import routes as login_routes
from weft.faces.routing import FaceMount, application
from weft.faces.twins import doors as twins_doors
from weft.faces.twins import extra as twins_extra
from weft.faces.twins import routes as twins_routes
from weft.faces.workload import doors as workload_doors
from weft.faces.workload import routes as workload_routes
from weft.host_parts import HostParts, Trusted, stop_seconds
from weft.hosted import (
    HostedHints,
    HostedLeftovers,
    OwnDefinitions,
    OwnPermissions,
    hosted_item_types,
    hosted_key,
    with_builtin,
)
from weft.kit.workload import Workload, load_workload
from weft.local_fabric import FilesGoToo, LocalFabric
from weft.onelake.files import Files
from weft.runners.granting import Sources
from weft.runners.remote_workload import RemoteWorkloadRunner
from weft.runners.webhooks import WebhookRunner
from weft.runners.workload_lifecycle import WorkloadLifecycle
from weft.serving import in_url
from weft.settings import Profile, ScheduleSettings, Settings
from weft.stores.sqlite.store import SqliteStore
from weft.twins_service import TwinsService
from weft.workloads import (
    LocalCredentials,
    Registry,
    declared_item_types,
    hosted_as_declared,
)

KEEPS_DELIVERIES: Final = 100
DELIVERIES_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class Ground:
    """What the other parts stand on: whose tokens are trusted, which workloads, and the engine.

    *clock* is that of jobs and schedules, *steady* the machine's: that of leases, tokens and calls.
    """

    settings: Settings
    clock: Clock
    steady: Clock
    keys: Keys
    home: Home
    issuer: Issuer
    workloads: Sequence[Workload]
    registry: Registry
    store: SqliteStore
    engine: Engine
    schedules: Schedules
    scheduler: Scheduler

    @classmethod
    def open(cls, settings: Settings) -> Self:
        steady = SystemClock()
        keys = Keys.open(settings.data)
        clock = _clock(settings, steady)
        home = Home.open(settings.data)
        declared = declared_item_types(settings, home.tenant)
        settings = with_builtin(settings, declared)
        workloads = [load_workload(name) for name in settings.workloads]
        hosted = hosted_item_types(workloads, home.tenant)
        registry = Registry(hosted_as_declared(hosted, declared), mapped=settings.mapped)
        store = SqliteStore.open(settings.data / "weft.db", writes_waiting=settings.limits.writes_waiting)
        engine = Engine(store, clock, Events(), steady=steady)
        schedules = _schedules(store, clock, settings.schedules)
        return cls(
            settings=settings,
            clock=clock,
            steady=steady,
            keys=keys,
            home=home,
            issuer=Issuer(keys, steady, home),
            workloads=workloads,
            registry=registry,
            store=store,
            engine=engine,
            schedules=schedules,
            scheduler=_scheduler(schedules, engine, ScheduledRuns(store, registry), settings.schedules),
        )


@dataclass(frozen=True, slots=True)
class WebhookParts:
    """*announcer* makes deliveries of what happens, *worker* lets *runner* send them."""

    service: Webhooks
    announcer: Announcer
    runner: WebhookRunner
    worker: Worker


@dataclass(frozen=True, slots=True)
class Parts:
    """*certificate*: with which the server serves https. *caller* and *core_worker* do the jobs of Core."""

    ground: Ground
    certificate: Certificate | None
    caller: RemoteWorkloadRunner
    core_worker: Worker
    catalog: Catalog
    fabric: LocalFabric
    host: HostParts
    twins: TwinsService
    webhooks: WebhookParts
    core: CoreFace

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Blocks. Raises what refuses a start, see `app.run`."""
        ground = Ground.open(settings)
        caller = _caller(ground)
        files = Files.open(settings.data)
        catalog = _catalog(ground, caller, files)
        fabric = _fabric(ground, catalog, files)
        host = _host(ground, catalog, fabric)
        hooks = _webhooks(ground, catalog)
        return cls(
            ground=ground,
            certificate=_certificate(ground),
            caller=caller,
            core_worker=_core_worker(ground, caller),
            catalog=catalog,
            fabric=fabric,
            host=host,
            twins=_twins(ground, host),
            webhooks=hooks,
            core=_core(ground, catalog, fabric, hooks.service),
        )

    def maintenance(self) -> Maintenance:
        settings = self.ground.settings
        keep = settings.pace.keeps_finished_per_item
        keeps = () if keep is None else ((scopes.CORE, keep),)
        keeps = (*keeps, (webhooks.QUEUE, KEEPS_DELIVERIES))
        return Maintenance(
            self.ground.engine,
            (*self.host.workers.all, self.core_worker, self.twins.worker, self.webhooks.worker),
            Retention(length=settings.retention, keep=keeps),
            every=settings.maintenance_every,
            duties=(
                self.catalog.sweep,
                self.twins.purge,
                partial(self.ground.schedules.prune, older_than=settings.retention),
            ),
        )

    def asgi(self, readiness: Callable[[], Awaitable[Mapping[str, bool]]]) -> ASGIApp:
        """Return all faces behind their doors."""
        settings, issuer = self.ground.settings, self.ground.issuer
        faces = application(
            [
                FaceMount("/workload", workload_routes.routes(self.host.face)),
                FaceMount("/v1", core_routes.routes(self.core)),
                FaceMount("/weft/v1/twins", twins_extra.routes(self.twins.face)),
                FaceMount("/weft/v1", extra.routes(self.core)),
                *public.routes(readiness, issuer.discovery, issuer.jwks),
                *login_routes.token_routes(self.fabric.login, "/issuer"),
                *twins_routes.routes(self.twins.face),
                core_routes.no_route(self.core),
            ]
        )
        return Doors(
            faces,
            default=core_doors.envelope,
            envelopes={
                "/workload": workload_doors.envelope,
                "/issuer": login_doors.envelope,
                **dict.fromkeys(("/weft/v1/twins", *twins_routes.PREFIXES), twins_doors.envelope),
            },
            hosts=(in_url(settings.host),),
            requests_at_once=settings.limits.requests_at_once,
        )


# ---- one part each


def _clock(settings: Settings, steady: Clock) -> Clock:
    """Return a clock that can be moved on where tests are welcome. Raises DataRefused."""
    try:
        clock = AdjustableClock.open(settings.data / "clock", steady)
    except ClockUnreadable as unreadable:
        raise DataRefused(str(unreadable)) from None
    if settings.profile is Profile.LOCAL:
        return clock
    if clock.offset:
        raise DataRefused(
            f"the clock of {settings.data} was moved on by {clock.offset}: only --profile local serves it"
        )
    return steady


def _schedules(store: SqliteStore, clock: Clock, settings: ScheduleSettings) -> Schedules:
    return Schedules(
        store,
        clock,
        read=timetable_of,
        most=settings.most_per_item,
        misfire_grace=settings.misfire_grace,
    )


def _scheduler(
    schedules: Schedules, engine: Engine, maker: JobMaker, settings: ScheduleSettings
) -> Scheduler:
    return Scheduler(
        schedules, engine, maker, misfire_grace=settings.misfire_grace, catch_up=settings.catch_up
    )


def _advancing(ground: Ground) -> Advancing | None:
    if isinstance(ground.clock, AdjustableClock):
        return Advancing(ground.clock, ground.scheduler, ground.engine.events)
    return None


def _certificate(ground: Ground) -> Certificate | None:
    settings = ground.settings
    if not settings.tls:
        return None
    return Certificate.open(settings.data, host=settings.host, now=ground.steady.now())


def _caller(ground: Ground) -> RemoteWorkloadRunner:
    return RemoteWorkloadRunner(
        ground.settings.caller,
        poll=ground.settings.pace.poll,
        directory=ground.registry,
        credentials=LocalCredentials(ground.issuer),
        clock=ground.clock,
        steady=ground.steady,
        hints=HostedHints(ground.engine, ground.registry.is_hosted),
        leftovers=HostedLeftovers(ground.engine),
    )


def _core_worker(ground: Ground, caller: RemoteWorkloadRunner) -> Worker:
    habits = Habits(
        queue=scopes.CORE,
        slots=ground.settings.caller.slots,
        begins=Event.DISPATCH,
        cancel_wins=False,
        adopts=True,
    )
    return Worker(ground.engine, caller, habits)


def _catalog(ground: Ground, caller: RemoteWorkloadRunner, files: Files) -> Catalog:
    settings = ground.settings
    lifecycle = WorkloadLifecycle(settings.caller, directory=ground.registry, line=caller.line)
    return Catalog(
        ground.store,
        ground.engine,
        ground.clock,
        stop_seconds=stop_seconds(settings),
        lifecycle=FilesGoToo(lifecycle, files),
    )


def _fabric(ground: Ground, catalog: Catalog, files: Files) -> LocalFabric:
    return LocalFabric.open(
        ground.settings,
        keys=ground.keys,
        issuer=ground.issuer,
        home=ground.home,
        clock=ground.steady,
        audiences=ground.registry.audiences,
        catalog=catalog,
        files=files,
    )


def _host(ground: Ground, catalog: Catalog, fabric: LocalFabric) -> HostParts:
    return HostParts(
        ground.settings,
        Trusted(publisher_tenant=ground.home.tenant),
        engine=ground.engine,
        store=ground.store,
        workloads=ground.workloads,
        keys=ground.keys,
        owns_all_children=True,
        sources=Sources(
            tokens=LocalTokens(ground.issuer, fabric.resources, ground.registry.find, ground.steady),
            permissions=OwnPermissions(catalog),
            definitions=OwnDefinitions(catalog),
            clock=ground.steady,
        ),
    )


def _twins(ground: Ground, host: HostParts) -> TwinsService:
    return TwinsService.open(
        ground.settings,
        engine=ground.engine,
        store_id=ground.store.store_id,
        keys=ground.keys,
        tenant=ground.home.tenant,
        processes=host.processes,
        environment=os.environ,
    )


def _roles(ground: Ground, catalog: Catalog, fabric: LocalFabric) -> Roles:
    tenant = ground.home.tenant
    people = RegisteredPrincipals(Users(ground.settings.data, tenant), fabric.apps, tenant)
    return Roles(catalog, ground.store, people)


def _webhooks(ground: Ground, catalog: Catalog) -> WebhookParts:
    settings, store, engine, clock = ground.settings.webhooks, ground.store, ground.engine, ground.clock
    seal, policy = WebhookSeal(ground.keys.secret), UrlPolicy(settings.hosts)
    announcer = Announcer(engine, store, event_of)
    runner = WebhookRunner(settings, store=store, seal=seal, policy=policy, clock=ground.steady)
    habits = Habits(
        queue=webhooks.QUEUE, slots=DELIVERIES_AT_ONCE, begins=Event.START, cancel_wins=True, adopts=False
    )
    return WebhookParts(
        service=Webhooks(catalog, store, engine, clock, seal=seal, policy=policy, changed=announcer.look),
        announcer=announcer,
        runner=runner,
        worker=Worker(engine, runner, habits),
    )


def _core(ground: Ground, catalog: Catalog, fabric: LocalFabric, hooks: Webhooks) -> CoreFace:
    settings, keys, clock = ground.settings, ground.keys, ground.steady
    return CoreFace(
        engine=ground.engine,
        schedules=ground.schedules,
        catalog=catalog,
        roles=_roles(ground, catalog, fabric),
        webhooks=hooks,
        verifier=BearerVerifier(keys, CORE_AUDIENCES, clock),
        directory=ground.registry,
        pace=settings.pace,
        limits=settings.limits,
        secret=keys.secret,
        hosted_key=hosted_key,
        control=WorkloadControlVerifier(keys, CORE_AUDIENCES, clock),
        advancing=_advancing(ground),
        workload_of_app=fabric.workload_of_app,
        meter=meter_of(settings.rates, clock),
        waits=Waits(settings.rates.waits),
        changes=ground.store,
    )
