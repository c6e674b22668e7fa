"""A process that runs a small import into a graph, and goes on where an earlier one was killed.

Run with the graph's path and an epoch. The checkpoint is how many batches are done. Each line on standard
output is `begun` and the batches done so far, `done` and a batch that was acknowledged, or `over`.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path
from uuid import UUID

from tests.stores.graph_builders import ROOM, a_batch, a_body
from weft.stores.sqlite.graph import SqliteGraph
from weft.stores.sqlite.graph.store import Limits
from weft.twins.graph import Batch, Fence, Graph, Section

JOB = "imports/crash"
TWIN_BATCHES = 6
BATCHES = 12
ROWS = 40


def say(*words: object) -> None:
    """Write one line whole: a line that is out was acknowledged before."""
    os.write(sys.stdout.fileno(), (" ".join(map(str, words)) + "\n").encode())


def ids() -> list[str]:
    chance = random.Random(11)
    return [str(UUID(int=chance.getrandbits(128))) if n % 2 else f"t{n}" for n in range(TWIN_BATCHES * ROWS)]


def ends_of(batch: int) -> list[tuple[str, str, str]]:
    """Return source, id and target of the relationships of a batch."""
    chance, twins = random.Random(batch), ids()
    return [(chance.choice(twins), f"r{batch}-{n}", chance.choice(twins)) for n in range(ROWS)]


def report_of(batch: int) -> list[bytes]:
    return [b"batch %d line %d\n" % (batch, n) for n in range(batch % 4)]


async def the_batch(graph: Graph, batch: int) -> Batch:
    kept = {"checkpoint": b"%d" % (batch + 1), "report": report_of(batch)}
    if batch < TWIN_BATCHES:
        some = ids()[batch * ROWS : (batch + 1) * ROWS]
        return a_batch(Section.TWINS, [(id, 1, a_body(id)) for id in some], **kept)
    numbers = {}
    for id in ids():
        twin = await graph.twin(id)
        assert twin is not None
        numbers[id] = twin.number
    rows = [(numbers[source], id, numbers[target], "has", "") for source, id, target in ends_of(batch)]
    return a_batch(Section.RELATIONSHIPS, rows, **kept)


async def main(path: Path, epoch: int) -> None:
    graph = SqliteGraph.open(path, limits=Limits(new_keys=100))
    fence = Fence(JOB, epoch)
    done = int((await graph.take_over(fence)).checkpoint or b"0")
    say("begun", done)
    if await graph.model(ROOM) is None:
        await graph.apply(fence, a_batch(Section.MODELS, [(ROOM, "{}")], checkpoint=b"0"))
    for batch in range(done, BATCHES):
        await graph.apply(fence, await the_batch(graph, batch))
        say("done", batch)
    await graph.shut(fence)
    await graph.close()
    say("over")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
