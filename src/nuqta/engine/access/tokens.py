"""Tokens: opaque texts of 256 random bits, shown once and kept only as a keyed digest.

A token reads `<prefix>_<key id>_<dkey, customers' only>_<64 hex digits>`: the prefix tells kinds
apart and lets secret scanners find a leak, the key id names the digest key, the dkey the shard on
which a customer's session lies. The digest covers the whole text. Keyed BLAKE2b with a copied
state costs 0.7 µs; HMAC-SHA-256 cost the balance read 20 µs more.
Source: contract, decisions, section 3; design, performance.
"""

import contextlib
import fcntl
import os
import secrets
from hashlib import blake2b
from pathlib import Path
from typing import Final

from nuqta.storage.faults import CannotStart

PARTNER: Final = "nqp"
MANAGER: Final = "nqm"
CUSTOMER: Final = "nqc"
ORDERS: Final = "nqo"
STAFF: Final = "nqs"
SECRET: Final = "nqk"
CODE: Final = "nqg"
REFRESH: Final = "nqr"
SEED: Final = "seed"
"""Stands in a kept answer for the prefix of a token, which is made from the text and a key."""
NO_DKEY: Final = -1
"""Where a text names no shard: a dkey that no row has, so that looking it up costs the same."""

_SECRET_LENGTH_MIN: Final = 32
_DKEY_MAX: Final = 2**63 - 1


class Keyring:
    """The digest keys in force, the newest first; new tokens are made under the newest.

    Keys of a `file` are read anew where it has changed: by `look`, before a token is made, and
    where one names a key that is not known. So all processes agree on a token, however soon it
    comes.
    """

    def __init__(
        self, keys: list[str], source: str = "NUQTA_SECRET", file: Path | None = None
    ) -> None:
        self._source = source
        self._file = file
        self._read: tuple[int, int, int] | None = None  # the first look reads once more
        self._take(keys)

    def _take(self, keys: list[str]) -> None:
        if not keys or any(len(key) < _SECRET_LENGTH_MIN for key in keys):
            raise CannotStart(
                f"{self._source} holds no key of {_SECRET_LENGTH_MIN} or more characters"
            )
        states = [blake2b(key=blake2b(key.encode()).digest(), digest_size=32) for key in keys[:2]]
        ids = [key_id(key) for key in keys[:2]]
        self._states = dict(zip(ids, states, strict=True))
        self._newest, self._newest_id = states[0], ids[0]

    def look(self) -> bool:
        """Take over what the key file holds where it has changed, and whether it has. One that
        cannot be read, or holds no key, changes nothing: the next start will say so."""
        if self._file is None or (found := _identity(self._file)) == self._read:
            return False
        try:
            self._take(self._file.read_text().split())
        except (OSError, ValueError, CannotStart):
            return False
        self._read = found
        return True

    def mint(self, prefix: str, dkey: int | None = None) -> str:
        """A new token of that kind; its digest is what may be kept."""
        self.look()
        shard = "" if dkey is None else f"{dkey:x}_"
        return f"{prefix}_{self._newest_id}_{shard}{secrets.token_hex(32)}"

    def grown(self, seed: str, prefix: str, key: str) -> str:
        """The token that stands for a seed, which may be kept: whoever reads it and has no digest
        key cannot make the token. `key` is the call's Idempotency-Key."""
        head, digits = seed.removeprefix(SEED).rsplit("_", 1)
        state = self._states.get(head[1:9], self._newest).copy()
        state.update("\x00".join(("seed", head, digits, key)).encode("utf-8", "surrogatepass"))
        return f"{prefix}{head}_{state.hexdigest()}"

    def digest(self, token: str) -> bytes:
        """32 bytes that stand for the token; for any text, whatever it is."""
        # A token's key id stands at a fixed place: every prefix has three letters.
        state = self._states.get(token[4:12])
        if state is None:
            if self.look():
                return self.digest(token)
            state = self._newest
        state = state.copy()
        state.update(token.encode("utf-8", "surrogatepass"))
        return state.digest()

    def digest_of(self, *parts: object) -> bytes:
        """The keyed digest of something that is no token, under the newest key."""
        state = self._newest.copy()
        state.update("\x00".join(map(str, parts)).encode("utf-8", "surrogatepass"))
        return state.digest()


def dkey_in(token: str) -> int:
    """The shard that a customer's token names; NO_DKEY where the text is none."""
    parts = token.split("_")
    if len(parts) != 4 or parts[0] != CUSTOMER or len(parts[2]) > 16:
        return NO_DKEY
    try:
        dkey = int(parts[2], 16)
    except ValueError:
        return NO_DKEY
    return dkey if 0 <= dkey <= _DKEY_MAX else NO_DKEY


def key_file(database: Path) -> Path:
    """Where the key of a database lies when no setting gives it."""
    return database.with_name(database.name + ".key")


def key_id(key: str) -> str:
    """What names a key in the tokens that were made under it; it tells nothing of the key."""
    return blake2b(key.encode(), digest_size=4).hexdigest()


def _identity(file: Path | None) -> tuple[int, int, int] | None:
    """Which file stands there, and as of when; None for none."""
    try:
        found = file.stat() if file else None
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size) if found else None


def make_key_file(database: Path) -> Path:
    """The database's key file, made where there is none: readable by its owner alone."""
    path = key_file(database)
    with contextlib.suppress(FileExistsError):
        _write(path, [secrets.token_hex(32)])
    return path


def key_ids(database: Path) -> list[str]:
    """The ids of the keys in the key file, the newest first. Raises CannotStart."""
    return [key_id(key) for key in _lines(key_file(database))]


def rotate_key_file(database: Path) -> list[str]:
    """Put a new key in front of the newest in the key file; the ids of all that were there, with
    the new one's first. Of three, the last is dropped, and what was made under it ends.

    The file is there, old or new, at every instant. Raises CannotStart where there is none, and
    OSError.
    """
    path = key_file(database)
    # Whoever else rotates waits: the folder is locked, because the file will be another one.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        keys = [secrets.token_hex(32), *_lines(path)[:2]]
        beside = path.with_name(path.name + ".new")
        beside.unlink(missing_ok=True)  # of a rotation that was cut
        _write(beside, keys[:2])
        beside.replace(path)
        os.fsync(folder)
    finally:
        os.close(folder)
    return [key_id(key) for key in keys]


def _write(path: Path, keys: list[str]) -> None:
    """A new file with these keys, one a line, on disk. Raises FileExistsError where one is."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write("".join(f"{key}\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError as error:
        raise CannotStart(
            f"the key file {path} cannot be read: put it back, or set NUQTA_SECRET"
        ) from error


def read_keyring(secret: str, database: Path) -> Keyring:
    """The keys from the setting, or from the key file: one a line, the newest first.

    Raises CannotStart where there is neither.
    """
    if secret:
        return Keyring([key.strip() for key in secret.split(",")])
    path = key_file(database)
    return Keyring(_lines(path), str(path), path)
