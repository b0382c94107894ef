"""Users, follows, counted tweets and spent refresh tokens."""

from typing import Any, ClassVar

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.passwords import compose
from accounts.usernames import MAX_LENGTH, is_username
from common.ids import new_id


class UserQuerySet(models.QuerySet["User"]):
    def active(self) -> "UserQuerySet":
        """Excludes suspended users."""
        return self.filter(suspended_at=None)

    def named(self, username: str) -> "UserQuerySet":
        """Ignores the case of the username."""
        return self.alias(lower_username=Lower("username")).filter(lower_username=username.lower())

    def with_email(self, email: str) -> "UserQuerySet":
        """Ignores the case of the e-mail address."""
        return self.alias(lower_email=Lower("email")).filter(lower_email=email.lower())

    def lock(self, *ids: int) -> dict[int, "User"]:
        """The users that exist, by id. Locks their rows until the transaction ends.

        Every transaction that locks several users calls this: one order of locking (by id) excludes
        deadlocks.
        """
        rows = self.select_for_update(no_key=True).filter(id__in=ids).order_by("id")
        return {user.id: user for user in rows}

    def beginning_with(self, prefix: str) -> "UserQuerySet":
        """Matches the start of the username, ignoring case.

        The range lets the unique index serve the query in any collation, since no ASCII name sorts
        after a run of z. The pattern removes the other names in the range.
        """
        low = prefix.lower()
        return self.alias(lower_username=Lower("username")).filter(
            lower_username__gte=low,
            lower_username__lte=low + "z" * MAX_LENGTH,
            lower_username__startswith=low,
        )


class UserManager(BaseUserManager["User"].from_queryset(UserQuerySet)):  # type: ignore[misc]
    def get_by_natural_key(self, username: str | None) -> "User":
        user: User = self.named(username or "").get()
        return user

    def create_superuser(self, username: str, email: str, password: str, **_: Any) -> "User":
        """Raises `ValidationError` for a username or address that registration refuses."""
        if self.named(username).exists():
            raise ValidationError(f"username: {username} is taken; choose another")
        if self.with_email(email).exists():
            raise ValidationError(f"email: {email} is taken; choose another")
        if not is_username(username):
            raise ValidationError(
                f"username: {username!r} is reserved or malformed; choose another"
            )
        if not email.isascii():
            raise ValidationError(f"email: {email} is not an e-mail address")
        user = User(id=new_id(), username=username, email=email)
        user.is_staff = user.is_superuser = True
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """An account. A deletion deletes the row at once, the account's follows in the background."""

    id = models.BigIntegerField(primary_key=True)
    # unique ignoring case; shown to the account itself only
    email = models.EmailField(max_length=254)
    # unique ignoring case; shown as typed
    username = models.CharField(max_length=MAX_LENGTH)
    # free text; where it is empty, the username is shown
    display_name = models.CharField(max_length=50, blank=True)
    bio = models.CharField(max_length=160, blank=True)
    # posted minus deleted tweets, updated by tweets' worker; briefly negative if a deletion is
    # counted before its creation
    num_tweets = models.BigIntegerField(default=0)
    # rows of Follow with this user as `following`; updated in the transaction that writes the row
    num_followers = models.BigIntegerField(default=0)
    # rows of Follow with this user as `follower`
    num_following = models.BigIntegerField(default=0)
    # incremented under the row's lock by each follow and unfollow by this user: it orders them,
    # which clocks of several hosts cannot
    follows_version = models.BigIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(default=timezone.now)
    # when staff suspended the account; null while it is active
    suspended_at = models.DateTimeField(null=True, blank=True)
    # incremented to end all sessions: tokens carry the epoch, and lower ones are invalid
    session_epoch = models.IntegerField(default=0)
    # may sign in to the admin
    is_staff = models.BooleanField(default=False)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["email"]

    objects = UserManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("username"), name="accounts_user_username_unique"),
            models.UniqueConstraint(Lower("email"), name="accounts_user_email_unique"),
            models.CheckConstraint(
                condition=Q(num_followers__gte=0) & Q(num_following__gte=0),
                name="accounts_user_counters_not_negative",
            ),
        ]
        # for the admin's filters, which match few rows
        indexes: ClassVar = [
            models.Index(
                fields=["-id"],
                condition=Q(suspended_at__isnull=False),
                name="accounts_user_suspended",
            ),
            models.Index(fields=["-id"], condition=Q(is_staff=True), name="accounts_user_staff"),
        ]

    def __str__(self) -> str:
        return self.username

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(None if raw_password is None else compose(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Tries the composed form, then the password as typed, which older hashes may hold.

        Rehashes a right password whose hash has an old form or cost. A wrong password that is not
        typed in composed form costs two hashes.
        """
        if raw_password is None:
            return False
        composed = compose(raw_password)
        if check_password(composed, self.password, lambda _: self._rehash(composed)):
            return True
        if composed == raw_password or not check_password(raw_password, self.password):
            return False
        self._rehash(composed)
        return True

    def _rehash(self, password: str) -> None:
        encoded = make_password(password)
        # Skips the update if another request changed the password.
        if User.objects.filter(id=self.id, password=self.password).update(password=encoded):
            self.password = encoded

    def get_session_auth_hash(self) -> str:
        """Includes the epoch, so that ending all sessions ends the admin's, too."""
        text = f"{self.session_epoch} {self.password}"
        return salted_hmac("accounts.User", text, algorithm="sha256").hexdigest()

    @property
    def shown_name(self) -> str:
        return self.display_name or self.username

    @property
    def has_privileges(self) -> bool:
        """Whether only superusers may edit, suspend and restore this account."""
        return self.is_staff or self.is_superuser

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        return self.suspended_at is None


class Follow(models.Model):
    """One user follows another."""

    id = models.BigIntegerField(primary_key=True)
    # The indexes below serve both sides. Neither side has a foreign key constraint: the row of a
    # deleted account goes at once, its follows later in batches.
    follower = models.ForeignKey(
        User,
        on_delete=models.DO_NOTHING,
        related_name="following_set",
        db_constraint=False,
        db_index=False,
    )
    following = models.ForeignKey(
        User,
        on_delete=models.DO_NOTHING,
        related_name="follower_set",
        db_constraint=False,
        db_index=False,
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            # also serves fan-out, which pages through one author's followers by id
            models.UniqueConstraint(
                fields=["following", "follower"], name="accounts_follow_pair_unique"
            ),
            models.CheckConstraint(
                condition=~Q(follower=F("following")), name="accounts_follow_not_oneself"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["follower", "-id"], name="accounts_follow_by_follower"),
            models.Index(fields=["following", "-id"], name="accounts_follow_by_following"),
        ]

    def __str__(self) -> str:
        return f"{self.follower_id} follows {self.following_id}"


MAX_KEY_LENGTH = 64


class TweetCount(models.Model):
    """An applied increment of `num_tweets`. Its key makes repeated calls count once."""

    # the caller's idempotency key; tweets' worker sends `tweet.created:<tweet id>` or
    # `tweet.deleted:<tweet id>`
    key = models.CharField(primary_key=True, max_length=MAX_KEY_LENGTH)
    user_id = models.BigIntegerField()
    delta = models.IntegerField()
    # rows are deleted 90 days after this
    at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.delta:+}"


class SpentRefresh(models.Model):
    """A used or revoked refresh token, or an ended family of refresh tokens.

    Of concurrent requests with one token, the request that inserts the row gets the new pair.
    """

    # the token's `jti`, or the `family_key` of a family
    jti = models.CharField(primary_key=True, max_length=64)
    # by the database's clock, which is also the one that measures the age
    spent_at = models.DateTimeField(db_default=Now())
    # the token, or the family's last token, has expired by then: the row can be deleted
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.jti

    @staticmethod
    def family_key(family: str) -> str:
        return f"family:{family}"
