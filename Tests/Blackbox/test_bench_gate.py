"""`make bench` fails on counts that grew, and on nothing else."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import report  # noqa: E402
from table import Table  # noqa: E402


def table(**values):
    result = Table("title", "stage", ["nanoseconds", "allocations", "instructions"])
    result.row("decode", **values)
    return result


def failures(before, now, same_code=True):
    return report.compare(now, before, same_code)[1]


def test_times_never_fail():
    assert not failures(table(nanoseconds=10.0), table(nanoseconds=100.0))
    assert report.compare(table(nanoseconds=100.0), table(nanoseconds=10.0), True)[0]


def test_a_count_fails_that_grew_by_more_than_a_twentieth():
    assert failures(table(allocations=1.0), table(allocations=1.06))
    assert not failures(table(allocations=1.0), table(allocations=1.04))
    assert not failures(table(allocations=1.0), table(allocations=0.5))
    assert failures(table(instructions=1000.0), table(instructions=1100.0))


def test_an_allocation_in_a_thousand_events_is_not_growth():
    assert not failures(table(allocations=0.0), table(allocations=0.0005))
    assert failures(table(allocations=0.0), table(allocations=0.01))


def test_instructions_of_another_compiler_are_not_compared():
    assert not failures(table(instructions=1000.0), table(instructions=2000.0), same_code=False)
    assert failures(table(allocations=1.0), table(allocations=2.0), same_code=False)


def test_what_was_not_recorded_is_not_compared():
    assert not failures(None, table(allocations=1.0))
    assert not failures(table(allocations=None), table(allocations=1.0))
