"""Every write of accounts, each with its events."""

from accounts.services.counters import (
    increment_tweets,
    prune_tweet_counts,
    repair_follow_counters,
    repair_num_tweets,
)
from accounts.services.follows import follow, remove_follows, unfollow
from accounts.services.sessions import (
    change_password,
    check_own_password,
    log_in,
    log_out,
    prune_admin_sessions,
    prune_spent_refreshes,
    refresh_session,
    register,
    set_password,
)
from accounts.services.users import delete_account, delete_user, restore, suspend, update_profile

__all__ = [
    "change_password",
    "check_own_password",
    "delete_account",
    "delete_user",
    "follow",
    "increment_tweets",
    "log_in",
    "log_out",
    "prune_admin_sessions",
    "prune_spent_refreshes",
    "prune_tweet_counts",
    "refresh_session",
    "register",
    "remove_follows",
    "repair_follow_counters",
    "repair_num_tweets",
    "restore",
    "set_password",
    "suspend",
    "unfollow",
    "update_profile",
]
