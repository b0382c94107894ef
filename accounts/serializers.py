"""The fields of requests, which are validated, and of responses, for the OpenAPI schema."""

from typing import Any

from django.core.validators import EmailValidator
from rest_framework import serializers

from accounts.passwords import MAX_LENGTH as MAX_PASSWORD_LENGTH
from accounts.passwords import MIN_LENGTH as MIN_PASSWORD_LENGTH
from accounts.passwords import compose
from accounts.usernames import MAX_LENGTH, RESERVED, is_username
from common.http.serializers import StrictSerializer, TextField
from common.ids import MAX_USERNAME_DIGITS
from hydration.shapes import ID, TIME, USER_EXAMPLE, Field, ShapeSerializer, UserSerializer

FOLLOW = (
    Field("id", ID, "907313290001137664"),
    Field("follower_id", ID, "907313235001589760"),
    Field("following_id", ID, USER_EXAMPLE["id"]),
    Field("created_at", TIME, "2026-11-20T09:30:14.000Z"),
)

_is_email = EmailValidator("is not an e-mail address")


class EmailField(TextField):
    """Accepts ASCII only: databases disagree on the lower case of other letters."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text.isascii():
            raise serializers.ValidationError("is not an e-mail address", code="invalid")
        _is_email(text)
        return text


class UsernameField(TextField):
    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text.lower() in RESERVED:
            raise serializers.ValidationError("is reserved", code="invalid")
        if not is_username(text):
            raise serializers.ValidationError(
                f"must have 1 to {MAX_LENGTH} letters a-z, digits, '_', '-' or '.', begin and end "
                f"with a letter, digit or '_', and have at most {MAX_USERNAME_DIGITS} characters "
                "if all are digits",
                code="invalid",
            )
        return text


class PasswordField(TextField):
    """Does not trim: white space is part of a password."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            trim_whitespace=False, max_length=MAX_PASSWORD_LENGTH, write_only=True, **kwargs
        )

    def run_validators(self, value: str) -> None:
        """Measures the composed form, which is hashed."""
        super().run_validators(compose(value))


class RegisterBody(StrictSerializer):
    email = EmailField(max_length=254)
    username = UsernameField(max_length=MAX_LENGTH)
    password = PasswordField(min_length=MIN_PASSWORD_LENGTH)


class LoginBody(StrictSerializer):
    email = TextField(max_length=254)
    password = PasswordField()


class RefreshBody(StrictSerializer):
    refresh = TextField()


class PasswordBody(StrictSerializer):
    password = PasswordField()
    new_password = PasswordField(min_length=MIN_PASSWORD_LENGTH)


class DeleteAccountBody(StrictSerializer):
    password = PasswordField()


class ProfileBody(StrictSerializer):
    display_name = TextField(
        max_length=50,
        allow_blank=True,
        required=False,
        help_text="if empty, the username is shown",
    )
    bio = TextField(max_length=160, allow_blank=True, required=False)


class FollowBody(StrictSerializer):
    following_id = TextField()


class UserAnswer(serializers.Serializer[Any]):
    user = UserSerializer()


class TokensAnswer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="a bearer token, valid for 15 minutes")
    refresh = serializers.CharField(help_text="gets one new pair of tokens; valid for 14 days")


class SessionAnswer(TokensAnswer):
    user = UserSerializer()


class UsersAnswer(serializers.Serializer[Any]):
    users = UserSerializer(many=True)
    next = serializers.CharField(
        allow_null=True, help_text="the cursor of the next page; null on the last page"
    )


class FollowSerializer(ShapeSerializer):
    shape = FOLLOW


class FollowAnswer(serializers.Serializer[Any]):
    message = serializers.CharField()
    follow = FollowSerializer()


class FollowOfSerializer(FollowSerializer):
    user = UserSerializer(help_text="the follower or the followed user, whichever is not you")


class FollowsAnswer(serializers.Serializer[Any]):
    result = FollowOfSerializer(many=True)
    next = serializers.CharField(
        allow_null=True, help_text="the cursor of the next page; null on the last page"
    )


class HelloAnswer(serializers.Serializer[Any]):
    message = serializers.CharField()
