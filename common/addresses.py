"""Where something listens or is asked, as gRPC writes it."""

import ipaddress
import re

_HOST = re.compile(r"\[(?P<bracketed>[^\]]*)\](:\d+)?|(?P<plain>[^:\[\]]*)(:\d+)?")


def is_loopback(target: str) -> bool:
    """Whether nobody but this machine can be meant: `host:port`, one or several with a scheme.

    What can't be read is not.
    """
    scheme, _, rest = target.rpartition("///") if "///" in target else ("", "", target)
    if target.startswith("unix:"):
        return True
    if not scheme and rest.startswith(("ipv4:", "ipv6:", "dns:")):
        rest = rest.partition(":")[2]
    return all(_is_loopback_place(place) for place in rest.split(","))


def _is_loopback_place(place: str) -> bool:
    found = _HOST.fullmatch(place.strip())
    host = found and (found["bracketed"] or found["plain"])
    if not host:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def without_port(node: str) -> str:
    """The address in `1.2.3.4:5`, `[::1]:5` or an address without a port."""
    if node.startswith("["):
        return node[1:].partition("]")[0]
    return node.partition(":")[0] if node.count(":") == 1 else node
