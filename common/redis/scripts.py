"""Lua scripts that run in Redis."""

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from common.observability import tracing
from common.redis.client import Value, run_on_thread


class Script:
    """A script must be harmless when it runs twice: it runs again after a broken connection."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def __call__(
        self, keys: Sequence[Value] = (), args: Sequence[Value] = (), *, server: str = "default"
    ) -> Any:
        """Runs the script on one of the servers in `CACHES`."""
        operands = (len(keys), *keys, *args)
        with tracing.span("redis EVALSHA", "client"):
            try:
                return run_on_thread(server, "EVALSHA", self.sha, *operands)
            except NoScriptError:  # a restarted Redis knows no scripts
                return run_on_thread(server, "EVAL", self.source, *operands)


def read_script(name: str) -> str:
    """The source of a file: `read_script("feed/push")` reads feed/scripts/push.lua."""
    package, _, script = name.partition("/")
    return (files(package) / "scripts" / f"{script}.lua").read_text()
