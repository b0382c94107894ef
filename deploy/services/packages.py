"""Installs what the servers need: Debian packages, and Elasticsearch's jars from Maven Central."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from deploy.local.errors import DeployError

SOURCES = Path(__file__).parent / "elasticsearch"
# The script in /usr/sbin would switch to RabbitMQ's own user.
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
PROXIES = {name: Path("/usr/sbin") / name for name in ("haproxy", "pgbouncer")}
JDK_VERSIONS = range(17, 22)  # Elasticsearch 8.11 supports these

# Debian starts installed servers on their default ports unless policy-rc.d exits with 101.
INSTALL_SCRIPT = """
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM HUP
    printf '#!/bin/sh\\nexit 101\\n' > "$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
"""


def find_postgres_tools() -> Path | None:
    """The folder with the programs of the newest PostgreSQL."""
    found = [tool.parent for tool in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


def find_jdk() -> Path | None:
    """The home of the oldest supported JDK that has a compiler."""
    candidates = [Path(home) for home in (os.environ.get("JAVA_HOME"),) if home]
    candidates += [
        Path(javac).resolve().parent.parent for javac in (shutil.which("javac"),) if javac
    ]
    candidates += sorted(Path("/usr/lib/jvm").glob("*"))
    versions = {home: _jdk_version(home) for home in candidates}
    fitting = [
        home
        for home, version in versions.items()
        if version in JDK_VERSIONS and (home / "bin/javac").exists()
    ]
    return min(fitting, key=lambda home: versions[home], default=None)


def _jdk_version(home: Path) -> int:
    try:
        release = (home / "release").read_text()
    except OSError:
        return 0
    version = re.search(r'^JAVA_VERSION="(\d+)', release, re.MULTILINE)
    return int(version[1]) if version else 0


def list_missing_packages() -> list[str]:
    missing = []
    if find_postgres_tools() is None:
        missing.append("postgresql")
    if shutil.which("redis-server") is None:
        missing.append("redis-server")
    if not RABBITMQ.exists():
        missing.append("rabbitmq-server")
    if find_jdk() is None:
        missing.append(_choose_jdk_package())
    if shutil.which("mvn") is None and not get_elasticsearch_home().exists():
        missing.append("maven")
    if (
        shutil.which("promtool") is None
    ):  # for the tests of deploy/monitoring; the server is not started
        missing.append("prometheus")
    return missing + [name for name, program in PROXIES.items() if not program.exists()]


def _choose_jdk_package() -> str:
    """The one that this Debian release offers."""
    packages = ("openjdk-17-jdk-headless", "openjdk-21-jdk-headless")
    if shutil.which("apt-cache") is None:
        return packages[0]
    offered = (package for package in packages if _succeeds(["apt-cache", "show", package]))
    return next(offered, packages[0])


def get_root_command(packages: list[str]) -> list[str]:
    """The prefix that runs a command as root: empty for root, else `sudo`."""
    if shutil.which("apt-get") is None:
        raise DeployError(
            f"needs a Docker engine, or Debian with these packages: {' '.join(packages)}"
        )
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and _succeeds(["sudo", "-n", "true"]):
        return ["sudo", "-n"]
    raise DeployError(
        "not root and no sudo; run as root:"
        f" apt-get install -y --no-install-recommends {' '.join(packages)}"
    )


def install_packages(*, as_root: list[str], log: Path) -> None:
    with suppress(DeployError):  # outdated package lists may suffice
        _run([*as_root, "apt-get", "-q", "update"], log=log)
    packages = list_missing_packages()  # updated lists may offer another JDK
    _install(packages, as_root=as_root, log=log)


def require(name: str, *, log: Path) -> None:
    """Installs one of PROXIES if it is missing, even if Docker runs the servers."""
    if PROXIES[name].exists():
        return
    print(f"installing {name} ...", flush=True)
    as_root = get_root_command([name])
    with suppress(DeployError):
        _run([*as_root, "apt-get", "-q", "update"], log=log)
    _install([name], as_root=as_root, log=log)


def _install(packages: list[str], *, as_root: list[str], log: Path) -> None:
    _run([*as_root, "sh", "-c", INSTALL_SCRIPT, "install", *packages], log=log)


def _succeeds(command: list[str]) -> bool:
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return answer.returncode == 0


def get_elasticsearch_home() -> Path:
    """The folder of Elasticsearch built from SOURCES. All clones of a user share it."""
    digest = hashlib.sha256()
    for source in sorted(path for path in SOURCES.rglob("*") if path.is_file()):
        digest.update(source.relative_to(SOURCES).as_posix().encode())
        digest.update(source.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "microblog-services" / f"elasticsearch-8.11.0-{digest.hexdigest()[:12]}"


def make_elasticsearch(*, log: Path) -> None:
    """Arranges the jars as the distribution does, and compiles the launcher and the plugin."""
    home, jdk, mvn = get_elasticsearch_home(), find_jdk(), shutil.which("mvn")
    if jdk is None or mvn is None:
        raise DeployError(f"the JDK or Maven is missing after the installation: see {log}")
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix="making-") as made_in:
        made = Path(made_in) / home.name
        shutil.copytree(
            SOURCES, made, ignore=shutil.ignore_patterns("token-filters", "transport-netty4")
        )
        lib, netty, filters = (
            made / "lib",
            made / "modules/transport-netty4",
            made / "plugins/token-filters",
        )
        shutil.copytree(SOURCES / "transport-netty4", netty)
        shutil.copytree(SOURCES / "token-filters", filters)

        copy = [mvn, "--batch-mode", "--strict-checksums", "--file", str(made / "pom.xml")]
        _run([*copy, "dependency:copy-dependencies", f"-DoutputDirectory={lib}"], log=log)
        for jar in lib.glob("*netty*.jar"):
            jar.rename(netty / jar.name)

        javac = [str(jdk / "bin/javac"), "--release", "17", "-cp", f"{lib}/*"]
        _run([*javac, "-d", str(made / "launcher"), str(made / "Launch.java")], log=log)
        classes = Path(made_in) / "classes"
        _run([*javac, "-d", str(classes), str(filters / "TokenFilters.java")], log=log)
        jar_file = str(filters / "token-filters.jar")
        _run(
            [str(jdk / "bin/jar"), "--create", "--file", jar_file, "-C", str(classes), "."], log=log
        )

        if not home.exists():  # another clone may have built it at the same time
            made.rename(home)


def _run(command: list[str], *, log: Path) -> None:
    with (
        log.open("ab") as output,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            status = process.wait()
        except BaseException:
            process.terminate()  # not kill: dpkg would be left half-configured
            raise
    if status != 0:
        raise DeployError(f"{Path(command[0]).name} failed: see {log}")
