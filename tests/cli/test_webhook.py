"""`weft webhook` against a real server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.cli.conftest import Weft
from tests.e2e.weft_process import eventually

Place = tuple[str, str]
NO_WEBHOOK = "63f77191-432d-4ee6-9c5f-31a1a6987072"


@pytest.fixture
def receiver() -> Iterator[str]:
    """The address of a server that refuses all it is sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(500)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_is_created_listed_and_deleted(weft: Weft, place: Place, receiver: str) -> None:
    created = weft(
        "webhook", "create", place[0], receiver, "--item", place[1], "--status", "Failed", "--json"
    )
    listed = weft("webhook", "list", place[0])
    deleted = weft("webhook", "delete", place[0], json.loads(created.out)["id"])
    after = json.loads(weft("webhook", "list", place[0], "--json").out)

    made = json.loads(created.out)
    assert made["secret"].startswith("whsec_")
    assert made["statuses"] == ["Failed"]
    assert listed.out.splitlines()[1].split() == [made["id"], "enabled", "Failed", made["itemId"], receiver]
    assert (deleted.code, deleted.out, after) == (0, "", [])


def test_the_secret_is_printed_this_once(weft: Weft, place: Place, receiver: str) -> None:
    created = weft("webhook", "create", place[0], receiver)
    listed = weft("webhook", "list", place[0], "--json")

    [id_line, secret_line] = created.out.splitlines()
    secret = secret_line.split()[1]
    assert id_line.split()[1] in listed.out
    assert secret.startswith("whsec_")
    assert secret not in listed.out


def test_deliveries_say_what_became_of_them(weft: Weft, place: Place, receiver: str) -> None:
    webhook = json.loads(weft("webhook", "create", place[0], receiver, "--json").out)["id"]
    job = weft("job", "run", *place, "answer", "--wait", "--json")

    rows = eventually(
        lambda: [
            line
            for line in weft("webhook", "deliveries", place[0], webhook).out.splitlines()[1:]
            if "status 500" in line
        ],
        20,
        "a delivery was refused",
    )

    assert rows[0].split()[:3] == [json.loads(job.out)["id"], "Completed", "Waiting"]
    assert rows[0].endswith("The receiver answered with status 500.")


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "https://example.com/", "nonsense"])
def test_an_address_that_is_not_allowed_is_an_error_in_one_line(weft: Weft, place: Place, url: str) -> None:
    done = weft("webhook", "create", place[0], url)

    assert (done.code, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1
    assert "url:" in done.err


def test_an_unknown_webhook_is_told(weft: Weft, place: Place) -> None:
    unknown = weft("webhook", "deliveries", place[0], NO_WEBHOOK)
    misspelt = weft("webhook", "delete", place[0], "x")

    assert (unknown.code, misspelt.code) == (1, 2)
    assert "WebhookNotFound" in unknown.err
