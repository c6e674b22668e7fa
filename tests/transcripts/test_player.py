"""The player itself: what it reads, fills in, accepts and refuses."""

import pytest

from tests.transcripts.player import Answer, DoesNotFit, Request, TranscriptError, parse, play

TEXT = """\
# Two steps.
# Source: nowhere, made up

### Create
POST /things/{{thing}}?a=1 HTTP/1.1
Authorization: Bearer {{token}}
Content-Type: application/json

{"size": 3}

HTTP/1.1 202 Accepted
Location: http://{{any}}/things/{{place:uuid}}
Retry-After: {{integer}}
ETag: {{absent}}

### Get
GET /things/{{place}} HTTP/1.1

HTTP/1.1 200
Content-Type: application/json

{
  "id": "{{place}}",
  "at": "{{time3}}",
  "count": {{integer}},
  "parts": [{"name": "p-{{string}}"}]
}
"""
ID = "63f77191-432d-4ee6-9c5f-31a1a6987072"
CREATED = Answer(202, [("location", f"http://h:1/things/{ID}"), ("retry-after", "1")], b"")
GOT = (
    b'{"parts": [{"name": "p-1"}], "count": 7, "at": "2026-01-02T03:04:05.678Z",'
    b' "id": "63f77191-432d-4ee6-9c5f-31a1a6987072"}'
)


class Scripted:
    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def got(body: bytes = GOT) -> Answer:
    return Answer(200, [("content-type", "application/json")], body)


async def test_requests_are_sent_as_written_with_their_values_filled_in() -> None:
    client = Scripted(CREATED, got())

    known = await play(parse(TEXT, name="t"), client, {"thing": "7", "token": "secret"})

    assert client.requests == [
        Request(
            "POST",
            "/things/7?a=1",
            [("Authorization", "Bearer secret"), ("Content-Type", "application/json")],
            b'{"size": 3}',
        ),
        Request("GET", f"/things/{ID}", [], b""),
    ]
    assert known["place"] == ID


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        (Answer(200, CREATED.headers, b""), got(), "t: Create: status 200, not 202"),
        (Answer(202, CREATED.headers, b"{}"), got(), "body b'{}', where none is written"),
        (Answer(202, CREATED.headers[:1], b""), got(), "header Retry-After is missing"),
        (Answer(202, [*CREATED.headers, ("etag", "x")], b""), got(), "header ETag: 'x' should not be there"),
        (CREATED, got(GOT.replace(b"7072", b"7073")), "t: Get: body.id is"),
        (CREATED, got(GOT.replace(b".678Z", b"Z")), "body.at is"),
        (CREATED, got(GOT.replace(b": 7,", b': "x",')), "body.count is 'x'"),
        (CREATED, got(GOT.replace(b": 7,", b": true,")), "body.count is True"),
        (CREATED, got(GOT.replace(b'"parts"', b'"more": 1, "parts"')), "body has the members"),
        (CREATED, got(GOT.replace(b'[{"', b'[1, {"')), "body.parts has 2 values, not 1"),
        (CREATED, got(b"<html>"), "body is not JSON"),
    ],
)
async def test_an_answer_that_differs_is_named(first: Answer, second: Answer, difference: str) -> None:
    client = Scripted(first, second)

    with pytest.raises(DoesNotFit) as caught:
        await play(parse(TEXT, name="t"), client, {"thing": "7", "token": "secret"})

    assert difference in str(caught.value)


async def test_an_exchange_marked_eventually_is_repeated_until_it_fits() -> None:
    text = TEXT.replace("### Get\n", "### Get\n# eventually\n")
    client = Scripted(CREATED, got(b"{}"), got(b"[]"), got())

    await play(parse(text, name="t"), client, {"thing": "7", "token": "secret"})

    assert len(client.requests) == 4


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (TEXT.replace("# Source:", "# From:"), "a line `# Source: ...` is missing"),
        ("# Source: x\n", "no exchange"),
        ("# Source: x\n### A\nGET / HTTP/1.1\n", "A: no answer"),
        ("# Source: x\n### A\nGET\n\nHTTP/1.1 200\n", "A: not a request line"),
    ],
)
def test_a_transcript_that_cannot_be_read_says_why(text: str, fault: str) -> None:
    with pytest.raises(TranscriptError, match=fault):
        parse(text, name="t")


async def test_a_value_that_nobody_gave_is_named() -> None:
    with pytest.raises(TranscriptError, match="thing"):
        await play(parse(TEXT, name="t"), Scripted(CREATED), {"token": "secret"})


async def test_a_kind_that_does_not_exist_is_named() -> None:
    with pytest.raises(TranscriptError, match="no value and no kind is called 'intger'"):
        await play(
            parse(TEXT.replace("After: {{integer}}", "After: {{intger}}"), name="t"),
            Scripted(CREATED),
            {"thing": "7", "token": "secret"},
        )
