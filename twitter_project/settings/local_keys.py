"""Keys for development and tests, generated once and kept in a file that git ignores."""

import contextlib
import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import TypedDict

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ImproperlyConfigured


class Keys(TypedDict):
    secret_key: str
    signing_key: str  # Ed25519, PEM
    verifying_key: str


def keys(path: Path) -> Keys:
    """The keys in this file. Of processes that start together, the first one writes it."""
    try:
        return _keep(path)
    except OSError as error:
        raise ImproperlyConfigured(
            f"DATA_DIR: can't write to {path.parent} ({error.strerror}); choose another folder"
        ) from None


def _keep(path: Path) -> Keys:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent
        ) as file:  # readable by this user alone
            json.dump(_generate(), file)
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    kept: Keys = json.loads(path.read_text())
    return kept


def _generate() -> Keys:
    private = Ed25519PrivateKey.generate()
    return {
        "secret_key": secrets.token_urlsafe(50),
        "signing_key": private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        "verifying_key": private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    }
