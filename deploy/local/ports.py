"""TCP ports of this machine: free ones, taken ones, and the process that listens on one."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

LOOPBACK = "127.0.0.1"
LISTEN = "0A"  # a state in /proc/net/tcp


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return True
    return False


def find_free() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((LOOPBACK, port)) == 0


def describe_listener(port: int) -> str:
    """The process on `port` and the remedy. Names the clone whose `make services` started it."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(str(handle.readlink()) in sockets for handle in (process / "fd").iterdir()):
                return _describe(process)
    return "another process (run as root to see which)"


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes


def _describe(process: Path) -> str:
    name = (process / "comm").read_text().strip()
    folder = (process / "cwd").readlink()
    for parent in (folder, *folder.parents):
        note = parent / "clone"
        if note.is_file():
            clone = note.read_text().strip()
            return (
                f"{name} (pid {process.name}) of the clone {clone}: run `make services-stop` there"
            )
    return f"{name} (pid {process.name}, in {folder}): stop it first"
