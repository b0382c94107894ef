import argparse
from base64 import b32encode
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from common.db import atomic


class Command(BaseCommand):
    help = (
        "Gives a member of staff a second factor for the admin, in place of the one before, and "
        "prints what goes into the authenticator app. It is shown this once."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("username", help="whose second factor it is")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        user = User.objects.named(username).filter(is_staff=True).first()
        if user is None:
            raise CommandError(f"{username!r} is no member of staff: a superuser makes one of them")
        with atomic("accounts"):
            TOTPDevice.objects.filter(user=user).delete()
            device = TOTPDevice.objects.create(user=user, name="authenticator")
        self.stdout.write(f"key:  {b32encode(device.bin_key).decode()}")
        self.stdout.write(f"link: {device.config_url}")
