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
        """Those whom anyone may see: neither suspended nor deleted."""
        return self.filter(suspended_at=None)

    def named(self, username: str) -> "UserQuerySet":
        """By username, whatever the case."""
        return self.alias(lower_username=Lower("username")).filter(lower_username=username.lower())

    def with_email(self, email: str) -> "UserQuerySet":
        """By e-mail address, whatever the case."""
        return self.alias(lower_email=Lower("email")).filter(lower_email=email.lower())

    def lock(self, *ids: int) -> dict[int, "User"]:
        """Those who exist, locked in order of id until the transaction ends.

        Whoever locks several users does it by this, so that no two wait for each other.
        """
        rows = self.select_for_update(no_key=True).filter(id__in=ids).order_by("id")
        return {user.id: user for user in rows}

    def beginning_with(self, prefix: str) -> "UserQuerySet":
        """By the beginning of the username, whatever the case.

        The range lets the unique index serve it in any collation: no ASCII name sorts behind a run
        of z. The pattern then makes it exact.
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
        """Raises `ValidationError` for a name or address that registration would refuse."""
        if self.named(username).exists():
            raise ValidationError(f"the username {username} is taken: choose another")
        if self.with_email(email).exists():
            raise ValidationError(f"the e-mail address {email} is taken: choose another")
        if not is_username(username):
            raise ValidationError(
                f"{username!r} is reserved, or no username: choose one that registration accepts"
            )
        if not email.isascii():
            raise ValidationError(f"{email} is not an e-mail address")
        user = User(id=new_id(), username=username, email=email)
        user.is_staff = user.is_superuser = True
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """An account. Its deletion deletes the row; what it leaves is deleted in the background."""

    id = models.BigIntegerField(primary_key=True)
    # unique whatever the case; shown to the user itself only
    email = models.EmailField(max_length=254)
    # unique whatever the case; shown as typed
    username = models.CharField(max_length=MAX_LENGTH)
    # free text beside the username; the username where it is empty
    display_name = models.CharField(max_length=50, blank=True)
    bio = models.CharField(max_length=160, blank=True)
    # tweets less deletions, as tweets tells it event by event; may pass below zero for a moment
    num_tweets = models.BigIntegerField(default=0)
    # rows of Follow with this user on the other side, kept in the transaction of the row
    num_followers = models.BigIntegerField(default=0)
    # rows of Follow with this user on this side
    num_following = models.BigIntegerField(default=0)
    # raised under the row's lock by each follow and unfollow of this user's: it orders them, which
    # the clocks of several hosts can't
    follows_version = models.BigIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(default=timezone.now)
    # since when staff keeps this account off every surface; empty for everyone else
    suspended_at = models.DateTimeField(null=True, blank=True)
    # tokens of an earlier epoch count no more; raised whenever all sessions end
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
        # for the admin's filters: few rows each
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
        """Tries the composed form, then the password as typed, which older hashes were made of.

        A right password whose hash is of another form or cost is hashed anew. A wrong one that is
        typed in another form costs two hashes.
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
        # The password may have been changed meanwhile.
        if User.objects.filter(id=self.id, password=self.password).update(password=encoded):
            self.password = encoded

    def get_session_auth_hash(self) -> str:
        """Ends the admin's sessions whenever the epoch is raised, not with the password alone."""
        text = f"{self.session_epoch} {self.password}"
        return salted_hmac("accounts.User", text, algorithm="sha256").hexdigest()

    @property
    def shown_name(self) -> str:
        return self.display_name or self.username

    @property
    def has_privileges(self) -> bool:
        """Whether it is one of the staff, as far as other staff is concerned."""
        return self.is_staff or self.is_superuser

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        return self.suspended_at is None


class Follow(models.Model):
    """One user follows another."""

    id = models.BigIntegerField(primary_key=True)
    # Both sides are indexed below, together with what their lists are ordered by. Neither has a
    # constraint in the database: an account is deleted at once, and its follows in batches later.
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
            # in this order it also serves the pages of fan-out: one author's followers by id
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
    """An increment of `num_tweets` that was made: the same key counts once."""

    # the id of the event that caused it
    key = models.CharField(primary_key=True, max_length=MAX_KEY_LENGTH)
    user_id = models.BigIntegerField()
    delta = models.IntegerField()
    # keys are kept for 90 days from here
    at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.delta:+}"


class SpentRefresh(models.Model):
    """A refresh token that was used or revoked, or a family of them that was ended.

    Of several requests with one token, the one that inserts the row has used it.
    """

    # of a family: `family_key`
    jti = models.CharField(primary_key=True, max_length=64)
    # by the database's clock, which also tells how long ago that was
    spent_at = models.DateTimeField(db_default=Now())
    # the token, or the last one of the family, has expired by then and the row can be deleted
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.jti

    @staticmethod
    def family_key(family: str) -> str:
        return f"family:{family}"
