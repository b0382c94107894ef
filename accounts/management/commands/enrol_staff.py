import argparse
from base64 import b32encode
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from common.db import atomic


class Command(BaseCommand):
    help = (
        "Creates a second factor for a staff account's access to the admin, replacing any earlier "
        "one, and prints the key for the authenticator app. The key cannot be shown again."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("username", help="the username of the staff account")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        user = User.objects.named(username).filter(is_staff=True).first()
        if user is None:
            raise CommandError(f"username: {username!r} is not staff; ask a superuser to grant it")
        with atomic("accounts"):
            TOTPDevice.objects.filter(user=user).delete()
            device = TOTPDevice.objects.create(user=user, name="authenticator")
        self.stdout.write(f"key:  {b32encode(device.bin_key).decode()}")
        self.stdout.write(f"link: {device.config_url}")
