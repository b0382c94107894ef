"""Network addresses, in the forms that gRPC and proxies write."""

import ipaddress
import re

_HOST = re.compile(r"\[(?P<bracketed>[^\]]*)\](:\d+)?|(?P<plain>[^:\[\]]*)(:\d+)?")


def is_loopback(target: str) -> bool:
    """Whether a gRPC target, one or several `host:port` with or without a scheme, is this machine.

    Returns False for an unreadable target.
    """
    scheme, _, rest = target.rpartition("///") if "///" in target else ("", "", target)
    if target.startswith("unix:"):
        return True
    if not scheme and rest.startswith(("ipv4:", "ipv6:", "dns:")):
        rest = rest.partition(":")[2]
    return all(_is_loopback_address(address) for address in rest.split(","))


def _is_loopback_address(address: str) -> bool:
    found = _HOST.fullmatch(address.strip())
    host = found and (found["bracketed"] or found["plain"])
    if not host:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def without_port(node: str) -> str:
    """The IP address in `1.2.3.4:5`, `[::1]:5`, `1.2.3.4` or `::1`."""
    if node.startswith("["):
        return node[1:].partition("]")[0]
    return node.partition(":")[0] if node.count(":") == 1 else node
