"""What the peers' scripts share: arguments, names of values, the sample that is checked.

Each script takes a file of card transactions in order of event time, JSON lines, and evaluates W1's six aggregates of the amount
per customer over each window at every event: over (t - window, t], the event included. It computes every value of every row,
prints one JSON object with the number of rows, and writes every K-th line's values for check.py to compare.
"""

import argparse
import csv
import json
import sys

AGGREGATES = ["n", "total", "mean", "low", "high", "sd"]
MILLISECONDS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
SKIPPED = 75


def arguments(*options):
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--windows", default="1h,1d,7d,30d", type=lambda text: text.split(","))
    parser.add_argument("--sample", help="CSV to write: line, then values by name")
    parser.add_argument("--step", type=int, default=97, help="every so many lines are in the sample")
    for flags, settings in options:
        parser.add_argument(flags, **settings)
    return parser.parse_args()


def milliseconds(window):
    return int(window[:-1]) * MILLISECONDS[window[-1]]


def names(windows, aggregates=AGGREGATES):
    return [f"{aggregate}_{window}" for window in windows for aggregate in aggregates]


def skip(reason):
    """Says why there is nothing to measure, and ends."""
    print(f"skipped: {reason}", file=sys.stderr)
    raise SystemExit(SKIPPED)


def write_sample(path, columns, rows):
    """Rows are `(line, value, …)`."""
    if path is None:
        return
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", *columns])
        writer.writerows(rows)


def finish(rows, **more):
    print(json.dumps({"rows": rows, **more}))
