"""A workload whose jobs ask for tokens, in all the ways that a job can."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
import time
from pathlib import Path
from typing import Any

from tests.runners.jobs import TYPE, here, sleep_on
from weft import JobCancelled, JobContext, JobFailed, Workload
from weft.kit.errors import AuthUIRequired

workload = Workload("Tests.Asking")
Payload = dict[str, Any]


@workload.job(TYPE, "waits")
async def waits(ctx: JobContext, payload: Payload) -> str:
    return await ctx.token(payload["scope"], as_app=payload.get("as_app", False))


@workload.job(TYPE, "plain")
def plain(ctx: JobContext, payload: Payload) -> str:
    return ctx.get_token(payload["scope"], as_app=payload.get("as_app", False))


@workload.job(TYPE, "again")
def again(ctx: JobContext, payload: Payload) -> list[str]:
    return [ctx.get_token(payload["scope"]) for _ in range(payload["times"])]


@workload.job(TYPE, "parallel")
async def parallel(ctx: JobContext, payload: Payload) -> list[str]:
    return await asyncio.gather(*(ctx.token(scope) for scope in payload["scopes"]))


@workload.job(TYPE, "threads")
def threads(ctx: JobContext, payload: Payload) -> list[str]:
    found: dict[str, str] = {}

    def ask(scope: str) -> None:
        found[scope] = ctx.get_token(scope)

    asking = [threading.Thread(target=ask, args=(scope,)) for scope in payload["scopes"]]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    return [found[scope] for scope in payload["scopes"]]


@workload.job(TYPE, "permissions")
async def permissions(ctx: JobContext, payload: Payload) -> list[str]:
    return [*await ctx.permissions(), *await asyncio.to_thread(ctx.get_permissions)]


@workload.job(TYPE, "definition")
async def definition(ctx: JobContext, payload: Payload) -> list[dict[str, str]]:
    both = [await ctx.definition(), await asyncio.to_thread(ctx.get_definition)]
    return [{path: content.hex() for path, content in parts.items()} for parts in both]


@workload.job(TYPE, "catches")
def catches(ctx: JobContext, payload: Payload) -> Any:
    try:
        return ctx.get_token(payload["scope"])
    except AuthUIRequired as needed:
        return [needed.code, needed.error, list(needed.scopes), needed.claims]
    except JobFailed as failed:
        return [failed.code, failed.message, failed.is_permanent]


@workload.job(TYPE, "blocksItsLoop")
async def blocks_its_loop(ctx: JobContext, payload: Payload) -> None:
    ctx.get_token("https://a.example/.default")


@workload.job(TYPE, "badScope")
async def bad_scope(ctx: JobContext, payload: Payload) -> None:
    await ctx.token(payload["scope"])


@workload.job(TYPE, "givesUp")
async def gives_up(ctx: JobContext, payload: Payload) -> str:
    """Ask for what is never answered, and then for something else."""
    try:
        async with asyncio.timeout(0.05):
            await ctx.token("https://never.example/.default")
    except TimeoutError:
        return await ctx.token(payload["scope"])
    return "it was answered"


@workload.job(TYPE, "asksAndLeaves")
async def asks_and_leaves(ctx: JobContext, payload: Payload) -> int:
    """End without waiting for the answer."""
    waiting = asyncio.ensure_future(ctx.token(payload["scope"]))
    await asyncio.sleep(0)
    while not Path(payload["asked"]).exists():
        await asyncio.sleep(0.005)
    waiting.cancel()
    return os.getpid()


@workload.job(TYPE, "cleansUp")
def cleans_up(ctx: JobContext, payload: Payload) -> None:
    try:
        ctx.get_token("https://never.example/.default")
    except JobCancelled:
        Path(payload["cleaned"]).write_text(ctx.get_token("https://a.example/.default"))
        raise


@workload.job(TYPE, "dies")
def dies(ctx: JobContext, payload: Payload) -> None:
    def die() -> None:
        while not Path(payload["asked"]).exists():
            time.sleep(0.005)
        os._exit(9)

    threading.Thread(target=die).start()
    ctx.get_token("https://never.example/.default")


@workload.job(TYPE, "forks")
def forks(ctx: JobContext, payload: Payload) -> str:
    def ask(out: Any) -> None:
        try:
            out.send(ctx.get_token(payload["scope"]))
        except RuntimeError as error:
            out.send(str(error))

    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=ask, args=(theirs,))
    child.start()
    said = str(ours.recv())
    child.join()
    return said


@workload.job(TYPE, "labels")
def labels(ctx: JobContext, payload: Payload) -> dict[str, str]:
    return {name: str(value) for name, value in vars(ctx).items()}


@workload.job(TYPE, "idles")
def idles(ctx: JobContext, payload: Payload) -> None:
    ctx.get_token(payload["scope"])
    here(payload)
    sleep_on()
