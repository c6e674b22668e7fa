"""Files to import, sound and broken, and URIs of every kind: signed, of foreign hosts, out of the root."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from tests.fuzz.bends import flipped
from tests.fuzz.message import Request

TWINS = 30
MANY_TWINS = 8_000
ODD_IDS = ("a b", "é", "%41", "a'b", "\U0001f600", "..", "a/b", "x" * 128, "a?b#c", "-", "A", "\u202ea")
HEADER = ({"Section": "Header"}, {"fileVersion": "1.0.0", "author": "fuzz", "organization": "weft"})
MODELS = (
    {
        "@context": "dtmi:dtdl:context;2", "@id": "dtmi:fuzz:Thing;1", "@type": "Interface",
        "displayName": "Thing",
        "contents": [
            {"@type": "Property", "name": "n", "schema": "integer"},
            {"@type": "Property", "name": "name", "schema": "string"},
            {"@type": "Relationship", "name": "next", "properties": [
                {"@type": "Property", "name": "weight", "schema": "double"}]},
        ],
    },
    {
        "@context": "dtmi:dtdl:context;2", "@id": "dtmi:fuzz:Special;1", "@type": "Interface",
        "extends": "dtmi:fuzz:Thing;1", "contents": [],
    },
)  # fmt: skip
SECRET = "5ecre7"
SPELLINGS = ("sig=", "SIG=", "%73ig=", "sig%3D", "si%2567=", "%2573ig%253d", "AccountKey=")
_SIGNED = re.compile(rf"(?:sig=|AccountKey=|://\w+:)({SECRET}[0-9a-f]{{16}})", re.I)
_TOLD = re.compile(rf"{SECRET}[0-9a-f]{{16}}")


@dataclass(frozen=True)
class Blobs:
    """*root* is what the server may read and write, *outside* it may not. *storage*: an account's base URL.

    *forbidden* is the address, host and port, of a listener that the server must never call.
    """

    root: Path
    outside: Path
    storage: str
    forbidden: str

    @property
    def good(self) -> Path:
        return self.root / "in" / "good.ndjson"

    def write(self, chance: random.Random) -> None:
        """Make all files, the directories included."""
        for directory in (*(self.root / name for name in ("in", "out", "links")), self.outside):
            directory.mkdir(parents=True)
        (self.outside / "secret.ndjson").write_bytes(sound(TWINS))
        for name, content in _contents(chance).items():
            (self.root / "in" / name).write_bytes(content)
        self._make_what_is_no_file()

    def request(self, chance: random.Random) -> dict[str, str]:
        """Return the body of an import that is good, or at least of a file that can be opened."""
        if chance.random() < 0.4:
            return {"inputBlobUri": str(self.good), "outputBlobUri": str(self._log(chance))}
        return {"inputBlobUri": self._input(chance), "outputBlobUri": self._output(chance)}

    def odd_uri(self, chance: random.Random) -> Any:
        """Return a URI that may be anything, or no text at all."""
        uri = self.signed_uri(chance) if chance.random() < 0.3 else chance.choice(self._odd())
        dice = chance.random()
        if dice < 0.05:
            return chance.choice(([uri], {"uri": uri}, None, 1, True, ""))
        return (
            flipped(uri.encode("utf-8", "surrogatepass") or b"x", chance).decode("latin-1")
            if dice < 0.2
            else uri
        )

    def signed_uri(self, chance: random.Random) -> str:
        return f"{chance.choice(self._odd())}{_signature(chance, chance.choice(SPELLINGS))}"

    def _input(self, chance: random.Random) -> str:
        if chance.random() < 0.1:
            return f"{self.storage}/blobs/{chance.choice(('good', 'none', 'a%20b'))}{_signature(chance)}"
        path = str(chance.choice(sorted((self.root / "in").iterdir())))
        return chance.choice((path, f"file://{path}", f"FILE://localhost{quote(path)}"))

    def _output(self, chance: random.Random) -> str:
        if chance.random() < 0.1:
            return f"{self.storage}/blobs/log{chance.randrange(5)}{_signature(chance)}"
        return str(self._log(chance))

    def _log(self, chance: random.Random) -> Path:
        return self.root / "out" / f"log{chance.randrange(10)}"

    def _odd(self) -> Sequence[str]:
        root, outside, forbidden, storage = self.root, self.outside, self.forbidden, self.storage
        host, _, port = forbidden.partition(":")
        netloc = storage.partition("://")[2].partition("/")[0]
        hidden = outside / "secret.ndjson"
        files = (
            "", ".", "good.ndjson", "in/good.ndjson", f"../{outside.name}/secret.ndjson", "~/x", "/",
            str(root), f"{root}/", f"{root}/in", f"{root}/../{outside.name}/secret.ndjson", str(hidden),
            f"file://{hidden}", f"file://{root}/%2e%2e/{outside.name}/secret.ndjson",
            f"file://{root}/..%2f{outside.name}/secret.ndjson", f"{root}/links/out",
            f"{root}/links/away/secret.ndjson", f"{root}/links/loop", f"{root}/in/fifo",
            f"{root}/out/../../{outside.name}/new", f"{root}/links/away/new", f"{root}/nowhere/x",
            f"{root}/{'x' * 300}", f"{root}/{'x/' * 4000}", f"{root}/in/good.ndjson\x00.txt",
            f"{root}/é\U0001f600", f"{root}\\in\\good.ndjson", f"file:{root}/in/good.ndjson",
            f"file:/{root}/in/good.ndjson", f"file://{host}{root}/in/good.ndjson",
            f"file://evil{root}/in/good.ndjson", "file://", "file:///", f"file://{root}/in/good.ndjson?x=1",
            f"file://{root}/in/good.ndjson#x", f"file://{root}/%zz", f"file://{root}/%ff",
            f"file://{root}/%00", "/etc/passwd", "/proc/self/environ", "/proc/self/fd/0", "/dev/stdin",
            "/dev/zero", "/dev/fd/1", "/sys/kernel", "\\\\evil\\share\\x", "C:\\x",
        )  # fmt: skip
        hosts = (
            forbidden, f"localhost:{port}", f"127.1:{port}", f"2130706433:{port}", f"0x7f000001:{port}",
            f"017700000001:{port}", f"0.0.0.0:{port}", f"[::1]:{port}", f"[::ffff:127.0.0.1]:{port}",
            f"[::]:{port}", f"①②⑦.⓪.⓪.①:{port}", f"127.0.0.1%2f:{port}", f"{netloc}@{forbidden}",
            f"{forbidden}#@{netloc}", f"{forbidden}\\@{netloc}", f"{netloc}:80@{forbidden}", f"{netloc}.evil",
            f"{forbidden}%40{netloc}", f"user:{SECRET}0123456789abcdef@{netloc}", f"{netloc}:0", f"{netloc}0",
            f"{netloc}:", "169.254.169.254", "metadata.google.internal", "", ":", "[", "[::1", "a b",
            "evil\u3002com", forbidden.upper(), f" {forbidden}", f"{forbidden}\t",
            f"{netloc}\r\nHost: {forbidden}",
        )  # fmt: skip
        urls = (
            f"{storage}/../../x", f"{storage}/blobs/../../../x", f"{storage}/blobs/%2e%2e/x",
            f"{storage}/blobs", f"{storage}/", storage, f"{storage}x/c/b", f"{storage}//c/b",
            f"{storage}/blobs/b?comp=list", f"{storage}/blobs/b?restype=container", f"{storage}/BLOBS/b",
            f"{storage}/blobs/b.", f"{storage}/blobs/b/", f"{storage}/blobs/" + "b" * 1025,
            f"{storage}/blobs/%ff", f"{storage}/blobs/b#x", f"{storage}/blobs/b?sig=",
            f"{storage}/blobs/b?sig", f"{storage}/blobs/b?&&", storage.upper(),
            f"https{storage.removeprefix('http')}/c/b", f"ftp://{forbidden}/c/b", f"gopher://{forbidden}/_x",
            f"jar:http://{forbidden}/c/b!/", "data:text/plain,x", f"//{forbidden}/c/b",
            f"http:{forbidden}/c/b", f"http:///{forbidden}/c/b", "invalidUri", "javascript:1", "http",
            "http:", "http://", "://", ":", f"blob:{storage}/blobs/b", "x" * 9000,
            f"{storage}/blobs/{'%41' * 3000}", "\ud800",
        )  # fmt: skip
        return (*files, *(f"http://{name}/c/b" for name in hosts), *urls)

    def _make_what_is_no_file(self) -> None:
        folder = self.root / "in"
        os.mkfifo(folder / "fifo")
        (folder / "directory").mkdir()
        (folder / "link-in").symlink_to(self.good)
        links = self.root / "links"
        (links / "out").symlink_to(self.outside / "secret.ndjson")
        (links / "away").symlink_to(self.outside)
        (links / "loop").symlink_to(links / "loop")


class Secrets:
    """The signatures that were sent, of which nobody may ever hear again."""

    def __init__(self) -> None:
        self._sent: set[str] = set()

    def note(self, request: Request) -> None:
        text = request.body.decode("latin-1")
        for _ in range(3):
            text = unquote(text, errors="replace")
        self._sent.update(_SIGNED.findall(text))

    def told_in(self, text: str) -> bool:
        return not self._sent.isdisjoint(_TOLD.findall(text))


def sound(twins: int, ids: Sequence[str] = ()) -> bytes:
    """Return a file without a fault: its twins are a ring of relationships."""
    names = [*ids, *(f"t{number}" for number in range(twins))]
    lines: list[object] = [*HEADER, {"Section": "Models"}, *MODELS, {"Section": "Twins"}]
    for number, name in enumerate(names):
        model = MODELS[number % 2]["@id"]
        lines.append({"$dtId": name, "$metadata": {"$model": model}, "n": number, "name": f"é {number}"})
    lines.append({"Section": "Relationships"})
    for number, name in enumerate(names):
        target = names[(number + 1) % len(names)]
        lines.append(
            {"$dtId": name, "$relationshipId": f"r{number}", "$targetId": target, "$relationshipName": "next",
             "weight": number / 2}
        )  # fmt: skip
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def _contents(chance: random.Random) -> dict[str, bytes]:
    good = sound(TWINS)
    models, _, _ = good.partition(b'{"Section": "Twins"}')
    whole = {
        "good.ndjson": good,
        "odd.ndjson": sound(3, ODD_IDS),
        "many.ndjson": sound(MANY_TWINS),
        "bom-crlf.ndjson": b"\xef\xbb\xbf" + good.replace(b"\n", b"\r\n") + b"\r\n",
        "empty": b"",
        "one-line": b"\n",
        "only-header": good.partition(b'{"Section": "Models"}')[0],
        "no-header": good.partition(b'{"Section": "Models"}')[2],
        "models-twice": models + good,
        "truncated": good[: len(good) * 2 // 3],
        "no-json": good + b"{oops}\n",
        "not-utf-8": good + b'{"$dtId": "\xff\xfe"}\n',
        "zeros": b"\x00" * 100_000,
        "long-line": good + b'{"$dtId": "' + b"x" * (3 << 20) + b'"}\n',
        "deep": good + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"\n",
        "numbers": good + b'{"$dtId": "z", "n": ' + b"9" * 5_000 + b"}\n",
        "surrogates": good.replace(b'"t3"', b'"\\ud800"').replace(b'"t4"', b'"\\u0000"'),
        "unknown-section": good + b'{"Section": "Other"}\n',
        "wrong-order": good + b'{"Section": "Models"}\n',
        "no-context": good.replace(b'"@context": "dtmi:dtdl:context;2", ', b"", 1),
        "unknown-model": good.replace(b'{"$model": "dtmi:fuzz:Thing;1"}', b'{"$model": "dtmi:none;1"}'),
        "null-members": good.replace(b'"n": 1,', b'"n": null,').replace(
            b'"$targetId": "t5"', b'"$targetId": null'
        ),
    }
    bent = {f"flipped{number}": flipped(good, chance) for number in range(20)}
    return {**whole, **bent}


def _signature(chance: random.Random, name: str = "sig=") -> str:
    return f"?sv=2024-11-04&{name}{SECRET}{chance.getrandbits(64):016x}&se=2030-01-01"
