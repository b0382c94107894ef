"""What a check is, and what it finds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One difference. Two looks that see the same damage make equal findings."""

    subject: str  # "feed:123", "tweet 123"
    kind: str  # "lacks", "num_likes"
    id: int = 0  # whose: the timeline's owner, the tweet, the event
    about: int = 0  # where one owner can have several: the entry
    told: str = field(default="", compare=False)  # more for the reader

    def __str__(self) -> str:
        words = [self.subject, self.kind, str(self.about) if self.about else "", self.told]
        return " ".join(filter(None, words))


@dataclass(frozen=True, slots=True)
class Looked:
    """A step of a check: how much of it was looked at, and what seemed wrong."""

    count: int
    findings: Sequence[Finding]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One part of the system against the databases."""

    name: str
    unit: str  # what is counted
    count: Callable[[], int | None]  # None where nobody knows before the end
    find: Callable[[], Iterator[Looked]]
    look_again: Callable[[Sequence[Finding]], Sequence[Finding]]
    mend: Callable[[Sequence[Finding]], None]
    follows_news: bool = True  # is right only when the workers have heard everything
