"""Good requests to the Twins face, and what bends them beside what bends any request."""

from __future__ import annotations

import json
import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlsplit

from tests.fuzz.answers import Answer
from tests.fuzz.bends import TEXTS, Bend, as_json, with_header
from tests.fuzz.blobs import MODELS, ODD_IDS, TWINS, Blobs
from tests.fuzz.callers import Callers
from tests.fuzz.message import Request
from tests.fuzz.queries import Queries

VERSION: Final = "api-version=2023-10-31"
VERSIONS = (
    "", "api-version=", "api-version=2022-05-31", "api-version=2023-06-30", f"{VERSION}&{VERSION}",
    "API-VERSION=2023-10-31", "api-version=2023-10-31%00", "api-version= 2023-10-31",
    f"{VERSION}&api-version=x", "api%2dversion=2023-10-31", f"{VERSION};x", f"?{VERSION}", f"{VERSION}&x=%ff",
    f"{VERSION}&{'a=b&' * 2000}",
)  # fmt: skip
PARAMETERS = {
    "timeoutInMinutes": ("15", "1440", "14", "1441", "-1", "1.5", "٣٠", "", "9" * 30, "NaN"),
    "dependenciesFor": ("dtmi:fuzz:Special;1", "dtmi:none;1", "", "dtmi:;1", "x" * 5000, "%00", "%ff"),
    "includeModelDefinition": ("true", "FALSE", "1", "", "%E2%80%AE"),
    "relationshipName": ("next", "", "%00", "é", "n" * 5000, "next%0a"),
    "continuationToken": ("", "abc", "A" * 32, "A" * 31 + "%3D", "%ff", "-" * 32, "A" * 20_000),
}
HEADERS = {
    "max-items-per-page": (
        "1", "3", "1000", "0", "-1", "2147483648", "9" * 40, "1e3", "", "٣", " 1 ", "1,1", "+1",
    ),
    "operation-id": (*ODD_IDS, "", " ", "x" * 129, "a\tb", "op1", "op2", "%00", "'"),
    "traceparent": (
        f"00-{'a' * 32}-{'b' * 16}-01", f"00-{'0' * 32}-{'b' * 16}-01", f"ff-{'a' * 32}-{'b' * 16}-01",
        "00-x",
        f"01-{'a' * 32}-{'b' * 16}-01-more", "-" * 5000, "",
    ),
    "tracestate": ("a=b", "=" * 5000, "é"),
    "if-match": ("*", 'W/"x"', '"', "x" * 5000, ""),
    "if-none-match": ("*", 'W/"x"', ""),
    "x-ms-client-request-id": ("1", "x" * 5000, "é", ""),
    "prefer": ("respond-async", "wait=1000000"),
}  # fmt: skip
REMEMBERED: Final = 30


class TwinsRequests:
    """Few ids, so that requests meet the jobs, twins and pages of others; *address* is that of the server."""

    def __init__(self, chance: random.Random, callers: Callers, blobs: Blobs, address: str) -> None:
        self._chance = chance
        self._callers = callers
        self._blobs = blobs
        self._address = address
        self._queries = Queries(chance)
        self.heard: Counter[str] = Counter()
        self._last_job = "j0"
        self._links: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
        self._tokens: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)

    @property
    def bends(self) -> Sequence[Bend]:
        return (
            self._other_caller, self._other_version, self._own_header, self._own_parameter, self._odd_id,
            self._odd_uri, self._odd_uri, self._odd_shape, self._odd_query, self._odd_query,
            self._edited_token,
        )  # fmt: skip

    def hear(self, request: Request, answer: Answer) -> None:
        """Remember the import that was begun, and where a list or a query goes on, and for whom."""
        if answer.status == 201:
            self._last_job = request.path.rpartition("/")[2]
        if answer.status != 200 or not answer.body:
            return
        body, caller = json.loads(answer.body), request.header("Authorization")[0]
        if body.get("nextLink"):
            self.heard["a list goes on"] += 1
            self._links.append((body["nextLink"], caller))
        if body.get("continuationToken"):
            self.heard["a query goes on"] += 1
            self._tokens.append((body["continuationToken"], caller))
        if "lastActionDateTime" in body:
            self.heard[f"an import is {body['status']} {body.get('error', {}).get('code', '')}"] += 1

    # ---- good requests

    def good(self) -> Request:
        kinds = (
            self._import,
            self._job,
            self._deletion,
            self._read,
            self._query,
            self._onward,
            self._nothing,
        )
        (kind,) = self._chance.choices(kinds, weights=(9, 9, 1, 12, 12, 7, 2))
        return kind()

    def good_import(self, id: str, output: str) -> Request:
        body = {"inputBlobUri": str(self._blobs.good), "outputBlobUri": output}
        return self._request("PUT", f"/jobs/imports/{id}", body, expected=(201,))

    def get(self, path: str) -> Request:
        return self._request("GET", path, expected=(200, 404))

    def get_onward(self, link: SplitResult) -> Request:
        return Request("GET", link.path, self._headers(self._callers.owners[0]), b"", link.query, (200, 404))

    def cancel(self, id: str) -> Request:
        return self._request("POST", f"/jobs/imports/{quote(id, safe='')}/cancel", expected=(200, 400, 404))

    def _import(self) -> Request:
        body = self._blobs.request(self._chance)
        return self._request("PUT", f"/jobs/imports/{self._job_id()}", body, expected=(201, 409, 429))

    def _job(self) -> Request:
        path, id = "/jobs/imports", self._job_id()
        if self._chance.random() < 0.05:
            id = self._last_job
        job = f"{path}/{id}"
        known = (
            ("GET", path, (200,)),
            ("GET", job, (200, 404)),
            ("GET", f"/weft/v1/twins/imports/{id}", (200, 404)),
            ("GET", "/jobs/deletions", (200,)),
            ("GET", f"/jobs/deletions/{self._chance.choice(('op1', 'op2'))}", (200, 404)),
            ("POST", f"{job}/cancel", (200, 400, 404)),
            ("DELETE", job, (204, 400, 404)),
        )
        method, path, expected = self._chance.choice(known)
        return self._paged(self._request(method, path, expected=expected))

    def _deletion(self) -> Request:
        request = self._request("POST", "/jobs/deletions", expected=(202, 400, 429))
        id = self._chance.choice(("", "op1", "op2"))
        return with_header(request, "operation-id", id) if id else request

    def _read(self) -> Request:
        twin = f"/digitaltwins/{self._twin_id()}"
        model = quote(str(self._chance.choice(MODELS)["@id"]), safe="")
        path = self._chance.choice(
            (
                "/models", f"/models/{model}", f"/models?dependenciesFor={model}&includeModelDefinition=true",
                twin, f"{twin}/relationships", f"{twin}/relationships?relationshipName=next",
                f"{twin}/relationships/r{self._chance.randrange(TWINS)}", f"{twin}/incomingrelationships",
                "/weft/v1/twins/stats",
            )
        )  # fmt: skip
        caller = self._chance.choice((*self._callers.owners, *self._callers.readers))
        path, _, query = path.partition("?")
        request = self._request("GET", path, query=query, expected=(200, 404))
        return self._paged(with_header(request, "Authorization", caller))

    def _query(self) -> Request:
        request = self._request("POST", "/query", {"query": self._queries.good()}, expected=(200,))
        return self._paged(request)

    def _onward(self) -> Request:
        """Go on with a list or a query as an answer has said."""
        link, link_caller = self._recalled(self._links, "http://h/models?continuationToken=none")
        token, token_caller = self._recalled(self._tokens, "none")
        if self._chance.random() < 0.5:
            request = self.get_onward(urlsplit(link))
            caller = link_caller
        else:
            request = self._request("POST", "/query", {"continuationToken": token}, expected=(200,))
            caller = token_caller
        if not caller:
            caller, request = self._callers.owners[0], replace(request, expected=(400,))
        return self._paged(replace(request, headers=self._headers(caller)))

    def _nothing(self) -> Request:
        """Ask for what the service has and weft has not: it must say so, in the right words."""
        twin = f"/digitaltwins/{self._twin_id()}"
        known = (
            ("GET", "/eventroutes"), ("PUT", "/eventroutes/r"), ("DELETE", "/eventroutes/r"),
            ("GET", "/jobs"), ("POST", "/models"), ("PATCH", "/models/dtmi:fuzz:Thing;1"), ("PUT", twin),
            ("PATCH", twin), ("DELETE", twin), ("GET", f"{twin}/components/c"), ("POST", f"{twin}/telemetry"),
            ("GET", "/digitaltwins"), ("PUT", f"{twin}/relationships/r"), ("GET", "/jobs/imports/a/b/c"),
            ("GET", "/query"), ("GET", "/weft/v1/twins"), ("PUT", "/weft/v1/twins/stats"),
            ("HEAD", "/models"), ("OPTIONS", "/jobs"),
        )  # fmt: skip
        method, path = self._chance.choice(known)
        return self._request(method, path, {"a": 1}, expected=(404, 405))

    def _request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: str = "",
        expected: tuple[int, ...],
    ) -> Request:
        versioned = f"{VERSION}&{query}" if query else VERSION
        content = b"" if body is None else as_json(body)
        return Request(method, path, self._headers(self._callers.owners[0]), content, versioned, expected)

    def _headers(self, caller: str) -> tuple[tuple[str, str], ...]:
        return (("Host", self._address), ("Authorization", caller))

    def _paged(self, request: Request) -> Request:
        if self._chance.random() < 0.5:
            return request
        return with_header(request, "max-items-per-page", self._chance.choice(("1", "2", "10", "5000")))

    def _job_id(self) -> str:
        if self._chance.random() < 0.1:
            return quote(
                self._chance.choice(("a b", "é", "a'b", "\U0001f600", "x" * 128, "-", "a?b#c", ".a")), safe=""
            )
        return f"j{self._chance.randrange(100)}"

    def _twin_id(self) -> str:
        if self._chance.random() < 0.2:
            return quote(self._chance.choice([id for id in ODD_IDS if id != ".." and "/" not in id]), safe="")
        return f"t{self._chance.randrange(TWINS)}"

    def _recalled(self, memory: deque[tuple[str, str]], otherwise: str) -> tuple[str, str]:
        # One number is drawn whatever was heard, so that a seed goes the same way again.
        at = self._chance.random()
        return memory[int(at * len(memory))] if memory else (otherwise, "")

    # ---- what bends them

    def _other_caller(self, request: Request) -> Request:
        callers = self._callers
        everybody = (
            *callers.owners,
            *callers.readers,
            *callers.readers,
            *callers.outsiders,
            *callers.strangers,
        )
        return with_header(request, "Authorization", self._chance.choice(everybody))

    def _other_version(self, request: Request) -> Request:
        rest = request.query.removeprefix(VERSION)
        return replace(request, query=self._chance.choice(VERSIONS) + rest)

    def _own_header(self, request: Request) -> Request:
        name = self._chance.choice(list(HEADERS))
        return with_header(request, name, self._chance.choice(HEADERS[name]))

    def _own_parameter(self, request: Request) -> Request:
        name = self._chance.choice(list(PARAMETERS))
        given = f"{name}={self._chance.choice(PARAMETERS[name])}"
        many = self._chance.choice((1, 1, 1, 2, 101))
        return replace(request, query="&".join((request.query, *[given] * many)))

    def _odd_id(self, request: Request) -> Request:
        """Put an odd id in the place of the last segment of the path, encoded or as it is."""
        id = self._chance.choice(
            (*ODD_IDS, *TEXTS, "x" * 4097, "\u2028", "a\u0301", "%252e", "a%5cb", "dtmi:x;1")
        )
        if self._chance.random() < 0.7:
            id = quote(id, safe="", errors="replace")
        start, _, _ = request.path.rpartition("/")
        return replace(request, path=f"{start}/{id}")

    def _odd_uri(self, request: Request) -> Request:
        name = self._chance.choice(("inputBlobUri", "inputBlobUri", "outputBlobUri"))
        return self._with_member(request, name, self._blobs.odd_uri(self._chance), only_beside="inputBlobUri")

    def _odd_shape(self, request: Request) -> Request:
        """Put a signed URI where no URI is awaited."""
        if b"inputBlobUri" not in request.body:
            return request
        uri = json.dumps(self._blobs.signed_uri(self._chance)).encode()
        shape = self._chance.choice(
            (
                b"[%s]",
                b"%s",
                b"{%s: 1}",
                b"{%s: 1, %s: 2}",
                b'{"inputBlobUri": %s, "inputBlobUri": 1}',
                b"{%s}",
            )
        )
        if self._chance.random() < 0.3:
            uri = uri.removesuffix(b'"') + b'\\ud800"'
        return replace(request, body=shape.replace(b"%s", uri))

    def _odd_query(self, request: Request) -> Request:
        return self._with_member(request, "query", self._queries.spoilt(), only_beside="query")

    def _edited_token(self, request: Request) -> Request:
        """Edit a token that was given to somebody, or show it where it was not given."""
        token, _ = self._recalled(self._tokens, "QUJD" * 10)
        link, _ = self._recalled(self._links, "continuationToken=" + "QUJD" * 8)
        of_list = link.rpartition("continuationToken=")[2]
        edited = [self._edited(one) for one in (token, of_list)]
        request = replace(request, query=f"{request.query}&continuationToken={edited[1]}")
        return self._with_member(request, "continuationToken", edited[0], only_beside="query")

    def _edited(self, token: str) -> str:
        at, how = int(self._chance.random() * len(token)), self._chance.random()
        other = self._chance.choice("AZaz09-_=+/ ")
        if how < 0.3:
            return token
        return token[:at] + other + token[at + 1 :] if how < 0.8 else token[:at]

    @staticmethod
    def _with_member(request: Request, name: str, value: Any, *, only_beside: str) -> Request:
        """Give the body another member, where it is an object with *only_beside*."""
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            return request
        if not isinstance(body, dict) or only_beside not in body:
            return request
        return replace(request, body=as_json({**body, name: value}))
