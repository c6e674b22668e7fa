"""Signatures: hidden in every spelling, and stored encrypted."""

from __future__ import annotations

import json

import msgspec
import pytest

from weft.blobs.ports import BlobFault
from weft.blobs.secrets import SealBroken, Sealed, key_from, opened, redacted, sealed

URI = "https://acct.blob.core.windows.net/c/b"
KEY = key_from(b"a secret")

REDACTED = {
    "at the end": (f"{URI}?sv=1&sig=abc%2F%3D", f"{URI}?sv=1&sig=REDACTED"),
    "at the beginning": (f"{URI}?sig=abc&sv=1", f"{URI}?sig=REDACTED&sv=1"),
    "twice": (f"{URI}?sig=a&sv=1&sig=b", f"{URI}?sig=REDACTED&sv=1&sig=REDACTED"),
    "in capitals": (f"{URI}?SIG=abc", f"{URI}?sig=REDACTED"),
    "in mixed case": (f"{URI}?sIg=abc", f"{URI}?sig=REDACTED"),
    "one letter encoded": (f"{URI}?s%69g=abc", f"{URI}?sig=REDACTED"),
    "all letters encoded": (f"{URI}?%53%49%47=abc", f"{URI}?sig=REDACTED"),
    "the sign encoded": (f"{URI}?sig%3dabc", f"{URI}?sig=REDACTED"),
    "encoded twice": (f"{URI}?%2573ig%253Dabc", f"{URI}?sig=REDACTED"),
    "within another URI": (
        f"{URI}?next=https%3A%2F%2Fx%3Fsig%3Dabc",
        f"{URI}?next=https%3A%2F%2Fx%3Fsig=REDACTED",
    ),
    "empty": (f"{URI}?sig=", f"{URI}?sig=REDACTED"),
    "a line break in it": (f"{URI}?sig=a\nb", f"{URI}?sig=REDACTED"),
    "a user": ("https://me:pw@host/c/b", "https://REDACTED@host/c/b"),
    "an account key": ("AccountName=x;AccountKey=abc==;B=1", "AccountName=x;AccountKey=REDACTED;B=1"),
    "none": (f"{URI}?sv=1&sigh=2", f"{URI}?sv=1&sigh=2"),
    "a path": ("/data/a@b.ndjson", "/data/a@b.ndjson"),
}


@pytest.mark.parametrize("case", REDACTED)
def test_a_signature_is_hidden_in_every_spelling(case: str) -> None:
    given, shown = REDACTED[case]

    assert redacted(given) == shown
    assert redacted(shown) == shown


def test_what_is_sealed_shows_no_signature_and_opens_to_what_it_was() -> None:
    uri = f"{URI}?sv=1&sig=S3CR3T"

    stored = sealed(uri, KEY)

    at_rest = msgspec.json.encode(stored).decode()
    assert "S3CR3T" not in at_rest
    assert "S3CR3T" not in repr(stored)
    assert json.loads(at_rest)["uri"] == f"{URI}?sv=1&sig=REDACTED"
    assert opened(msgspec.json.decode(at_rest, type=Sealed), KEY) == uri


def test_the_same_signature_is_never_sealed_to_the_same_text() -> None:
    assert sealed(f"{URI}?sig=x", KEY).secret != sealed(f"{URI}?sig=x", KEY).secret


def test_a_uri_without_a_secret_is_stored_as_it_is() -> None:
    assert sealed("/data/in.ndjson", KEY) == Sealed("/data/in.ndjson")
    assert opened(Sealed("/data/in.ndjson"), KEY) == "/data/in.ndjson"


def test_another_key_does_not_open_it() -> None:
    stored = sealed(f"{URI}?sig=S3CR3T", KEY)

    with pytest.raises(SealBroken, match="stored under another key") as broken:
        opened(stored, key_from(b"another secret"))

    assert isinstance(broken.value, BlobFault)
    assert "S3CR3T" not in broken.value.message


def test_a_secret_does_not_open_under_the_uri_of_another() -> None:
    stored = sealed(f"{URI}?sig=S3CR3T", KEY)

    with pytest.raises(SealBroken):
        opened(Sealed("https://evil.tld/c/b?sig=REDACTED", stored.secret), KEY)


@pytest.mark.parametrize("secret", ["x", "!!!!", "AAAA", "A" * 200])
def test_a_secret_that_is_damaged_does_not_open(secret: str) -> None:
    with pytest.raises(SealBroken):
        opened(Sealed(URI, secret), KEY)


def test_a_key_of_256_bits_goes_with_each_secret() -> None:
    assert len(KEY) * 8 == 256
    assert KEY == key_from(b"a secret") != key_from(b"another secret")
