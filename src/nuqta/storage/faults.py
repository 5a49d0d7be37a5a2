"""What may go wrong below the books: faults, which are exceptions, never answers of the table."""

from typing import ClassVar


class StorageFault(Exception):
    """The store could not do what was asked; nothing of it has happened.

    `sentence` is for people; a log also wants to know what the store was `doing`. `kind` is one of
    seen.door.FAULT_KINDS, for whoever counts.
    """

    kind: ClassVar[str] = "storage"

    def __init__(self, sentence: str, doing: str = "") -> None:
        super().__init__(f"{doing}: {sentence}" if doing else sentence)
        self.sentence = sentence


class Busy(StorageFault):
    """Another process held the write lock for longer than the setting allows."""

    kind = "busy"


class Full(StorageFault):
    """There is no room left to write; reads go on."""

    kind = "full"


class Unknown(StorageFault):
    """The fate of a commit is not known; the same key settles it."""

    kind = "unknown"


class Damaged(StorageFault):
    """A row does not agree with its own checksum; the message names the row."""

    kind = "damaged"


class CannotStart(StorageFault):
    """A start-up gate is closed; the message says which and what to do."""
