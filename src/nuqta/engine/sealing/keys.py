"""The key that signs a store's heads: Ed25519, in a file of its own beside the database."""

import os
import secrets
from pathlib import Path
from typing import Final

from nuqta.storage.faults import CannotStart

_SEED_DIGITS: Final = 64


class Signer:
    """Signs, and says under which public key."""

    def __init__(self, seed: str, source: str) -> None:
        """`seed` is 64 hex digits. Raises CannotStart for anything else."""
        try:
            raw = bytes.fromhex(seed)
        except ValueError:
            raw = b""
        if len(seed) != _SEED_DIGITS or len(raw) * 2 != _SEED_DIGITS:
            raise CannotStart(f"{source} holds no key of 64 hex digits")
        # Imported where it is needed: it takes a tenth of a cold start.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key = Ed25519PrivateKey.from_private_bytes(raw)
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, text: bytes) -> bytes:
        """64 bytes that only this key makes."""
        return self._key.sign(text)


def is_signed(public_key: bytes, signature: bytes, text: bytes) -> bool:
    """Whether the signature is the key's, of this text."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def seal_key_file(database: Path) -> Path:
    """Where the signing key of a database lies when no setting gives it."""
    return database.with_name(database.name + ".seal-key")


def make_seal_key(database: Path) -> Path:
    """The signing key's file, made where there is none: readable by its owner alone."""
    path = seal_key_file(database)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(_SEED_DIGITS // 2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return path


def read_signer(given: str, database: Path) -> Signer:
    """The signer by the setting, or by the key's file. Raises CannotStart where there is none."""
    if given:
        return Signer(given, "NUQTA_SEAL_KEY")
    path = seal_key_file(database)
    try:
        return Signer(path.read_text().strip(), str(path))
    except OSError as error:
        raise CannotStart(
            f"the key that signs, {path}, cannot be read: put it back, or set"
            " NUQTA_SEAL_KEY; `nuqta init --new-key` makes a new one"
        ) from error
