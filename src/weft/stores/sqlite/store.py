"""The store that the rest of weft sees: each verb goes to the writer or to a reader, and is awaited there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from weft.catalog.hosted_items import HostedItem, ItemKey, ItemState
from weft.catalog.model import EVERYWHERE, Folder, Item, Operation, Role, Within, Workspace
from weft.catalog.ports import Reached
from weft.catalog.principals import KnownPrincipal
from weft.catalog.roles import RoleAssignment
from weft.catalog.webhooks import News, Webhook
from weft.engine.errors import Overloaded
from weft.engine.jobs import Job, JobKey, LogLine, Move, Progress, Room
from weft.engine.lifecycle import State
from weft.engine.ports import Claim, Duplicate, Found, Search
from weft.engine.schedules import Occurrence, Schedule
from weft.stores.sqlite import (
    catalog,
    folders,
    hosted_items,
    jobs,
    operations,
    roles,
    schedules,
    searching,
    watching,
    webhooks,
)
from weft.stores.sqlite.database import Lock, is_synchronous_full, open_reader, open_writer, store_id
from weft.stores.sqlite.lately import Lately
from weft.stores.sqlite.reader import Reader
from weft.stores.sqlite.writer import Writer


class SqliteStore:
    """Jobs, schedules, catalog and hosted items in one file.

    Implements engine.ports.JobStore, engine.schedules.ScheduleStore, catalog.ports.CatalogStore,
    catalog.roles.RoleStore and catalog.hosted_items.HostedItemStore.
    """

    def __init__(self, path: Path, *, writes_waiting: int, vfs: str | None = None) -> None:
        with contextlib.ExitStack() as undo:
            self._lock = Lock(path)
            undo.callback(self._lock.release)
            db = open_writer(path, vfs)
            undo.callback(db.close)
            one, many, searches = (open_reader(path, vfs) for _ in range(3))
            self.store_id = store_id(db)
            self.synchronous_full = is_synchronous_full(db)
            undo.pop_all()
        self._writes_waiting = writes_waiting
        self._lately = Lately()
        self._writer = Writer(db, heard=self._lately)
        # A long list must not keep those waiting who ask for one thing.
        self._one = Reader(one, "store reader of one")
        self._many = Reader(many, "store reader of many")
        self._searches = Reader(searches, "store reader of searches")

    @classmethod
    def open(cls, path: Path, *, writes_waiting: int, vfs: str | None = None) -> SqliteStore:
        """Return the store in the file *path*, which is made or brought to this version. Blocks.

        Raises StoreLocked, StoreTooNew, StoreDamaged, StoreUnsafe, and StoreUnavailable where the disk fails.
        *vfs* names another file layer of SQLite.
        """
        return cls(path, writes_waiting=writes_waiting, vfs=vfs)

    async def close(self) -> None:
        """Write what waits, and let another server open the file."""
        # The writer last: whoever closes last brings the log into the database, and readers may not write.
        for thread in (self._one, self._many, self._searches, self._writer):
            thread.stop()
            await asyncio.to_thread(thread.join)
        self._lately.forget_all()
        self._lock.release()

    @property
    def commits(self) -> int:
        """How many commits there were since the store was opened."""
        return self._writer.commits

    # ---- jobs

    async def insert(
        self, job: Job, room: Room | None = None, duplicate: Duplicate | None = None
    ) -> Job | None:
        if self._writer.waiting >= self._writes_waiting:
            raise Overloaded
        return await self._writer.call(jobs.insert, job, room, duplicate)

    async def get(self, key: JobKey) -> Job | None:
        return self._lately.get(key) or await self._one.call(jobs.get, key)

    async def scopes(self, id: str) -> Sequence[str]:
        return await self._one.call(jobs.scopes, id)

    async def page(self, scope: str, *, before: int | None, limit: int) -> Sequence[Job]:
        return await self._many.call(jobs.page, scope, before, limit)

    async def oldest_first(self, scope: str, *, after: int, limit: int) -> Sequence[Job]:
        return await self._many.call(jobs.oldest_first, scope, after, limit)

    async def search(self, search: Search) -> Found:
        return await self._searches.call(searching.search, search)

    async def known(self, keys: Sequence[JobKey]) -> Mapping[JobKey, Job]:
        return await self._many.call(searching.known, keys)

    async def live(self, scope: str) -> Sequence[Job]:
        return await self._many.call(jobs.live, scope)

    async def claim(self, claim: Claim) -> Sequence[Job]:
        return await self._writer.call(jobs.claim, claim)

    async def adopt(self, claim: Claim) -> Sequence[Job]:
        return await self._writer.call(jobs.adopt, claim)

    async def move(self, move: Move) -> Job | None:
        return await self._writer.call(jobs.move, move)

    async def extend(
        self, worker: str, numbers: Sequence[int], until: datetime
    ) -> Sequence[tuple[JobKey, int]]:
        return await self._writer.call(jobs.extend, worker, numbers, until)

    async def cancel_requests(self, worker: str) -> Sequence[JobKey]:
        return await self._one.call(jobs.cancel_requests, worker)

    async def lost(self, now: datetime, limit: int) -> Sequence[Job]:
        return await self._many.call(jobs.lost, now, limit)

    async def expire_leases(self, now: datetime) -> int:
        return await self._writer.call(jobs.expire_leases, now)

    async def close_scope(self, scope: str) -> None:
        await self._writer.call(schedules.close_scope, scope)

    async def delete(self, key: JobKey) -> bool:
        return await self._writer.call(jobs.delete, key)

    async def prune(self, ended_before: datetime, limit: int) -> int:
        return await self._writer.call(jobs.prune, ended_before, limit)

    async def prune_beyond(
        self, queue: str, keep: int, limit: int, *, spared_since: datetime | None = None
    ) -> int:
        return await self._writer.call(jobs.prune_beyond, queue, keep, limit, spared_since)

    async def note_progress(self, key: JobKey, epoch: int, progress: Progress) -> None:
        await self._writer.call(jobs.note_progress, key, epoch, progress)

    async def add_lines(self, key: JobKey, epoch: int, lines: Sequence[LogLine]) -> None:
        await self._writer.call(jobs.add_lines, key, epoch, lines)

    async def lines(self, key: JobKey, *, after: int, limit: int) -> Sequence[LogLine]:
        return await self._many.call(jobs.lines, key, after, limit)

    async def count(self, queue: str) -> dict[State, int]:
        return await self._many.call(jobs.count, queue)

    # ---- schedules

    async def add_schedule(self, schedule: Schedule, *, most: int) -> Schedule:
        return await self._writer.call(schedules.add_schedule, schedule, most)

    async def schedule(self, scope: str, id: str) -> Schedule | None:
        return await self._one.call(schedules.schedule, scope, id)

    async def schedules(self, scope: str, kind: str | None, *, after: int, limit: int) -> Sequence[Schedule]:
        return await self._many.call(schedules.schedules, scope, kind, after, limit)

    async def change_schedule(self, schedule: Schedule) -> Schedule | None:
        return await self._writer.call(schedules.change_schedule, schedule)

    async def delete_schedule(self, scope: str, id: str) -> bool:
        return await self._writer.call(schedules.delete_schedule, scope, id)

    async def due_schedules(self, until: datetime, limit: int) -> Sequence[Schedule]:
        return await self._many.call(schedules.due_schedules, until, limit)

    async def next_due(self) -> datetime | None:
        return await self._one.call(schedules.next_due)

    async def fire(
        self,
        schedule: Schedule,
        occurrences: Sequence[Occurrence],
        next_due: datetime | None,
        job: Job | None = None,
        duplicate: Duplicate | None = None,
    ) -> Job | None:
        return await self._writer.call(schedules.fire, schedule, occurrences, next_due, job, duplicate)

    async def occurrences(
        self, scope: str, id: str, *, before: datetime | None, limit: int
    ) -> Sequence[Occurrence]:
        return await self._many.call(schedules.occurrences, scope, id, before, limit)

    async def prune_occurrences(self, due_before: datetime, limit: int) -> int:
        return await self._writer.call(schedules.prune_occurrences, due_before, limit)

    # ---- catalog

    async def add_workspace(self, workspace: Workspace, admin: KnownPrincipal) -> bool:
        return await self._writer.call(catalog.add_workspace, workspace, admin)

    async def workspace(self, id: str) -> Workspace | None:
        return await self._one.call(catalog.workspace, id)

    async def workspaces(
        self,
        tenant: str,
        principal: str,
        *,
        roles: Collection[Role] | None = None,
        after: int,
        limit: int,
    ) -> Sequence[Workspace]:
        return await self._many.call(catalog.workspaces, tenant, principal, roles, after, limit)

    async def update_workspace(
        self, id: str, *, display_name: str | None = None, description: str | None = None
    ) -> Workspace | None:
        return await self._writer.call(catalog.update_workspace, id, display_name, description)

    async def assign_capacity(self, id: str, capacity: str | None) -> bool:
        return await self._writer.call(catalog.assign_capacity, id, capacity)

    async def delete_workspace(self, id: str) -> Sequence[Item] | None:
        return await self._writer.call(catalog.delete_workspace, id)

    async def add_item(self, item: Item, *, definition: bytes = b"", is_visible: bool = True) -> bool:
        return await self._writer.call(catalog.add_item, item, definition, is_visible)

    async def show_item(self, id: str) -> bool:
        return await self._writer.call(catalog.show_item, id)

    async def free_name(self, id: str) -> None:
        await self._writer.call(catalog.free_name, id)

    async def drop_hidden_item(self, id: str) -> bool:
        return await self._writer.call(catalog.drop_hidden_item, id)

    async def hidden_items(self, before: datetime, *, limit: int) -> Sequence[Item]:
        return await self._many.call(catalog.hidden_items, before, limit)

    async def item(self, workspace: str, id: str) -> Item | None:
        return await self._one.call(catalog.item, workspace, id)

    async def reach_item(self, workspace: str, id: str, principal: str) -> Reached | None:
        return await self._one.call(catalog.reach_item, workspace, id, principal)

    async def items(
        self, workspace: str, *, type: str | None, within: Within = EVERYWHERE, after: int, limit: int
    ) -> Sequence[Item]:
        return await self._many.call(catalog.items, workspace, type, within, after, limit)

    async def items_of(self, ids: Collection[str]) -> Sequence[Item]:
        return await self._many.call(catalog.items_of, ids)

    async def item_named(self, workspace: str, type: str, display_name: str) -> str | None:
        return await self._one.call(catalog.item_named, workspace, type, display_name)

    async def definition(self, workspace: str, id: str) -> bytes:
        return await self._one.call(catalog.definition, workspace, id)

    async def update_item(self, item: Item, *, definition: bytes = b"") -> bool:
        return await self._writer.call(catalog.update_item, item, definition)

    async def definition_bytes(self, workspace: str, ids: Collection[str] | None) -> int:
        return await self._many.call(catalog.definition_bytes, workspace, ids)

    async def move_item(self, workspace: str, id: str, folder: str | None) -> Item | None:
        return await self._writer.call(catalog.move_item, workspace, id, folder)

    async def delete_item(self, workspace: str, id: str) -> bool:
        return await self._writer.call(catalog.delete_item, workspace, id)

    # ---- folders

    async def add_folder(self, folder: Folder, *, deepest: int) -> None:
        await self._writer.call(folders.add_folder, folder, deepest)

    async def folder(self, workspace: str, id: str) -> Folder | None:
        return await self._one.call(folders.known_folder, workspace, id)

    async def folders(self, workspace: str, within: Within, *, after: int, limit: int) -> Sequence[Folder]:
        return await self._many.call(folders.folders, workspace, within, after, limit)

    async def folder_path(self, workspace: str, id: str) -> Sequence[tuple[str, str]]:
        return await self._one.call(folders.path, workspace, id)

    async def rename_folder(self, workspace: str, id: str, display_name: str) -> Folder:
        return await self._writer.call(folders.rename_folder, workspace, id, display_name)

    async def move_folder(self, workspace: str, id: str, parent: str | None, *, deepest: int) -> Folder:
        return await self._writer.call(folders.move_folder, workspace, id, parent, deepest)

    async def delete_folder(self, workspace: str, id: str) -> None:
        await self._writer.call(folders.delete_folder, workspace, id)

    # ---- long-running operations

    async def add_operation(self, operation: Operation) -> None:
        await self._writer.call(operations.add_operation, operation)

    async def operation(self, id: str, *, tenant: str, principal: str) -> Operation | None:
        return await self._one.call(operations.operation, id, tenant, principal)

    async def forget_operations(self, before: datetime, limit: int) -> int:
        return await self._writer.call(operations.forget_operations, before, limit)

    # ---- roles

    async def role(self, workspace: str, principal: str) -> Role | None:
        return await self._one.call(roles.role, workspace, principal)

    async def assignment(self, workspace: str, principal: str) -> RoleAssignment | None:
        return await self._one.call(roles.assignment, workspace, principal)

    async def assignments(self, workspace: str, *, after: int, limit: int) -> Sequence[RoleAssignment]:
        return await self._many.call(roles.assignments, workspace, after, limit)

    async def give_role(self, workspace: str, to: KnownPrincipal, role: Role) -> bool:
        return await self._writer.call(roles.give_role, workspace, to, role)

    async def change_role(self, workspace: str, principal: str, role: Role) -> RoleAssignment | None:
        return await self._writer.call(roles.change_role, workspace, principal, role)

    async def take_role(self, workspace: str, principal: str) -> bool:
        return await self._writer.call(roles.take_role, workspace, principal)

    # ---- following jobs

    async def last_number(self) -> int:
        return await self._one.call(watching.last_number)

    async def live_numbers(self, families: Collection[str], *, limit: int) -> Sequence[int]:
        return await self._many.call(watching.live_numbers, families, limit)

    async def jobs_after(self, families: Collection[str], *, after: int, limit: int) -> Sequence[Job]:
        return await self._many.call(watching.jobs_after, families, after, limit)

    async def jobs_among(self, families: Collection[str], numbers: Collection[int]) -> Sequence[Job]:
        return await self._many.call(watching.jobs_among, families, numbers)

    # ---- webhooks

    async def add_webhook(self, webhook: Webhook, *, most: int) -> bool:
        return await self._writer.call(webhooks.add_webhook, webhook, most)

    async def webhook(self, id: str) -> Webhook | None:
        return await self._one.call(webhooks.webhook, id)

    async def webhooks(self, workspace: str, *, after: int, limit: int) -> Sequence[Webhook]:
        return await self._many.call(webhooks.webhooks, workspace, after, limit)

    async def any_webhook(self) -> bool:
        return await self._one.call(webhooks.any_webhook)

    async def change_webhook(self, webhook: Webhook) -> bool:
        return await self._writer.call(webhooks.change_webhook, webhook)

    async def disable_webhook(self, webhook: Webhook, because: str) -> bool:
        return await self._writer.call(webhooks.disable_webhook, webhook, because)

    async def delete_webhook(self, id: str) -> bool:
        return await self._writer.call(webhooks.delete_webhook, id)

    async def news(self, limit: int) -> Sequence[News]:
        return await self._many.call(webhooks.news, limit)

    async def forget_news(self, through: int) -> None:
        await self._writer.call(webhooks.forget_news, through)

    # ---- items of hosted workloads

    async def hosted_item(self, key: ItemKey) -> HostedItem | None:
        return await self._one.call(hosted_items.hosted_item, key)

    async def add_hosted_item(self, item: HostedItem, at: datetime) -> HostedItem | None:
        return await self._writer.call(hosted_items.add_hosted_item, item, at)

    async def change_hosted_item(self, item: HostedItem, at: datetime) -> bool:
        return await self._writer.call(hosted_items.change_hosted_item, item, at)

    async def fence_hosted_item(self, key: ItemKey, state: ItemState, at: datetime) -> HostedItem:
        return await self._writer.call(hosted_items.fence_hosted_item, key, state, at)

    async def restore_hosted_item(self, item: HostedItem, at: datetime) -> bool:
        return await self._writer.call(hosted_items.restore_hosted_item, item, at)

    async def forget_hosted_item(self, key: ItemKey, at: datetime) -> None:
        await self._writer.call(hosted_items.forget_hosted_item, key, at)
