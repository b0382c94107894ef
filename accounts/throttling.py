"""How often one may try. Without Redis there is no limit: nobody is locked out by an outage."""

import hashlib

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from common.authentication import find_reader_id


class LoginThrottle(SimpleRateThrottle):
    """By client and e-mail address, or, where somebody is signed in, by account."""

    scope = "login"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        reader_id = find_reader_id(request)
        if reader_id is not None:
            return self._key(str(reader_id))
        body = request.data
        email = body.get("email") if isinstance(body, dict) else None
        return self._key(f"{self.get_ident(request)} {str(email).strip().lower()}")

    def _key(self, ident: str) -> str:
        # of one length, and no address stands in Redis
        digest = hashlib.sha256(ident.encode()).hexdigest()
        return self.cache_format % {"scope": self.scope, "ident": digest}


class RegisterThrottle(SimpleRateThrottle):
    """By client."""

    scope = "register"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}
