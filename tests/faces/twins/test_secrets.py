"""A signature in a URI opens blobs for whoever reads it: nobody ever reads it again."""

from __future__ import annotations

import logging
from urllib.parse import quote

import pytest

from tests.faces.twins.serving import IMPORTS, KEY, STORAGE, Served
from weft.blobs.payload import open_payload
from weft.engine.jobs import JobKey

SECRET = "c2VjcmV0IGtleQ%3D%3D"
SIGNED = f"{STORAGE}/graphs/in.ndjson?sv=2023-11-03&sr=b&sig={SECRET}&sp=r"
OUTPUT = f"{STORAGE}/graphs/out.ndjson?sv=2023-11-03&sr=c&sp=cw&sig={SECRET}"
BODY = {"inputBlobUri": SIGNED, "outputBlobUri": OUTPUT}


async def test_a_signature_is_shown_to_nobody_and_kept_sealed(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        added = await served.call("PUT", f"{IMPORTS}/job1", BODY)
        answers = [
            added,
            await served.call("GET", f"{IMPORTS}/job1"),
            await served.call("GET", IMPORTS),
            await served.cancel(),
        ]

    assert added.json()["inputBlobUri"] == SIGNED.replace(SECRET, "REDACTED")
    assert added.json()["outputBlobUri"] == OUTPUT.replace(SECRET, "REDACTED")
    assert all(b"REDACTED" in answer.body and SECRET.encode() not in answer.body for answer in answers)
    assert SECRET not in caplog.text
    assert SECRET not in repr(served.dump())


async def test_the_runner_can_open_what_was_sealed(served: Served) -> None:
    await served.call("PUT", f"{IMPORTS}/job1", BODY)

    job = await served.engine.get(JobKey("twins/imports", "job1"))

    assert open_payload(job.payload, KEY) == (SIGNED, OUTPUT)


@pytest.mark.parametrize(
    "uri",
    [
        f"https://evil.example/in.ndjson?sig={SECRET}",
        f"{SIGNED}&comp=list",
        f"in.ndjson?sig={SECRET}",
        f"{STORAGE}/graphs/in.ndjson?si%67={SECRET}",
    ],
)
async def test_a_refused_uri_does_not_tell_its_signature(
    served: Served, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = await served.call("PUT", f"{IMPORTS}/job1", {**BODY, "inputBlobUri": uri})

    assert answer.status == 400
    assert SECRET.encode() not in answer.body
    assert quote(SECRET).encode() not in answer.body
    assert SECRET not in caplog.text


SHORT = "in?sig=c2VjcmV0"


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputBlobUri": ["%s"], "outputBlobUri": "out"}',
        b'{"inputBlobUri": "in", "outputBlobUri": {"uri": "%s"}}',
        b'["%s"]',
        b'"%s"',
        b'{"inputBlobUri": "%s\\ud800", "outputBlobUri": "out"}',
        b'{"%s": 1, "%s": 2}',
    ],
)
async def test_a_body_of_the_wrong_shape_does_not_tell_a_signature(served: Served, body: bytes) -> None:
    answer = await served.call("PUT", f"{IMPORTS}/job1", raw=body.replace(b"%s", SHORT.encode()))

    assert answer.status == 400
    assert b"sig=REDACTED" in answer.body
    assert b"c2VjcmV0" not in answer.body


@pytest.mark.parametrize("uri", [{"sig": "c2VjcmV0"}, [{"uri": "in", "Sig": ["c2VjcmV0"]}]])
async def test_a_signature_that_is_a_member_in_place_of_a_uri_is_not_told(
    served: Served, uri: object
) -> None:
    answer = await served.call("PUT", f"{IMPORTS}/job1", {**BODY, "inputBlobUri": uri})

    assert answer.status == 400
    assert "inputBlobUri must be a string" in answer.json()["error"]["message"]
    assert b"c2VjcmV0" not in answer.body
