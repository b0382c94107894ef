import pytest

from benchmarks.harness import CheckFailed, Comparison, Sense, measure
from tests.unit.benchmarks.measured import result, row


def test_the_ratio_is_the_median_of_the_rounds_ratios():
    measured = result(Sense.SHARE, (60, 100), (10, 100), (300, 400), (70, 100), (99, 100))

    assert measured.figure == measured.ratio == 0.7
    assert (min(measured.figures), max(measured.figures)) == (0.1, 0.99)


def test_a_share_must_reach_the_required_figure():
    assert result(Sense.SHARE, (50, 100)).held is True
    assert result(Sense.SHARE, (49, 100)).held is False


def test_a_size_must_not_exceed_the_required_figure():
    assert result(Sense.SIZE, (145, 100), gate=1.45).held is True
    assert result(Sense.SIZE, (146, 100), gate=1.45).held is False


def test_an_added_figure_is_a_difference():
    measured = result(Sense.ADDED, (9, 4), (5, 4), (7, 4), gate=3)

    assert measured.figure == 3
    assert measured.ratio is None
    assert measured.held is True


def test_without_a_limit_the_figure_is_ours():
    measured = result(Sense.WITHIN, (40, None), (60, None), (50, None), gate=49)

    assert measured.figure == 50
    assert measured.limit is None
    assert measured.held is False


def test_a_row_without_a_required_figure_neither_passes_nor_fails():
    assert result(Sense.SHARE, (50, 100), gate=None).held is None


def test_ours_and_the_limit_take_turns_in_going_first():
    turns = []

    def turn(name: str) -> float:
        turns.append(name)
        return 1.0

    comparison = Comparison(ours=lambda: turn("ours"), limit=lambda: turn("limit"))

    assert len(list(measure(comparison, row(rounds=2)))) == 2
    assert turns == ["ours", "limit", "ours", "limit", "limit", "ours"]


def test_the_first_round_does_not_count():
    figures = iter([1.0, 2.0, 3.0])

    rounds = list(measure(Comparison(ours=lambda: next(figures)), row(rounds=2)))

    assert [one.ours for one in rounds] == [2.0, 3.0]


def test_a_failed_check_ends_the_measurement():
    def check():
        raise CheckFailed("a delivery is missing")

    with pytest.raises(CheckFailed):
        list(measure(Comparison(ours=lambda: 1.0, check=check), row(rounds=2)))
