"""Development: local keys, and embedded parts unless the environment names real ones."""

from .base import *
from .local_keys import keys

_keys = keys(DATA_DIR / "keys.json")
SECRET_KEY = _keys["secret_key"]
SIMPLE_JWT["SIGNING_KEY"] = _keys["signing_key"]
SIMPLE_JWT["VERIFYING_KEY"] = _keys["verifying_key"]
