"""What is tortured: the faults of docs/reliability.md, one row each. No test stands here."""

from typing import Final

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One row: what is done, at least how often of which count, and what must hold after it."""

    sentence: str
    least: int
    unit: str
    holds: str


FAULTS: Final = {
    "power": Fault(
        "The power is cut at every call to the disk, also during recovery; what was not synced is"
        " dropped, torn or reordered",
        1_000, "cuts", "every acknowledged change is there, I1-I9 hold",
    ),
    "kill": Fault(
        "The server is killed under load, at random and at named points", 200, "kills",
        "the same keys retried: every effect once; every acknowledgement is there",
    ),
    "disk": Fault(
        "A sync fails, the disk is full, a bit flips in the file", 3, "faults",
        "unknown, 503, or refused to start with the row named; never a wrong balance",
    ),
    "clock": Fault(
        "The clock jumps by years both ways, and stands still", 50, "jumps",
        "expired stays expired; versions and recorded instants stay in order",
    ),
    "race": Fault(
        "32 clients on one balance, then 1,000 connections on many, with kills", 100_000,
        "operations", "linearizable by version; no point is spent twice",
    ),
    "key": Fault(
        "50 clients send one key at once, and again after a restart", 1_000, "keys",
        "one effect, equal answers",
    ),
    "cut": Fault(
        "The connection is cut after every byte of a request and of its answer", 1, "cuts",
        "a retry under the same key ends right",
    ),
    "wire": Fault(
        "Slow senders, slow readers, huge and broken requests, raw bytes", 10_000, "requests",
        "a defined answer in time, bounded memory, no 500, no stack trace",
    ),
    "tamper": Fault(
        "Entries are changed, removed or swapped by hand in the database", 1, "entries",
        "`nuqta audit --full` names them",
    ),
    "mutants": Fault(
        "The ledger and the door are changed, one mutant at a time", 1, "mutants",
        "nine of ten mutants are killed; every branch of both is reached",
    ),
}  # fmt: skip
"""In the order of the page."""
