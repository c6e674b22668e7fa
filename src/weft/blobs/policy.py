"""Which URIs may be opened: files below the configured roots, blobs of the configured hosts, no others.

A URI is compared with what is configured, character by character; nothing is guessed, corrected or resolved
to find out whether it is harmless.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from urllib.parse import unquote_to_bytes

from weft.blobs.account import Account
from weft.blobs.names import AzureName, Base, BlobName, LocalName, authority
from weft.blobs.secrets import redacted
from weft.settings import BlobSettings

NAMING_RULES = (
    "https://docs.microsoft.com/en-us/rest/api/storageservices/"
    "naming-and-referencing-containers--blobs--and-metadata"
)
UNDETERMINED = "Invalid URI: The format of the URI could not be determined."
LONGEST_CHARACTERS = 8192
LONGEST_BLOB_NAME = 1024
_SHOWN_CHARACTERS = 1024
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FILE = re.compile(r"file://(?:localhost)?(?P<path>/[^?#]*)", re.IGNORECASE)
_HTTP = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?]*)(?P<path>/[^?]*)?(?:\?(?P<query>.*))?", re.IGNORECASE
)
_QUERY = re.compile(r"[A-Za-z0-9%&=._~:/+,;@!$*()?-]*")
_NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(?:-[a-z0-9]+)*|\$root|\$web")
_NO_FILES = tuple(Path(path) for path in ("/dev", "/proc", "/sys"))
# The fields of a shared access signature (Microsoft Learn, "Create an account SAS", "... a service SAS",
# "... a user delegation SAS"). Others, such as `comp`, would change what is asked of the storage.
_SIGNATURE_FIELDS = re.compile(
    r"sv|ss|srt|sp|st|se|sip|spr|sig|sr|si|sdd|ses|skoid|sktid|skt|ske|sks|skv|saoid|suoid|scid"
    r"|rscc|rscd|rsce|rscl|rsct"
)


class UriRefused(Exception):
    """The URI is not allowed. *uri* is redacted; *message* is worded as the live service words it."""

    def __init__(self, uri: str, reason: str) -> None:
        self.uri = redacted(_CONTROL.sub("", uri))[:_SHOWN_CHARACTERS]
        self.reason = reason
        self.message = (
            f"Azure Storage Blob URI '{self.uri}' failed validation. {reason} Please check: {NAMING_RULES}"
        )
        super().__init__(self.message)


class _Unusable(Exception):
    """*reason*: a whole sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Policy:
    """What the settings allow. Its checks look at the file system, so call them in a thread."""

    def __init__(self, settings: BlobSettings) -> None:
        """Raises ValueError where the settings make no sense."""
        self._roots = tuple(root.resolve() for root in settings.roots)
        self._private = tuple(place.resolve() for place in settings.private)
        self._bases = tuple(_configured(host) for host in settings.hosts)
        self._account = Account.parse(settings.connection) if settings.connection else None

    def check(self, input_uri: str, output_uri: str) -> None:
        """Raises UriRefused for two URIs that an import may not read and write."""
        source, output = self.check_uri(input_uri), self.check_uri(output_uri)
        if are_same(source, output):
            raise UriRefused(output_uri, "The output blob must not be the input blob.")
        if _has_more_names(output):
            raise UriRefused(output_uri, "The output file has more than one hard link.")

    def check_uri(self, uri: str) -> BlobName:
        """Return what *uri* names. Raises UriRefused."""
        try:
            return self._named(uri)
        except _Unusable as fault:
            raise UriRefused(uri, fault.reason) from None

    def account_of(self, name: AzureName) -> Account | None:
        """Return the account whose key opens *name*: a signature in the URI goes before it."""
        if name.query or self._account is None or not self._account.opens(name):
            return None
        return self._account

    def _named(self, uri: str) -> BlobName:
        scheme = _SCHEME.match(uri)
        if scheme is None and not uri.startswith("/"):
            raise _Unusable(UNDETERMINED)
        _check_text(uri)
        if scheme is None:
            return self._local(uri)
        match scheme[1].lower():
            case "file":
                return self._local(_path_of_file_uri(uri))
            case "http" | "https":
                return self._azure(uri)
        raise _Unusable(f"The scheme '{scheme[1][:20]}' is none of http, https and file.")

    def _local(self, text: str) -> LocalName:
        if text.startswith("//") or text.endswith("/"):
            raise _Unusable("The path does not name a file.")
        path = _resolved(text)
        if any(path.is_relative_to(place) for place in _NO_FILES):
            raise _Unusable("There are no blobs in /dev, /proc and /sys.")
        if any(path.is_relative_to(place) for place in self._private):
            raise _Unusable("The path lies in the directory where weft keeps its own data.")
        for root in self._roots:
            if path != root and path.is_relative_to(root):
                return LocalName(root, path)
        raise _Unusable("The path lies in none of the directories that are set up for blobs.")

    def _azure(self, uri: str) -> AzureName:
        found = _HTTP.fullmatch(uri)
        if found is None or "#" in uri or " " in uri:
            raise _Unusable("The URI holds a fragment or a space, or nothing that could be a host.")
        base = self._base(found["scheme"].lower(), found["authority"], found["path"] or "/")
        container, blob = _container_and_blob((found["path"] or "/").removeprefix(base.path))
        if found["query"] is not None:
            _check_signature(found["query"])
        return AzureName(base, container, blob, found["query"] or "")

    def _base(self, scheme: str, netloc: str, path: str) -> Base:
        try:
            host, port = authority(netloc, scheme)
        except ValueError:
            raise _Unusable("The URI does not have a plain host with an optional port.") from None
        for base in self._bases:
            if (base.scheme, base.host, base.port) == (scheme, host, port) and path.startswith(base.path):
                return base
        raise _Unusable("The host is none of the storage hosts that are set up for blobs.")


def are_same(one: BlobName, other: BlobName) -> bool:
    """Return whether both name one blob, by whatever spelling, link or signature."""
    if isinstance(one, AzureName) and isinstance(other, AzureName):
        return one.identity == other.identity
    if isinstance(one, LocalName) and isinstance(other, LocalName):
        return one.path == other.path or _are_one_file(one.path, other.path)
    return False


def _are_one_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False  # one of them is not there, or not for us


def _has_more_names(blob: BlobName) -> bool:
    """Return whether *blob* is a file that is there under another name too, maybe outside of the roots."""
    if not isinstance(blob, LocalName):
        return False
    try:
        status = blob.path.lstat()
    except OSError:
        return False  # not there, or not for us: the opening tells it
    return stat.S_ISREG(status.st_mode) and status.st_nlink > 1


def _configured(host: str) -> Base:
    try:
        return Base.parse(host)
    except ValueError as fault:
        raise ValueError(f"the storage host '{redacted(host)}' cannot be used: {fault}") from None


def _check_text(text: str) -> None:
    if len(text) > LONGEST_CHARACTERS:
        raise _Unusable(f"The URI is longer than {LONGEST_CHARACTERS} characters.")
    if _CONTROL.search(text) or "\\" in text:
        raise _Unusable("The URI holds a backslash, a control character or half a character.")


def _path_of_file_uri(uri: str) -> str:
    found = _FILE.fullmatch(uri)
    if found is None:
        raise _Unusable("A file URI has the form file:///PATH, without a host, a query or a fragment.")
    return _decoded(found["path"])


def _decoded(text: str) -> str:
    if _NO_ESCAPE.search(text):
        raise _Unusable("A percent sign must be followed by two hexadecimal digits.")
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise _Unusable("The percent-encoded bytes are not UTF-8.") from None
    _check_text(decoded)
    return decoded


def _resolved(text: str) -> Path:
    try:
        os.fsencode(text)
        return Path(text).resolve()
    except (OSError, RuntimeError, UnicodeEncodeError):  # such as a link that leads to itself
        raise _Unusable("The path cannot be followed to its end.") from None


def _container_and_blob(path: str) -> tuple[str, str]:
    container, _, rest = path.partition("/")
    blob = _decoded(rest)
    if not _CONTAINER.fullmatch(container) or not blob:
        raise _Unusable("The URI must name a container and a blob in it.")
    parts = blob.split("/")
    if len(blob) > LONGEST_BLOB_NAME or any(part == "" or part.endswith(".") for part in parts):
        raise _Unusable("The name of the blob is too long, or a part of it is empty or ends with a dot.")
    return container, blob


def _check_signature(query: str) -> None:
    if not _QUERY.fullmatch(query):
        raise _Unusable("The query holds characters that must be percent-encoded.")
    names = [part.partition("=")[0] for part in query.split("&")]
    if not all(map(_SIGNATURE_FIELDS.fullmatch, names)) or len(set(names)) < len(names):
        raise _Unusable("The query may hold the fields of one shared access signature, each once.")
    if not re.search(r"(?:^|&)sig=[^&]", query):
        raise _Unusable("The query holds no signature (sig).")
