"""The shapes of users and tweets in answers: one list of fields for each.

A list gives a shape's JSON, the serializer that describes it to the OpenAPI schema, and an example.
A field shows the attribute of the same name of the client's dataclass. Everything here is pure.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple, TypeAlias

from rest_framework import serializers

from common.times import format_time
from grpc_services.clients.accounts import Relation, User
from grpc_services.clients.tweets import Tweet

Json: TypeAlias = dict[str, Any]


class Kind(NamedTuple):
    to_json: Callable[[Any], object] | None  # None for values that are JSON already
    schema: Callable[..., Any]  # a field or serializer of DRF


_NO_EXAMPLE = object()


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: Kind
    example: object = _NO_EXAMPLE
    help_text: str | None = None
    is_nullable: bool = False
    is_optional: bool = False  # some answers leave it out

    def schema(self) -> Any:
        return self.kind.schema(
            help_text=self.help_text, allow_null=self.is_nullable, required=not self.is_optional
        )


class ShapeSerializer(serializers.Serializer[Any]):
    # A docstring would become the description of every shape in the OpenAPI schema.
    shape: ClassVar[tuple[Field, ...]] = ()

    def get_fields(self) -> dict[str, Any]:
        return {field.name: field.schema() for field in self.shape} | super().get_fields()


def show(shape: Iterable[Field], source: object) -> Json:
    shown = {}
    for field in shape:
        value, to_json = getattr(source, field.name), field.kind.to_json
        shown[field.name] = value if to_json is None or value is None else to_json(value)
    return shown


def example(shape: Iterable[Field]) -> Json:
    return {field.name: field.example for field in shape if field.example is not _NO_EXAMPLE}


ID = Kind(str, serializers.CharField)
TEXT = Kind(None, serializers.CharField)
TEXT_OR_EMPTY = Kind(None, partial(serializers.CharField, allow_blank=True))
COUNT = Kind(None, serializers.IntegerField)
FLAG = Kind(None, serializers.BooleanField)
TIME = Kind(format_time, serializers.DateTimeField)

_SIGNED_IN = "only for a signed-in viewer"

# Users

AUTHOR = (
    Field("id", ID, "912345678901234567"),
    Field("username", TEXT, "alice"),
    Field("display_name", TEXT, "Alice"),
)
USER = (
    *AUTHOR,
    Field("bio", TEXT_OR_EMPTY, "Bakes bread, reads maps."),
    Field("num_tweets", COUNT, 12),
    Field("num_followers", COUNT, 3),
    Field("num_following", COUNT, 5),
    Field("created_at", TIME, "2026-11-01T08:00:00.000Z"),
)
RELATION = (
    Field("following", FLAG, help_text=_SIGNED_IN, is_optional=True),
    Field("followed_by", FLAG, help_text=_SIGNED_IN, is_optional=True),
)

AUTHOR_EXAMPLE = example(AUTHOR)
USER_EXAMPLE = example(USER)


class AuthorSerializer(ShapeSerializer):
    shape = AUTHOR


class UserSerializer(ShapeSerializer):
    shape = (*USER, *RELATION)
    email = serializers.EmailField(required=False, help_text="only for the user itself")


def show_author(user: User) -> Json:
    return show(AUTHOR, user)


def show_user(user: User, *, relation: Relation | None = None) -> Json:
    return show(USER, user) | (show(RELATION, relation) if relation else {})


# Tweets

# The fields that are the same for every viewer, and do not depend on the author's account.
FACTS = (
    Field("id", ID, "923456789012345678"),
    Field("user_id", ID, AUTHOR_EXAMPLE["id"]),
    Field("content", TEXT, "The first snow of the year."),
    Field("parent_id", ID, None, is_nullable=True),
    Field("parent_deleted", FLAG, False),
    Field("num_likes", COUNT, 2),
    Field("num_replies", COUNT, 1),
    Field("num_reposts", COUNT, 0),
    Field("created_at", TIME, "2026-11-23T07:30:00.000Z"),
)
MARKS = (
    Field("liked", FLAG, False, help_text=_SIGNED_IN, is_optional=True),
    Field("reposted", FLAG, False, help_text=_SIGNED_IN, is_optional=True),
)
_AUTHOR = Kind(show_author, AuthorSerializer)
TWEET = (
    *FACTS,
    Field("author", _AUTHOR, AUTHOR_EXAMPLE, "null while accounts is down", is_nullable=True),
    *MARKS,
    Field("entry_id", ID, help_text="only in a repost: its own id", is_optional=True),
    Field("reposted_by", _AUTHOR, is_nullable=True, is_optional=True),
)

TWEET_EXAMPLE = example(TWEET)


class TweetSerializer(ShapeSerializer):
    shape: ClassVar[tuple[Field, ...]] = TWEET


def show_facts(tweet: Tweet) -> Json:
    return show(FACTS, tweet)


def show_tweet(tweet: Tweet, authors: Mapping[int, User] | None) -> Json:
    """`authors` are those who are neither suspended nor deleted; None while accounts is down."""

    def author(user_id: int) -> Json | None:
        user = authors.get(user_id) if authors else None
        return show_author(user) if user else None

    shown = show_facts(tweet) | {"author": author(tweet.user_id)}
    if tweet.liked is not None:
        shown |= show(MARKS, tweet)
    if tweet.reposted_by_id is not None:
        shown |= {"entry_id": str(tweet.entry_id), "reposted_by": author(tweet.reposted_by_id)}
    return shown
