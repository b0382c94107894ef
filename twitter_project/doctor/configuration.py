"""Secrets and settings."""

from collections.abc import Iterator

import jwt
from django.conf import settings
from django.core import checks

from twitter_project.doctor.findings import Finding

MIN_SECRET_KEY_LENGTH = 50


def check_secrets() -> Iterator[Finding]:
    is_long = len(settings.SECRET_KEY) >= MIN_SECRET_KEY_LENGTH
    remedy = f"set SECRET_KEY to {MIN_SECRET_KEY_LENGTH} random characters or more"
    text = "SECRET_KEY is " + ("long enough" if is_long else "short")
    yield Finding("secrets", text, "" if is_long else remedy)

    signing, verifying = settings.SIMPLE_JWT["SIGNING_KEY"], settings.SIMPLE_JWT["VERIFYING_KEY"]
    algorithm = settings.SIMPLE_JWT["ALGORITHM"]
    try:
        if signing:
            token = jwt.encode({"sub": "doctor"}, signing, algorithm=algorithm)
            jwt.decode(token, verifying, algorithms=[algorithm])
        else:
            jwt.get_algorithm_by_name(algorithm).prepare_key(verifying)
    except (jwt.PyJWTError, ValueError, TypeError):
        text = "JWT_SIGNING_KEY and JWT_VERIFYING_KEY are not a pair of Ed25519 keys in PEM"
        yield Finding("secrets", text, "generate them: see docs/operations/running.md")
    else:
        yield Finding("secrets", "the token keys are a pair")


def check_settings() -> Iterator[Finding]:
    found = [
        message
        for message in checks.run_checks(include_deployment_checks=settings.IS_PRODUCTION)
        if message.level >= checks.WARNING and not message.is_silenced()
    ]
    for message in found:
        text = f"{message.id}: {' '.join(str(message.msg).split())}"
        yield Finding("settings", text, str(message.hint or "see Django's system checks"))
    if not found:
        yield Finding("settings", "Django's checks pass")
