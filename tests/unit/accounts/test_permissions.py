"""The errors of accounts' rules name the field to correct.

`tests/unit/project/permission_table.py` lists which facts each rule allows.
"""

import pytest

from accounts import permissions
from common.errors import Forbidden, Invalid, Malformed


def test_a_wrong_password_names_its_field() -> None:
    with pytest.raises(Forbidden) as raised:
        permissions.confirm.check(password_is_right=False)
    assert raised.value.fields == {"password": ["is wrong"]}


def test_following_oneself_names_its_field() -> None:
    with pytest.raises(Malformed) as raised:
        permissions.follow_another.check(follower_id=1, following_id=1)
    assert raised.value.fields == {"following_id": ["is your own id; name another user"]}


def test_a_follow_beyond_the_limit_names_its_field_and_the_limit() -> None:
    with pytest.raises(Invalid, match="limit of 7,500 followed accounts") as raised:
        permissions.follow_one_more.check(num_following=7500, limit=7500)
    assert "following_id" in raised.value.fields
