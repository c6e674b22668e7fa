"""What can be expected to go wrong with files."""

from __future__ import annotations


class OneLakeError(Exception):
    """The root of the expected errors of files; the message says what is wrong, as a sentence."""


class FilesystemNotFound(OneLakeError):
    """No such workspace, or none that the caller may know of: the two are answered alike."""

    def __init__(self, name: str) -> None:
        super().__init__("The specified filesystem does not exist.")
        self.name = name


class PathNotFound(OneLakeError):
    """No such item, directory or file."""

    def __init__(self) -> None:
        super().__init__("The specified path does not exist.")


class NotPermitted(OneLakeError):
    def __init__(self) -> None:
        super().__init__("This request is not authorized to perform this operation: it needs Contributor.")


class BadPath(OneLakeError):
    """A path that no file can have."""


class PathExists(OneLakeError):
    def __init__(self) -> None:
        super().__init__("The specified path already exists.")


class PathConflict(OneLakeError):
    def __init__(self) -> None:
        super().__init__(
            "The specified path, or an element of the path, exists and its resource type is invalid for this "
            "operation."
        )


class DirectoryNotEmpty(OneLakeError):
    def __init__(self) -> None:
        super().__init__("The recursive query parameter value must be true to delete a non-empty directory.")


class ManagedFolder(OneLakeError):
    """What belongs to the item itself is not for its users to make, move or delete."""

    def __init__(self) -> None:
        super().__init__(
            "Items and their top folders are managed: only what lies in Files and Tables can change."
        )


class ConditionNotMet(OneLakeError):
    """*unchanged*: a reader has what there is already."""

    def __init__(self, *, unchanged: bool = False) -> None:
        super().__init__("The condition specified using HTTP conditional header(s) is not met.")
        self.unchanged = unchanged


class InvalidFlush(OneLakeError):
    def __init__(self) -> None:
        super().__init__(
            "The uploaded data is not contiguous or the position query parameter value is not equal to the "
            "length of the file after appending the uploaded data."
        )


class StillAppending(OneLakeError):
    def __init__(self) -> None:
        super().__init__("Data is being appended to the file; flush it when that has ended.")


class TooLarge(OneLakeError):
    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"A file may have {most_bytes} bytes at most.")


class StorageFull(OneLakeError):
    def __init__(self) -> None:
        super().__init__("There is no room left for files.")
