import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], object], seconds: float = 15.0, *, poll_seconds: float = 0.01
) -> None:
    """Returns as soon as the condition holds; raises TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the condition did not hold within {seconds:g} s")
        time.sleep(poll_seconds)
