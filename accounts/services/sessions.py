"""Registration, log-in, refresh and log-out; passwords."""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.sessions.models import Session as AdminSession
from django.db import IntegrityError
from django.db.models import Exists
from django.db.models.functions import Now
from django.utils import timezone

from accounts import attempts, passwords, permissions, selectors, tokens
from accounts.models import SpentRefresh, User
from accounts.tokens import RefreshClaims, TokenPair
from common.db import atomic, on_commit, prune, violated, with_new_id
from common.errors import Conflict, NotFound, Unauthenticated
from common.http.revocation import revoke, revoke_family
from common.ids import created_at
from messaging import outbox
from messaging.events import UserRegistered

# The constraint that makes each field unique, ignoring case.
_UNIQUE = {"email": "accounts_user_email_unique", "username": "accounts_user_username_unique"}

log = logging.getLogger(__name__)

# Two browser tabs of one owner may use a refresh token twice within this. A later reuse means that
# the token was copied.
RACING = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    user: User
    tokens: TokenPair


def register(*, email: str, username: str, password: str) -> Session:
    """Raises `Conflict` with the taken fields; of racing requests, one succeeds."""
    _refuse_taken(email, username)  # before the costly hash
    encoded = passwords.encode(password)

    def write(id: int) -> User:
        user = User(
            id=id, email=email, username=username, password=encoded, created_at=created_at(id)
        )
        with atomic("accounts"):
            user.save(force_insert=True)
            outbox.publish(
                UserRegistered(id=id, username=username, display_name=user.shown_name),
                service="accounts",
            )
        return user

    try:
        user = with_new_id(write, model=User)
    except IntegrityError as error:
        taken = [name for name, constraint in _UNIQUE.items() if violated(error, constraint)]
        if not taken:
            raise
        raise _conflict(taken) from None
    return Session(user=user, tokens=tokens.issue(user))


def log_in(*, email: str, password: str, address: str) -> Session:
    """Gives one answer, in equal time, for an unknown e-mail address and for a wrong password.

    `address` is the client's IP address, for `accounts.attempts`.
    """
    with attempts.counted(account=email, address=address):
        user = User.objects.with_email(email).first()
        dummy = User(password=UNUSABLE_PASSWORD_PREFIX)  # costs as many hashes, and fails
        if not (user or dummy).check_password(password) or user is None:
            raise Unauthenticated("there is no account with this e-mail address and password")
        permissions.log_in.check(user)
    return Session(user=user, tokens=tokens.issue(user))


def refresh_session(*, refresh: str) -> TokenPair:
    """Spends the refresh token: of racing requests with one token, one gets a new pair.

    A token that is used again more than `RACING` after it was spent was copied: its family ends.
    """
    claims = tokens.read_refresh(refresh)
    try:
        with atomic("accounts"):
            SpentRefresh.objects.create(jti=claims.jti, expires_at=claims.expires_at)
            sessions = User.objects.active().filter(session_epoch=claims.epoch)
            if claims.family:
                ended = SpentRefresh.objects.filter(jti=SpentRefresh.family_key(claims.family))
                sessions = sessions.filter(~Exists(ended))
            user = sessions.filter(id=claims.user_id).first()
    except IntegrityError as error:
        if not violated(error, "accounts_spentrefresh_pkey", "accounts_spentrefresh.jti"):
            raise
        _end_family_if_copied(claims)
        raise tokens.not_valid() from None
    if user is None:
        raise tokens.not_valid()
    return tokens.issue(user, family=claims.family)


def _end_family_if_copied(claims: RefreshClaims) -> None:
    """Ends the session of the spent token. The user's other sessions remain."""
    family = claims.family
    long_ago = SpentRefresh.objects.filter(jti=claims.jti, spent_at__lt=Now() - RACING)
    if family is None or not long_ago.exists():
        return
    log.warning(
        "a spent refresh token of user %s was used again; ending its session", claims.user_id
    )
    # Repeated on each use: Redis may have been down at an earlier one.
    SpentRefresh.objects.bulk_create([_end_of(family)], ignore_conflicts=True)
    on_commit("accounts", lambda: revoke_family(family, user_id=claims.user_id))


def log_out(*, refresh: str) -> None:
    """Ends the token's session, also if the token is spent and was replaced by a newer one.

    The session's access token stays valid until it expires.
    """
    claims = tokens.read_refresh(refresh)
    ended = [SpentRefresh(jti=claims.jti, expires_at=claims.expires_at)]
    if claims.family:
        ended.append(_end_of(claims.family))
    SpentRefresh.objects.bulk_create(ended, ignore_conflicts=True)


def _end_of(family: str) -> SpentRefresh:
    return SpentRefresh(
        jti=SpentRefresh.family_key(family), expires_at=tokens.latest_refresh_expiry()
    )


def change_password(*, user_id: int, password: str, new_password: str, address: str) -> None:
    """Ends all sessions of the user, the current one included."""
    user = check_own_password(user_id=user_id, password=password, address=address)
    set_password(user_id=user_id, new_password=new_password, of_epoch=user.session_epoch)


def set_password(*, user_id: int, new_password: str, of_epoch: int | None = None) -> User:
    """Sets the password and ends all sessions. Every change of a password goes through here.

    Raises `Unauthenticated` if `of_epoch` is given and is not the current epoch.
    """
    encoded = passwords.encode(new_password)
    with atomic("accounts"):
        user: User | None = User.objects.lock(user_id).get(user_id)
        if user is None:
            raise NotFound(f"no user {user_id}")
        # A concurrent request may have ended the sessions.
        if of_epoch is not None and user.session_epoch != of_epoch:
            raise Unauthenticated("the session has ended; log in again")
        user.password = encoded
        user.session_epoch += 1
        user.save(update_fields=["password", "session_epoch"])
        epoch = user.session_epoch
        on_commit("accounts", lambda: revoke(user_id, before_epoch=epoch))
    return user


def check_own_password(*, user_id: int, password: str, address: str) -> User:
    """Confirms an action that cannot be undone. Raises `Forbidden` for a wrong password."""
    user = selectors.get_account(user_id)
    with attempts.counted(account=user.email, address=address, is_signed_in=True):
        permissions.confirm.check(password_is_right=user.check_password(password))
    return user


def prune_admin_sessions() -> int:
    """Deletes a batch of expired sessions of the admin. Returns their number."""
    return prune(AdminSession.objects.filter(expire_date__lt=timezone.now()), by="expire_date")


def prune_spent_refreshes() -> int:
    """Deletes a batch of rows whose tokens have expired. Returns their number."""
    return prune(SpentRefresh.objects.filter(expires_at__lt=timezone.now()), by="expires_at")


def _refuse_taken(email: str, username: str) -> None:
    taken = []
    if User.objects.with_email(email).exists():
        taken.append("email")
    if User.objects.named(username).exists():
        taken.append("username")
    if taken:
        raise _conflict(taken)


def _conflict(taken: Collection[str]) -> Conflict:
    return Conflict(
        f"{' and '.join(taken)}: taken by another account; choose another",
        fields={name: ["is taken by another account; choose another"] for name in taken},
    )
