import pytest

from common.errors import NotFound
from hydration.visibility import check_shown


def test_an_entry_is_shown_if_its_author_and_reposter_are_known() -> None:
    check_shown([1, 2], known={1, 2, 3})


def test_an_entry_is_not_found_if_its_author_or_reposter_is_not_known() -> None:
    with pytest.raises(NotFound):
        check_shown([1, 2], known={1, 3})


def test_nothing_is_hidden_while_accounts_is_down() -> None:
    check_shown([1, 2], known=None)
