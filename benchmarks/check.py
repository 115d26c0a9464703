"""Compares a peer's sample with Freshet's rows: check.py LOG SAMPLE.csv

LOG is the folder that `freshet replay --log` wrote. Counts, sums, minima and maxima have to be equal, averages and deviations
within 1e-9. One JSON object: by aggregate how many cells were compared, differ in the last bits, differ by more. Events that
share an instant with another of their entity are left out: what they count differs between systems by design.
"""

import csv
import json
import sys
from collections import Counter
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.dataset as ds

EXACT = ("n", "total", "low", "high")


def main(log, sample_path):
    with open(sample_path, newline="") as file:
        sample = list(csv.reader(file))
    names = sample[0][1:]
    wanted = {int(row[0]): row[1:] for row in sample[1:]}
    # Parts of one view; the partition folder `dt=` is not needed.
    table = ds.dataset([str(path) for path in Path(log).glob("customer/**/*.parquet")]).to_table(
        columns=["customer_id", "event_timestamp", "offset", *names])
    same = table.group_by(["customer_id", "event_timestamp"]).aggregate([("offset", "count")])
    tied = {(row["customer_id"], row["event_timestamp"])
            for row in same.filter(pc.greater(same["offset_count"], 1)).to_pylist()}
    ties = 0
    compared, wrong, close = Counter(), Counter(), Counter()
    rows = table.filter(pc.is_in(table["offset"], value_set=pc.cast(list(wanted), table.schema.field("offset").type)))
    found = rows.to_pylist()
    for row in found:
        if (row["customer_id"], row["event_timestamp"]) in tied:
            ties += 1
            continue
        for name, text in zip(names, wanted[row["offset"]]):
            aggregate = name.split("_")[0]
            compared[aggregate] += 1
            difference = compare(text, row[name], aggregate)
            if difference == "close":
                close[aggregate] += 1
            elif difference:
                wrong[aggregate] += 1
    print(json.dumps({"rows": table.num_rows, "sampled": len(found), "missing": len(wanted) - len(found), "compared": compared,
                      "ties": ties, "wrong": wrong, "close": close}))


def compare(text, ours, aggregate):
    """None where equal, `close` where only the last bits differ, `wrong`."""
    if ours is None or text == "":
        return None if (ours is None) == (text == "") else "wrong"
    theirs = float(text)
    if theirs == ours:
        return None
    near = abs(theirs - ours) <= 1e-9 * max(1.0, abs(ours))
    if not near:
        return "wrong"
    return "close" if aggregate in EXACT else None


if __name__ == "__main__":
    main(*sys.argv[1:])
