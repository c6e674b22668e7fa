"""Which URIs are let through: S40 to S54 of the promises, as far as they concern blobs."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import NoReturn

import pytest

from weft.blobs.names import AzureName, LocalName
from weft.blobs.policy import NAMING_RULES, Policy, UriRefused
from weft.settings import BlobSettings

ACCT = "https://acct.blob.core.windows.net"
AZURITE = "http://127.0.0.1:10000/devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture
def policy(root: Path) -> Policy:
    return Policy(BlobSettings(roots=(root,), hosts=(ACCT, AZURITE)))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check makes no connection and asks no name server."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a check used the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


# What each is refused for: a piece of the reason.
UNDETERMINED = "The format of the URI could not be determined."
NO_HOST = "none of the storage hosts"
NO_PLAIN_HOST = "a plain host"
NO_ROOT = "none of the directories"
NO_SCHEME = "none of http, https and file"
NO_TEXT = "a backslash, a control character or half a character"
NO_FILE = "does not name a file"
NO_FILE_URI = "the form file:///PATH"
NO_BLOB = "must name a container and a blob"
NO_BLOB_NAME = "The name of the blob"
NO_SPACE = "a fragment or a space"
NO_SIGNATURE = "no signature"
NO_FIELDS = "the fields of one shared access signature"
NO_ESCAPE = "two hexadecimal digits"
NO_UTF8 = "not UTF-8"

REFUSED = {
    "S40 metadata of clouds": ("http://169.254.169.254/latest/meta-data", NO_HOST),
    "S40 the same, encoded": ("http://%31%36%39.254.169.254/c/b", NO_PLAIN_HOST),
    "S41 platform address of Azure": ("http://168.63.129.16/c/b", NO_HOST),
    "S41 metadata of Google": ("http://metadata.google.internal/c/b", NO_HOST),
    "S42 another port of loopback": ("http://127.0.0.1:10001/devstoreaccount1/c/b", NO_HOST),
    "S42 loopback without a port": ("http://127.0.0.1/devstoreaccount1/c/b", NO_HOST),
    "S42 localhost": ("http://localhost:10000/devstoreaccount1/c/b", NO_HOST),
    "S42 localhost in capitals": ("http://LOCALHOST:10000/devstoreaccount1/c/b", NO_HOST),
    "S42 IPv6 loopback": ("http://[::1]:10000/devstoreaccount1/c/b", NO_HOST),
    "S42 IPv6-mapped": ("http://[::ffff:127.0.0.1]:10000/devstoreaccount1/c/b", NO_HOST),
    "S42 IPv6-mapped in hexadecimal": ("http://[::ffff:7f00:1]:10000/devstoreaccount1/c/b", NO_HOST),
    "S42 IPv6 unspecified": ("http://[::]:10000/devstoreaccount1/c/b", NO_HOST),
    "S42 IPv6 with a zone": ("http://[fe80::1%25eth0]:10000/devstoreaccount1/c/b", NO_PLAIN_HOST),
    "S42 hexadecimal": ("http://0x7f000001:10000/devstoreaccount1/c/b", NO_HOST),
    "S42 an integer": ("http://2130706433:10000/devstoreaccount1/c/b", NO_HOST),
    "S42 octal": ("http://0177.0.0.1:10000/devstoreaccount1/c/b", NO_HOST),
    "S42 leading zeros": ("http://127.0.0.01:10000/devstoreaccount1/c/b", NO_HOST),
    "S42 short form": ("http://127.1:10000/devstoreaccount1/c/b", NO_HOST),
    "S42 unspecified": ("http://0.0.0.0:10000/devstoreaccount1/c/b", NO_HOST),
    "S42 full-width digits": ("http://\uff11\uff12\uff17.0.0.1:10000/devstoreaccount1/c/b", NO_PLAIN_HOST),
    "S42 ideographic full stop": (
        "http://127\u30020\u30020\u30021:10000/devstoreaccount1/c/b",
        NO_PLAIN_HOST,
    ),
    "S42 a name for loopback": ("http://127.0.0.1.nip.io:10000/devstoreaccount1/c/b", NO_HOST),
    "S43 a file outside": ("file:///etc/passwd", NO_ROOT),
    "S43 gopher": ("gopher://127.0.0.1:70/_c", NO_SCHEME),
    "S43 ftp": ("ftp://acct.blob.core.windows.net/c/b", NO_SCHEME),
    "S43 data": ("data:application/json,{}", NO_SCHEME),
    "S43 javascript": ("javascript:alert(1)", NO_SCHEME),
    "S43 wasbs": ("wasbs://c@acct.blob.core.windows.net/b", NO_SCHEME),
    "S43 s3": ("s3://bucket/key", NO_SCHEME),
    "S43 a Windows share": (r"\\host\share", UNDETERMINED),
    "S43 the share with slashes": ("//host/share/b", NO_FILE),
    "S43 a Windows drive": (r"C:\import.ndjson", NO_TEXT),
    "S43 a host without a scheme": ("acct.blob.core.windows.net/c/b", UNDETERMINED),
    "S43 a scheme within": ("url:https://acct.blob.core.windows.net/c/b", NO_SCHEME),
    "S44 the host as a user": ("https://acct.blob.core.windows.net@evil/c/b", NO_PLAIN_HOST),
    "S44 the host as user and password": (f"{ACCT}:443@evil.tld/c/b", NO_PLAIN_HOST),
    "S44 a user of the host": ("https://user:secret@acct.blob.core.windows.net/c/b", NO_PLAIN_HOST),
    "S44 an empty user": ("https://@acct.blob.core.windows.net/c/b", NO_PLAIN_HOST),
    "S44 the host with more behind": ("https://acct.blob.core.windows.net.evil.tld/c/b", NO_HOST),
    "S44 the host with more before": ("https://evil-acct.blob.core.windows.net/c/b", NO_HOST),
    "S44 a host below": ("https://x.acct.blob.core.windows.net/c/b", NO_HOST),
    "S44 a fragment with a user": ("https://acct.blob.core.windows.net#@evil/c/b", NO_SPACE),
    "S44 a fragment": (f"{ACCT}/c/b#x", NO_SPACE),
    "S44 a backslash for a slash": (f"{ACCT}\\@evil/c/b", NO_TEXT),
    "S44 an encoded backslash": (f"{ACCT}/cont/a%5Cb", NO_TEXT),
    "S44 a tab": ("https://acct.blob.core.windows.net/cont\t/b", NO_TEXT),
    "S44 a tab in the scheme": ("ht\ttps://acct.blob.core.windows.net/cont/b", UNDETERMINED),
    "S44 a new line": (f"{ACCT}/cont/b\r\nHost: evil", NO_TEXT),
    "S44 an encoded new line": (f"{ACCT}/cont/b%0d%0aHost:evil", NO_TEXT),
    "S44 an encoded NUL": (f"{ACCT}/cont/b%00", NO_TEXT),
    "S44 a space before": (f" {ACCT}/cont/b", UNDETERMINED),
    "S44 a space in the host": ("https://acct.blob.core.windows.net .evil/cont/b", NO_SPACE),
    "S44 a dot behind the host": ("https://acct.blob.core.windows.net./cont/b", NO_HOST),
    "S44 another letter i": ("https://acct.blob.core.w\u0131ndows.net/cont/b", NO_PLAIN_HOST),
    "S44 no host": ("https:///cont/b", NO_PLAIN_HOST),
    "S44 no slashes": ("https:acct.blob.core.windows.net/cont/b", NO_SPACE),
    "S44 http for https": ("http://acct.blob.core.windows.net/cont/b", NO_HOST),
    "S44 https for http": ("https://127.0.0.1:10000/devstoreaccount1/cont/b", NO_HOST),
    "S47 port of ssh": (f"{ACCT}:22/cont/b", NO_HOST),
    "S47 port of mail": (f"{ACCT}:25/cont/b", NO_HOST),
    "S47 port of redis": (f"{ACCT}:6379/cont/b", NO_HOST),
    "S47 port 80 of https": (f"{ACCT}:80/cont/b", NO_HOST),
    "S47 port 0": (f"{ACCT}:0/cont/b", NO_HOST),
    "S47 port that wraps around": (f"{ACCT}:65979/cont/b", NO_HOST),
    "S47 port of six digits": (f"{ACCT}:000443/cont/b", NO_PLAIN_HOST),
    "S47 no number": (f"{ACCT}:https/cont/b", NO_PLAIN_HOST),
    "S47 an empty port": (f"{ACCT}:/cont/b", NO_PLAIN_HOST),
    "S47 full-width port": (f"{ACCT}:\uff14\uff14\uff13/cont/b", NO_PLAIN_HOST),
    "another account of Azurite": ("http://127.0.0.1:10000/other/cont/b", NO_HOST),
    "an account whose name begins so": ("http://127.0.0.1:10000/devstoreaccount12/cont/b", NO_HOST),
    "out of the account": (f"{AZURITE}/../other/cont/b", NO_BLOB),
    "the account, encoded": ("http://127.0.0.1:10000/%64evstoreaccount1/cont/b", NO_HOST),
    "no container": (f"{ACCT}/", NO_BLOB),
    "nothing behind the host": (ACCT, NO_BLOB),
    "no blob": (f"{ACCT}/cont", NO_BLOB),
    "no blob behind a slash": (f"{ACCT}/cont/", NO_BLOB),
    "a container in capitals": (f"{ACCT}/Container/b", NO_BLOB),
    "a container of two letters": (f"{ACCT}/ab/b", NO_BLOB),
    "a container of 64 letters": (f"{ACCT}/{'a' * 64}/b", NO_BLOB),
    "a container with two hyphens": (f"{ACCT}/a--b/b", NO_BLOB),
    "a container with a slash": (f"{ACCT}/con%2Ftainer/b", NO_BLOB),
    "out of the container": (f"{ACCT}/cont/../other/b", NO_BLOB_NAME),
    "out of the container, encoded": (f"{ACCT}/cont/%2e%2e/other/b", NO_BLOB_NAME),
    "an empty part": (f"{ACCT}/cont//b", NO_BLOB_NAME),
    "a blob that is a directory": (f"{ACCT}/cont/b/", NO_BLOB_NAME),
    "a blob name of 1,025 characters": (f"{ACCT}/cont/{'b' * 1025}", NO_BLOB_NAME),
    "half an escape": (f"{ACCT}/cont/100%", NO_ESCAPE),
    "no escape": (f"{ACCT}/cont/%zz", NO_ESCAPE),
    "bytes that are no text": (f"{ACCT}/cont/%ff", NO_UTF8),
    "another operation": (f"{ACCT}/cont/b?comp=lease&sig=x", NO_FIELDS),
    "another kind of thing": (f"{ACCT}/cont/b?restype=container&sig=x", NO_FIELDS),
    "a snapshot": (f"{ACCT}/cont/b?snapshot=2026-01-01T00:00:00Z&sig=x", NO_FIELDS),
    "an encoded field": (f"{ACCT}/cont/b?%73ig=x", NO_FIELDS),
    "a field in capitals": (f"{ACCT}/cont/b?SIG=x", NO_FIELDS),
    "two signatures": (f"{ACCT}/cont/b?sig=x&sig=y", NO_FIELDS),
    "an empty query": (f"{ACCT}/cont/b?", NO_FIELDS),
    "a query without a signature": (f"{ACCT}/cont/b?sv=2024-11-04", NO_SIGNATURE),
    "other letters in the query": (f"{ACCT}/cont/b?sig=\u00e4", "must be percent-encoded"),
    "an empty signature": (f"{ACCT}/cont/b?sv=2024-11-04&sig=", NO_SIGNATURE),
    "nothing": ("", UNDETERMINED),
    "a word": ("invalidUri", UNDETERMINED),
    "a relative path": ("data/import.ndjson", UNDETERMINED),
    "a relative path upwards": ("../import.ndjson", UNDETERMINED),
    "the home of a user": ("~/import.ndjson", UNDETERMINED),
    "a path to another place": ("/etc/passwd", NO_ROOT),
    "the root of all": ("/", NO_FILE),
    "S51 environment of a process": ("/proc/self/environ", "no blobs in /dev, /proc and /sys"),
    "S51 a device": ("/dev/zero", "no blobs in /dev, /proc and /sys"),
    "S51 a device as a URI": ("file:///dev/zero", "no blobs in /dev, /proc and /sys"),
    "S51 kernel settings": ("/sys/kernel/uevent_seqnum", "no blobs in /dev, /proc and /sys"),
    "a path with a NUL": ("/tmp/a\0b", NO_TEXT),
    "a path with half a character": ("/tmp/\udc80", NO_TEXT),
    "a name that is too long": ("/" + "a" * 5000, NO_ROOT),
    "a URI that is too long": ("/" + "a" * 8192, "longer than 8192"),
    "a file on a host": ("file://fileserver/share/b", NO_FILE_URI),
    "a file without slashes": ("file:/etc/passwd", NO_FILE_URI),
    "a file with a query": ("file:///etc/passwd?x", NO_FILE_URI),
    "a file with a fragment": ("file:///etc/passwd#x", NO_FILE_URI),
    "a file with a port": ("file://localhost:80/etc/passwd", NO_FILE_URI),
    "a file with an encoded NUL": ("file:///tmp/a%00b", NO_TEXT),
    "a file with an encoded slash first": ("file:///%2Fhost/share", NO_FILE),
    "a file with half an escape": ("file:///tmp/100%", NO_ESCAPE),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_configured_is_refused(policy: Policy, case: str) -> None:
    uri, reason = REFUSED[case]

    with pytest.raises(UriRefused) as refused:
        policy.check_uri(uri)

    assert reason in refused.value.reason
    assert refused.value.message.startswith("Azure Storage Blob URI '")
    assert refused.value.message.endswith(
        f"' failed validation. {refused.value.reason} Please check: {NAMING_RULES}"
    )


ALLOWED = {
    "a blob": (f"{ACCT}/cont/b", f"{ACCT}/cont/b"),
    "a blob in a folder": (f"{ACCT}/cont/a/b.ndjson", f"{ACCT}/cont/a/b.ndjson"),
    "a host in capitals": ("HTTPS://ACCT.blob.core.windows.net/cont/B", f"{ACCT}/cont/B"),
    "the port that is meant": (f"{ACCT}:443/cont/b", f"{ACCT}/cont/b"),
    "an escape that is not needed": (f"{ACCT}/cont/%62", f"{ACCT}/cont/b"),
    "an escape that is needed": (f"{ACCT}/cont/a%20b%3F", f"{ACCT}/cont/a%20b%3F"),
    "other letters": (f"{ACCT}/cont/ä", f"{ACCT}/cont/%C3%A4"),
    "a signature": (f"{ACCT}/cont/b?sv=1&sr=b&sig=a%2Fb%3D", f"{ACCT}/cont/b?sv=1&sr=b&sig=a%2Fb%3D"),
    "Azurite": (f"{AZURITE}/cont/b", f"{AZURITE}/cont/b"),
    "the container of the root": (f"{ACCT}/$root/b", f"{ACCT}/$root/b"),
    "the longest name": (f"{ACCT}/cont/{'b' * 1024}", f"{ACCT}/cont/{'b' * 1024}"),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_a_blob_of_a_configured_host_is_named_in_one_way(policy: Policy, case: str) -> None:
    given, canonical = ALLOWED[case]

    name = policy.check_uri(given)

    assert isinstance(name, AzureName)
    assert name.uri == canonical


PATHS = {
    "plain": "{root}/a.ndjson",
    "with a detour": "{root}/x/../a.ndjson",
    "with more slashes": "{root}//a.ndjson",
    "a URI": "file://{root}/a.ndjson",
    "a URI of this host": "file://localhost{root}/a.ndjson",
    "a URI in capitals": "FILE://LOCALHOST{root}/a.ndjson",
    "with escapes": "file://{root}/%61.ndjson",
    "with an escaped detour": "file://{root}/sub/%2e%2e/a.ndjson",
}


@pytest.mark.parametrize("case", PATHS)
def test_a_file_below_a_root_is_named_in_one_way(policy: Policy, root: Path, case: str) -> None:
    name = policy.check_uri(PATHS[case].format(root=root))

    assert name == LocalName(root, root / "a.ndjson")


def test_a_name_with_a_space_and_other_letters_is_allowed(policy: Policy, root: Path) -> None:
    assert policy.check_uri(f"{root}/mein Gebäude.ndjson").uri == f"{root}/mein Gebäude.ndjson"


OUTSIDE = {
    "S51 a detour out of the root": "{root}/../secret",
    "S51 a detour in a URI": "file://{root}/../secret",
    "S51 an escaped detour": "file://{root}/%2e%2e/secret",
    "S51 an escaped slash": "file://{root}/..%2Fsecret",
    "S51 a link to a file outside": "{root}/link",
    "S51 a file behind a link": "{root}/up/secret",
    "S51 a link to a link": "{root}/twice",
    "a directory that begins so": "{root}-more/secret",
    "the root itself": "{root}/.",
    "the root in capitals": "{upper}/a.ndjson",
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_a_path_that_leaves_the_root_is_refused(policy: Policy, root: Path, case: str) -> None:
    (root.parent / "secret").write_text("x")
    (root / "link").symlink_to(root.parent / "secret")
    (root / "up").symlink_to(root.parent)
    (root / "twice").symlink_to(root / "link")

    with pytest.raises(UriRefused, match=NO_ROOT):
        policy.check_uri(OUTSIDE[case].format(root=root, upper=str(root).upper()))


def test_a_link_to_itself_is_refused(policy: Policy, root: Path) -> None:
    (root / "loop").symlink_to(root / "loop")

    with pytest.raises(UriRefused, match="followed to its end"):
        policy.check_uri(f"{root}/loop")


def test_what_weft_keeps_for_itself_is_no_blob_even_below_a_root(root: Path) -> None:
    private = root / "data"
    (private / "keys").mkdir(parents=True)
    (root / "link").symlink_to(private)
    policy = Policy(BlobSettings(roots=(root,), private=(private,)))

    for path in ("data/weft.db", "data/keys/signing.pem", "link/graph.db", "data/new", "x/../data/new"):
        with pytest.raises(UriRefused, match="keeps its own data"):
            policy.check_uri(f"{root}/{path}")
    assert policy.check_uri(f"{root}/database").shown == f"{root}/database"


def test_devices_and_processes_are_no_blobs_even_below_a_root() -> None:
    policy = Policy(BlobSettings(roots=(Path("/"),)))

    for path in ("/proc/self/environ", "/dev/zero", "/sys/kernel/uevent_seqnum"):
        with pytest.raises(UriRefused, match="no blobs in"):
            policy.check_uri(path)


def test_where_nothing_is_configured_nothing_is_allowed(root: Path) -> None:
    policy = Policy(BlobSettings())

    for uri in (f"{root}/a", f"file://{root}/a", f"{ACCT}/cont/b", f"{AZURITE}/cont/b"):
        with pytest.raises(UriRefused):
            policy.check_uri(uri)


@pytest.mark.shared
def test_the_refusal_of_a_word_is_the_recorded_one(policy: Policy, shared: Path) -> None:
    recorded = json.loads((shared / "golden" / "twins-import-jobs.json").read_text())["entries"]
    bodies = [entry["body"]["error"]["message"] for entry in recorded if "invalidUri" in entry["req"]]

    with pytest.raises(UriRefused) as refused:
        policy.check("invalidUri", "invalidOutputUri")

    assert [refused.value.message] == bodies


SAME = {
    "S48 the same URI": (f"{ACCT}/cont/b", f"{ACCT}/cont/b"),
    "S48 with another signature": (f"{ACCT}/cont/b?sp=r&sig=a", f"{ACCT}/cont/b?sp=w&sig=b"),
    "S48 with a signature and without": (f"{ACCT}/cont/b", f"{ACCT}/cont/b?sp=w&sig=b"),
    "S48 with an escape": (f"{ACCT}/cont/b", f"{ACCT}/cont/%62"),
    "S48 with the port": (f"{ACCT}/cont/b", f"{ACCT}:443/cont/b"),
    "S48 with capitals in the host": (f"{ACCT}/cont/b", "https://ACCT.BLOB.core.windows.net/cont/b"),
    "S48 over http": (f"{ACCT}/cont/b", "http://acct.blob.core.windows.net/cont/b"),
    "S48 on the secondary": (f"{ACCT}/cont/b", "https://acct-secondary.blob.core.windows.net/cont/b"),
    "S48 as a data lake": (f"{ACCT}/cont/b", "https://acct.dfs.core.windows.net/cont/b"),
    "S48 on localhost": (f"{AZURITE}/cont/b", "http://localhost:10000/devstoreaccount1/cont/b"),
}


@pytest.mark.parametrize("case", SAME)
def test_the_output_is_not_the_input_by_another_spelling(case: str) -> None:
    hosts = [ACCT, AZURITE, ACCT.replace("https", "http"), "http://localhost:10000/devstoreaccount1"]
    more = [ACCT.replace("acct", "acct-secondary"), ACCT.replace("blob", "dfs")]
    policy = Policy(BlobSettings(hosts=(*hosts, *more)))

    with pytest.raises(UriRefused, match="must not be the input"):
        policy.check(*SAME[case])


SAME_FILE = {
    "the same path": "{root}/a",
    "a URI": "file://{root}/a",
    "a detour": "{root}/x/../a",
    "a link": "{root}/link",
    "a hard link": "{root}/hard",
    "through a link to the directory": "{root}/self/a",
    "through another root": "{root}/inner-root/../a",
}


@pytest.mark.parametrize("case", SAME_FILE)
def test_the_output_is_not_the_input_file_by_another_name(policy: Policy, root: Path, case: str) -> None:
    (root / "a").write_text("x")
    (root / "link").symlink_to(root / "a")
    (root / "hard").hardlink_to(root / "a")
    (root / "self").symlink_to(root)

    with pytest.raises(UriRefused, match="must not be the input"):
        policy.check(f"{root}/a", SAME_FILE[case].format(root=root))


def test_an_output_that_is_another_file_too_is_refused(policy: Policy, root: Path, tmp_path: Path) -> None:
    (tmp_path / "signing.key").write_text("secret")
    (root / "log").hardlink_to(tmp_path / "signing.key")

    with pytest.raises(UriRefused, match="more than one hard link"):
        policy.check(f"{root}/a", f"{root}/log")
    policy.check(f"{root}/log", f"{root}/other")


def test_a_file_that_is_still_to_come_is_not_its_own_log(policy: Policy, root: Path) -> None:
    with pytest.raises(UriRefused, match="must not be the input"):
        policy.check(f"{root}/later", f"file://{root}/later")


DIFFERENT = {
    "another blob": f"{ACCT}/cont/c",
    "another container": f"{ACCT}/other/b",
    "a blob in capitals": f"{ACCT}/cont/B",
    "another account": f"{AZURITE}/cont/b",
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_another_blob_may_be_the_output(policy: Policy, case: str) -> None:
    policy.check(f"{ACCT}/cont/b", DIFFERENT[case])

    assert policy.check_uri(DIFFERENT[case]).uri == DIFFERENT[case]


def test_a_file_may_be_the_output_of_a_blob(policy: Policy, root: Path) -> None:
    policy.check(f"{ACCT}/cont/b", f"{root}/log")

    assert policy.check_uri(f"{root}/log") == LocalName(root, root / "log")


SECRETS = {
    "plain": f"{ACCT}/cont/b?sv=1&sig=S3CR3T%3D&comp=x",
    "in capitals": f"{ACCT}/cont/b?SIG=S3CR3T",
    "encoded": f"{ACCT}/cont/b?%73%69%67%3DS3CR3T",
    "with a tab": f"{ACCT}/cont/b?si\tg=S3CR3T",
    "with a new line in it": f"{ACCT}/cont/b?sig=ab\nS3CR3T",
    "with a space in it": f"{ACCT}/cont/b?sig=ab S3CR3T",
    "with a quote in it": f"{ACCT}/cont/b?sig=ab'S3CR3T",
    "of another host": "https://evil.tld/cont/b?sig=S3CR3T",
    "of a user": "https://user:S3CR3T@acct.blob.core.windows.net/cont/b",
    "a connection string": "AccountName=acct;AccountKey=S3CR3T==;EndpointSuffix=core.windows.net",
}


@pytest.mark.parametrize("case", SECRETS)
def test_a_refusal_does_not_tell_the_signature(policy: Policy, case: str) -> None:
    with pytest.raises(UriRefused) as refused:
        policy.check_uri(SECRETS[case])

    told = f"{refused.value} {refused.value!r} {refused.value.uri} {refused.value.__cause__!r}"
    assert "S3CR3T" not in told
    assert "REDACTED" in told


def test_a_name_does_not_show_its_signature(policy: Policy) -> None:
    name = policy.check_uri(f"{ACCT}/cont/b?sv=1&sig=S3CR3T")

    assert "S3CR3T" not in repr(name)
    assert isinstance(name, AzureName)
    assert name.shown == f"{ACCT}/cont/b?sv=1&sig=REDACTED"


BAD_SETTINGS = {
    "a user": "https://user:S3CR3T@acct.blob.core.windows.net",
    "a query": "https://acct.blob.core.windows.net?sig=S3CR3T",
    "a fragment": "https://acct.blob.core.windows.net#x",
    "no scheme": "acct.blob.core.windows.net",
    "another scheme": "ftp://acct.blob.core.windows.net",
    "a star": "https://*",
    "a detour": "https://acct.blob.core.windows.net/a//b",
    "an escape": "https://acct.blob.core.windows.net/%61",
    "nothing": "",
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_a_host_that_cannot_be_meant_is_told_at_the_start(case: str) -> None:
    with pytest.raises(ValueError, match=r"the storage host '.*' cannot be used") as told:
        Policy(BlobSettings(hosts=(BAD_SETTINGS[case],)))

    assert "S3CR3T" not in str(told.value)


CONNECTIONS = {
    "no key": "AccountName=acct",
    "no name": f"AccountKey={KEY}",
    "a key that is no base64": "AccountName=acct;AccountKey=S3CR3T!",
    "an endpoint that is none": f"AccountName=acct;AccountKey={KEY};BlobEndpoint=ftp://x",
    "nonsense": "S3CR3T",
}


@pytest.mark.parametrize("case", CONNECTIONS)
def test_a_connection_string_that_cannot_be_used_is_told_at_the_start(case: str) -> None:
    with pytest.raises(ValueError, match="storage connection string") as told:
        Policy(BlobSettings(connection=CONNECTIONS[case]))

    assert "S3CR3T" not in str(told.value)
    assert KEY not in str(told.value)


CONNECTED = {
    "the usual endpoint": (f"AccountName=acct;AccountKey={KEY}", f"{ACCT}/cont/b"),
    "with suffix": (f"AccountName=acct;AccountKey={KEY};EndpointSuffix=core.windows.net", f"{ACCT}/cont/b"),
    "an endpoint": (f"AccountName=x;AccountKey={KEY};BlobEndpoint={AZURITE}/", f"{AZURITE}/cont/b"),
    "development": ("UseDevelopmentStorage=true", f"{AZURITE}/cont/b"),
}


@pytest.mark.parametrize("case", CONNECTED)
def test_the_account_key_is_used_for_its_account(case: str) -> None:
    connection, uri = CONNECTED[case]
    policy = Policy(BlobSettings(hosts=(ACCT, AZURITE), connection=connection))

    name = policy.check_uri(uri)

    assert isinstance(name, AzureName)
    account = policy.account_of(name)
    assert account is not None
    assert account.key == KEY
    assert KEY not in repr(account)


NOT_CONNECTED = {
    "another account": (f"AccountName=other;AccountKey={KEY}", f"{ACCT}/cont/b"),
    "another scheme": (f"AccountName=acct;AccountKey={KEY};DefaultEndpointsProtocol=http", f"{ACCT}/cont/b"),
    "a signature of its own": (f"AccountName=acct;AccountKey={KEY}", f"{ACCT}/cont/b?sig=x"),
    "an account that begins so": (
        f"AccountName=x;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:10000/devstore",
        f"{AZURITE}/cont/b",
    ),
}


@pytest.mark.parametrize("case", NOT_CONNECTED)
def test_the_account_key_is_not_used_for_others(case: str) -> None:
    connection, uri = NOT_CONNECTED[case]
    policy = Policy(BlobSettings(hosts=(ACCT, AZURITE), connection=connection))

    name = policy.check_uri(uri)

    assert isinstance(name, AzureName)
    assert policy.account_of(name) is None
