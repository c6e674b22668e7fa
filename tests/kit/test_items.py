"""Item hooks, in a process of their own, as the host calls them."""

from __future__ import annotations

import msgspec

from tests.runners.support import FakeRun, running
from weft.catalog.hosted_items import HostedItem, ItemKey
from weft.engine.jobs import Completed, Failed
from weft.faces.workload.mapping import hook_payload_of
from weft.kit.items import Item, ItemReader

WORKLOAD = "tests.kit.hooked_workload:workload"
KEY = ItemKey("t", "w", "T", "i")
DEFINITION = b'{"parts":[{"path":"a.json","payload":"e30=","payloadType":"InlineBase64"}]}'


def told(**item: object) -> dict[str, object]:
    known = HostedItem(key=KEY, **item)  # type: ignore[arg-type]  # the members are written in this file
    payload: dict[str, object] = msgspec.json.decode(hook_payload_of(known))
    return payload


async def test_a_hook_is_given_an_item_and_what_it_returns_is_its_result() -> None:
    async with running(workload=WORKLOAD) as runner:
        created = await runner.run(FakeRun("@create", told(payload=b'{"a":1}', definition=DEFINITION)))
        updated = await runner.run(FakeRun("@update", told(display_name="x")))
        refused = await runner.run(FakeRun("@create", told(display_name="bad")))
        missing = await runner.run(FakeRun("@delete", told()))

    assert created == Completed(result=b'{"was":{"a":1},"parts":{"a.json":"{}"},"apart":true}')
    assert updated == Completed()
    assert isinstance(refused, Failed)
    assert (refused.error.code, refused.error.source) == ("BadName", "User")
    assert isinstance(missing, Failed)
    assert missing.error.code == "InvalidJobType"


def test_an_item_without_anything_is_read() -> None:
    assert ItemReader().read(hook_payload_of(HostedItem(key=KEY))) == Item()


def test_a_part_in_an_encoding_of_the_future_comes_as_it_is() -> None:
    raw = b'{"definition":{"parts":[{"path":"a","payload":"text","payloadType":"Plain"}]}}'

    assert ItemReader().read(raw).definition == {"a": b"text"}
