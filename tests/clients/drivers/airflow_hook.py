"""Drives Airflow's Fabric hook and operator: reads on stdin what to run, and writes what they returned.

It runs in the environment of Airflow, where nothing of weft is.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

# In an environment of its own: none of these is where the tests are checked.
from airflow.exceptions import TaskDeferred  # type: ignore[import-not-found]
from airflow.providers.microsoft.fabric.hooks.run_item.job import (  # type: ignore[import-not-found]
    JobSchedulerConfig,
    MSFabricRunJobHook,
)
from airflow.providers.microsoft.fabric.hooks.run_item.model import (  # type: ignore[import-not-found]
    ItemDefinition,
)
from airflow.providers.microsoft.fabric.operators.run_item import (  # type: ignore[import-not-found]
    MSFabricRunJobOperator,
)
from airflow.utils.module_loading import import_string  # type: ignore[import-not-found]

LOOPBACK = ("127.0.0.1", "localhost")
REFUSED: list[str] = []


class Outgoing(Exception):
    """No OSError: the hook would try again, and wait longer each time."""


def only_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse to look up any other host: the hook takes no notice of a proxy."""
    if event == "socket.getaddrinfo" and arguments[0] not in LOOPBACK:
        REFUSED.append(arguments[0])
        raise Outgoing(f"a call to {arguments[0]}")


async def run(told: dict[str, Any]) -> dict[str, Any]:
    """Run an item as an operator that does not defer; with `cancel`, cancel it as soon as it runs."""
    hook = MSFabricRunJobHook(
        JobSchedulerConfig(
            fabric_conn_id="fabric",
            timeout_seconds=told["seconds"],
            poll_interval_seconds=1,
            api_host=told["api_host"],
            job_params=told["job_params"],
        )
    )
    try:
        tracker = await hook.initialize_run(
            ItemDefinition(workspace_id=told["workspace"], item_id=told["item"], item_type=told["job_type"])
        )
        cancelled = await hook.cancel_run(hook.conn, tracker) if told["cancel"] else None
        output = await hook.wait_for_completion(tracker)
        return {
            "cancelled": cancelled,
            "again": await hook.cancel_run(hook.conn, tracker),
            **output.to_dict(),
        }
    finally:
        await hook.close()


def defer(told: dict[str, Any]) -> dict[str, Any]:
    """Run an item with the operator, whose wait another process would take over."""
    operator = MSFabricRunJobOperator(
        task_id="run",
        fabric_conn_id="fabric",
        workspace_id=told["workspace"],
        item_id=told["item"],
        job_type=told["job_type"],
        job_params=told["job_params"],
        api_host=told["api_host"],
        timeout=told["seconds"],
        check_interval=1,
    )
    try:
        operator.execute({})
    except TaskDeferred as deferred:
        path, arguments = deferred.trigger.serialize()
        event = asyncio.run(_first(import_string(path)(**json.loads(json.dumps(arguments)))))
        operator.execute_complete({}, event)
        return {"trigger": path, **event}
    raise AssertionError("the operator did not defer")


async def _first(trigger: Any) -> dict[str, Any]:
    async for event in trigger.run():
        payload: dict[str, Any] = event.payload
        return payload
    raise AssertionError("the trigger told nothing")


if __name__ == "__main__":
    sys.addaudithook(only_loopback)
    asked = json.load(sys.stdin)
    returned = defer(asked) if asked["defer"] else asyncio.run(run(asked))
    # Not on stdout, where Airflow logs.
    Path(asked["returned"]).write_text(json.dumps({**returned, "refused": REFUSED}))
