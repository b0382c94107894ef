"""What staff may do with tweets: look at them and delete them, by the same services as the API."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from common.admin import LargeTableAdmin, ReadOnlyAdmin
from common.errors import Unavailable
from common.ids import first_id_at, parse_id
from grpc_services.clients import accounts
from tweets import services
from tweets.models import Like, Tweet
