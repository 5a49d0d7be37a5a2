"""What may go wrong below the books: faults, which are exceptions, never answers of the table."""


class StorageFault(Exception):
    """The store could not do what was asked; nothing of it has happened.

    `sentence` is for people; a log also wants to know what the store was `doing`.
    """

    def __init__(self, sentence: str, doing: str = "") -> None:
        super().__init__(f"{doing}: {sentence}" if doing else sentence)
        self.sentence = sentence


class Busy(StorageFault):
    """Another process held the write lock for longer than the setting allows."""


class Full(StorageFault):
    """There is no room left to write; reads go on."""


class Unknown(StorageFault):
    """The fate of a commit is not known; the same key settles it."""


class Damaged(StorageFault):
    """A row does not agree with its own checksum; the message names the row."""


class CannotStart(StorageFault):
    """A start-up gate is closed; the message says which and what to do."""
