"""What is counted at the door: by the writing thread, and by those who queue before it."""

from pathlib import Path
from typing import Any, Final

from nuqta.seen.meters import Family, Sheet, seconds

FAULT_KINDS: Final = (
    "busy", "full", "unknown", "damaged", "clock_moved", "queue_full", "closed", "storage",
    "defect",
)  # fmt: skip
"""What may go wrong; `storage` is any other trouble of the store, `defect` a mistake of ours."""
_JOBS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)
_KINDS: Final = tuple((kind,) for kind in FAULT_KINDS)

FAMILIES: Final = (
    Family("nuqta_door_batch_jobs", "histogram", "Jobs that one commit carried.", bounds=_JOBS),
    seconds("nuqta_door_commit_seconds", "Seconds of COMMIT: the log is written and synced."),
    seconds("nuqta_door_transaction_seconds", "Seconds of a transaction, its commit included."),
    Family("nuqta_door_retried_batches", "counter", "Batches that were tried again job by job."),
    Family("nuqta_door_unknown_jobs", "counter", "Jobs of which nobody knows whether they are done:"
           " the same key settles it."),
    Family("nuqta_door_failed_batches", "counter", "Commits that failed, by what was wrong.",
           ("kind",), _KINDS),
    Family("nuqta_door_queue_length", "gauge", "Jobs that wait for the door."),
    Family("nuqta_door_failing", "gauge", "1 while the last commit failed, else 0."),
)  # fmt: skip


def kind_of(fault: BaseException) -> str:
    """Which of FAULT_KINDS a fault is; what is no fault of the store's is a defect."""
    kind = getattr(fault, "kind", "defect")
    return kind if kind in FAULT_KINDS else "storage"


class DoorMeters:
    """The door's cells. Every method but `queued` belongs to the writing thread."""

    def __init__(self, folder: Path | None = None) -> None:
        self.sheet = Sheet("door", FAMILIES, folder)
        self._cells: Any = self.sheet.cells
        self._batch = self.sheet.histogram("nuqta_door_batch_jobs")
        self._commit = self.sheet.histogram("nuqta_door_commit_seconds")
        self._transaction = self.sheet.histogram("nuqta_door_transaction_seconds")
        self._retried = self.sheet.at("nuqta_door_retried_batches")
        self._unknown = self.sheet.at("nuqta_door_unknown_jobs")
        self._queue = self.sheet.at("nuqta_door_queue_length")
        self._failing = self.sheet.at("nuqta_door_failing")

    def queued(self, length: int) -> None:
        """So many jobs wait. Any thread may say it: it is set, and nothing is added."""
        self._cells[self._queue] = length

    def done(self, jobs: int, transaction_ns: int, commit_ns: int) -> None:
        """A transaction with so many jobs was committed."""
        self._batch.add(jobs)
        self._commit.add(commit_ns)
        self._transaction.add(transaction_ns)
        self._cells[self._failing] = 0

    def failed(self, fault: BaseException, jobs: int) -> None:
        """A transaction with so many jobs was not committed, or nobody knows."""
        kind = kind_of(fault)
        self._cells[self.sheet.at("nuqta_door_failed_batches", (kind,))] += 1
        if kind == "unknown":
            self._cells[self._unknown] += jobs

    def failing(self) -> None:
        """No commit can be made as things stand."""
        self._cells[self._failing] = 1

    def retried(self) -> None:
        """A batch fell, and its jobs are tried one by one."""
        self._cells[self._retried] += 1
