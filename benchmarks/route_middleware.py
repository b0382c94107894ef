"""The API's gain if only some routes run sessions, sign-in and static files.

`python -m benchmarks.route_middleware` compares requests per second of CPU time, of `GET /hello` in
process: with the middleware of the admin and of static files in MIDDLEWARE, and with it
named by its routes.
"""

import os
import subprocess
import sys
import tempfile
import time
from statistics import median
from typing import Any
from wsgiref.util import setup_testing_defaults

RUNS = 3
SECONDS = 3.0
MODES = ("for all routes", "for its routes")
_OF_ROUTES = [
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]


def main() -> None:
    rates: dict[str, list[float]] = {mode: [] for mode in MODES}
    for _ in range(RUNS):
        for mode, measured in rates.items():
            measured.append(_run(mode))
            print(f"middleware {mode}: {measured[-1]:,.0f} requests/s")
    plain, ours = (median(rates[mode]) for mode in MODES)
    print(f"ratio of the medians: {ours / plain:.2f}")


def _run(mode: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {  # noqa: TID251 given on to the process that measures
            "DJANGO_SETTINGS_MODULE": "twitter_project.settings.dev",
            "DATA_DIR": folder,
            "RATE_LIMITS": "off",
        }
        command = [sys.executable, "-m", "benchmarks.route_middleware", mode]
        done = subprocess.run(
            command, env=environment, check=True, text=True, stdout=subprocess.PIPE
        )
    return float(done.stdout)


def measure(mode: str) -> float:
    import django

    django.setup()

    from django.conf import settings
    from django.core.management import call_command

    call_command("migrate_databases", verbosity=0)
    if mode == MODES[0]:
        settings.MIDDLEWARE = [*settings.MIDDLEWARE[:-1], *_OF_ROUTES]

    from accounts import services
    from twitter_project.wsgi_handler import Handler

    session = services.register(email="alice@example.com", username="alice", password="pass1234")
    application = Handler()
    token = session.tokens.token

    def request() -> None:
        environ: dict[str, Any] = {
            "PATH_INFO": "/hello",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost",
            "HTTP_AUTHORIZATION": f"Bearer {token}",
        }
        setup_testing_defaults(environ)
        response = application(environ, lambda *_: lambda _: None)
        assert b"".join(response) == b'{"message":"Hello, alice"}'

    for _ in range(200):
        request()
    count, started = 0, time.process_time()
    while time.process_time() - started < SECONDS:
        request()
        count += 1
    return count / (time.process_time() - started)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(measure(sys.argv[1]))
    else:
        main()
