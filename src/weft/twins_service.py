"""All that makes the Twins of one server: graph, bulk jobs, their worker and the face, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from weft.auth.bearer import BearerVerifier
from weft.auth.issuer import TWINS_AUDIENCES
from weft.auth.keys import Keys
from weft.blobs.policy import Policy
from weft.blobs.secrets import key_from
from weft.engine.engine import Engine
from weft.engine.lifecycle import Event
from weft.engine.worker import Habits, Worker
from weft.faces.twins.blobs import Blobs
from weft.faces.twins.face import TwinsFace
from weft.faces.twins.rate import OneRequestAtATime, Unlimited
from weft.runners.processes import ProcessRunner
from weft.runners.reader_process import ReaderProcess
from weft.runners.twins_blobs import ImportBlobs
from weft.runners.twins_bulk import BulkRunner
from weft.runners.twins_deletion import DeletionRunner
from weft.runners.twins_import import ImportRunner
from weft.settings import Profile, Settings
from weft.stores.sqlite.graph.store import SqliteGraph
from weft.twins.bulk_jobs import DELETION, IMPORT, PUBLISHED_LIMITS, QUEUE, BulkJobs
from weft.twins.feed import Order
from weft.twins.query.limits import LOCAL, SERVICE


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinsService:
    """*worker* does the bulk jobs, *face* answers for them; `close` when both have stopped."""

    graph: SqliteGraph
    bulk: BulkJobs
    worker: Worker
    face: TwinsFace

    @classmethod
    def open(
        cls,
        settings: Settings,
        *,
        engine: Engine,
        store_id: str,
        keys: Keys,
        tenant: str,
        processes: ProcessRunner,
        environment: Mapping[str, str],
    ) -> Self:
        """*store_id* names the store of *engine*. Raises stores.errors.StoreError, StoreUnavailable."""
        path = settings.data / "graph.db"
        graph = SqliteGraph.open(path)
        bulk = BulkJobs(engine, graph, store_id=store_id, most=settings.twins.bulk_jobs)
        blobs = replace(settings.twins.blobs, private=(settings.data,))
        key = key_from(keys.secret)

        def open_feed(order: Order) -> ReaderProcess:
            return ReaderProcess(order, mark=processes.new_mark(), environment=environment)

        imports = ImportRunner(
            graph=graph,
            blobs=ImportBlobs(blobs, key),
            open_feed=open_feed,
            clock=engine.clock,
            store_id=store_id,
            graph_path=str(path),
            strict=settings.twins.strict,
            most=PUBLISHED_LIMITS if settings.profile is Profile.SERVICE else {},
        )
        deletions = DeletionRunner(graph=graph, clock=engine.clock, store_id=store_id)
        runner = BulkRunner({IMPORT: imports, DELETION: deletions})
        return cls(
            graph=graph,
            bulk=bulk,
            worker=Worker(engine, runner, _habits(settings)),
            face=_face(settings, engine, graph, bulk, keys, tenant, Blobs(Policy(blobs), key)),
        )

    async def purge(self) -> None:
        """Delete the jobs whose published purge date has come."""
        engine, settings = self.face.engine, self.face.settings
        await self.bulk.purge(engine.clock.now() - settings.keeps_jobs)


def _habits(settings: Settings) -> Habits:
    # An end that came before a cancel stands; a job whose server is gone is taken up where it stands.
    return Habits(
        queue=QUEUE,
        slots=settings.twins.bulk_jobs,
        begins=Event.START,
        cancel_wins=False,
        adopts=True,
    )


def _face(
    settings: Settings,
    engine: Engine,
    graph: SqliteGraph,
    bulk: BulkJobs,
    keys: Keys,
    tenant: str,
    blobs: Blobs,
) -> TwinsFace:
    is_service = settings.profile is Profile.SERVICE
    return TwinsFace(
        engine=engine,
        bulk=bulk,
        graph=graph,
        blobs=blobs,
        verifier=BearerVerifier(keys, TWINS_AUDIENCES, engine.steady),
        tenant=tenant,
        pace=settings.pace,
        limits=settings.limits,
        settings=settings.twins,
        secret=keys.secret,
        rate=OneRequestAtATime(engine.clock) if is_service else Unlimited(),
        query_limits=SERVICE if is_service else LOCAL,
    )
