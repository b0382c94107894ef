"""Django's ASGI handler, which honours PROXY_HEADERS."""

from typing import Any

from django.core.handlers.asgi import ASGIHandler, ASGIRequest

from twitter_project.forwarded import trust_forwarded


class Request(ASGIRequest):
    def __init__(self, scope: dict[str, Any], body_file: Any) -> None:
        super().__init__(scope, body_file)
        trust_forwarded(self.META)


class Handler(ASGIHandler):
    request_class = Request
