import json
from datetime import UTC, datetime
from xml.etree import ElementTree

from benchmarks import chart, report
from benchmarks.harness import Sense
from tests.unit.benchmarks.measured import result, row

AT = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
MEASURED = result(Sense.SHARE, (60, 100), (50, 100), (80, 100))
SVG = "{http://www.w3.org/2000/svg}"


def test_a_run_appends_one_json_line_per_row(tmp_path):
    for commit in ("1a2b3c4", "5d6e7f8+"):
        report.keep(report.line(MEASURED, commit=commit, at=AT), tmp_path)

    first, second = (tmp_path / "fanout.jsonl").read_text().splitlines()
    assert json.loads(first) == {
        "name": "fanout",
        "ours": 60,
        "limit": 100,
        "unit": "deliveries/s",
        "ratio": 0.6,
        "low": 0.5,
        "high": 0.8,
        "rounds": 3,
        "gate": 0.5,
        "goal": 0.7,
        "held": True,
        "commit": "1a2b3c4",
        "at": "2026-11-23T07:30:00.000Z",
    }
    assert json.loads(second)["commit"] == "5d6e7f8+"


def test_latest_reads_the_last_line_of_each_measured_row(tmp_path):
    for commit in ("1a2b3c4", "5d6e7f8"):
        report.keep(report.line(MEASURED, commit=commit, at=AT), tmp_path)

    [(found, line)] = report.latest([row(), row(name="never")], tmp_path)

    assert (found.name, line["commit"]) == ("fanout", "5d6e7f8")


def test_the_table_shows_limit_ours_ratio_and_spread():
    table = report.table()

    report.add(table, MEASURED)

    cells = [next(iter(column.cells)) for column in table.columns]
    assert cells[:6] == ["fanout", "deliveries/s", "100", "60", "0.60", "0.5…0.8"]


def test_the_chart_shows_every_row_and_its_figure(tmp_path):
    added = result(Sense.ADDED, (9, 4), quantity="search", unit="ms", gate=5, goal=3)
    kept = [(one.row, report.line(one, commit="1a2b3c4", at=AT)) for one in (MEASURED, added)]

    chart.draw(kept, tmp_path / "chart.svg")

    texts = [text.text for text in ElementTree.parse(tmp_path / "chart.svg").iter(f"{SVG}text")]
    assert {"fan-out", "search", "0.60 of 100 deliveries/s", "+5 ms"} <= set(texts)


def test_progress_is_1_at_the_goal_in_either_direction():
    assert chart.progress(row(Sense.SHARE, goal=0.7), 0.7) == 1
    assert chart.progress(row(Sense.SHARE, goal=0.7), 0.35) == 0.5
    assert chart.progress(row(Sense.WITHIN, goal=50), 100) == 0.5
