"""Webhooks of the real server: a job's end is told, also when the server is killed before it told anybody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.e2e.weft_process import WeftProcess, eventually


class Receiver:
    """Takes deliveries on loopback."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        taken = self.taken

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taken.append((dict(self.headers), body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def hooked(weft: WeftProcess, receiver: Receiver) -> tuple[str, str, str]:
    """Return an item, the path of a webhook of its workspace, and the secret."""
    item = weft.new_item()
    workspace = item.rpartition("/items/")[0]
    made = weft.core("POST", f"{workspace}/webhooks", {"url": receiver.url})
    assert made.status == 201, made
    return item, f"{workspace}/webhooks/{made.json['id']}", made.json["secret"]


def test_the_end_of_a_job_is_told_in_a_signed_request(weft: WeftProcess, receiver: Receiver) -> None:
    item, webhook, secret = hooked(weft, receiver)

    instance = weft.run(item, "quick")
    weft.wait_for(instance, "Completed")
    [(headers, body)] = eventually(lambda: receiver.taken, 20, "the delivery arrives")

    verified = Webhook(secret).verify(body, headers)
    deliveries = eventually(
        lambda: [
            one
            for one in weft.core("GET", f"{webhook}/deliveries").json["value"]
            if one["state"] == "Delivered"
        ],
        20,
        "the delivery is known to have arrived",
    )
    assert verified["type"] == "jobInstance.Completed"
    assert verified["data"]["id"] == instance.rsplit("/", 1)[1]
    assert [(one["status"], one["attempts"], one["reason"]) for one in deliveries] == [("Completed", 1, None)]
    assert secret not in weft.log()


@pytest.mark.parametrize("place", ["webhooks.announced", "webhooks.made"])
def test_a_server_that_is_killed_before_it_told_of_an_end_tells_after_its_restart(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    weft = WeftProcess(tmp_path / "data").start()
    try:
        item, _, secret = hooked(weft, receiver)
        weft.terminate()
        monkeypatch.setenv("WEFT_CRASH_AT", f"{place}:1")
        weft.start()
        instance = weft.run(item, "quick")
        eventually(weft.has_died, 20, f"the server dies at {place}")
        told_before = len(receiver.taken)
        monkeypatch.delenv("WEFT_CRASH_AT")
        weft.start()

        status = weft.wait_for(instance)
        taken = eventually(lambda: receiver.taken, 20, "the delivery arrives")
    finally:
        weft.close()

    told = [Webhook(secret).verify(body, headers)["data"] for headers, body in taken]
    assert told_before == 0
    assert {one["id"] for one in told} == {instance.rsplit("/", 1)[1]}
    assert {one["status"] for one in told} == {status}
    assert len({headers["webhook-id"] for headers, _ in taken}) == 1
