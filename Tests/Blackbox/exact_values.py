"""Values of whole tables, correctly rounded, from the exact moments that DuckDB counts: numpy where that can be proven right, exact
integers where it cannot.

A relation of moments has, per window, `n` events, their sum `s1` and sum of squares `s2` in hundredths, the least `lo` and the
greatest `hi`; all integers. `sum`, `avg`, `min` and `max` are one IEEE division of integers below 2^53: correctly rounded. A root
is taken with the 64 bits of x87's long double: two roundings, off by less than 2^-10 of a double's last place, so the double is
right unless the root lies closer than 2^-8 to the middle between two of them. Those are done anew in exact integers.
"""

from __future__ import annotations

import duckdb
import numpy as np

import oracle

AGGREGATES = ("n", "total", "mean", "least", "most", "sd")
FUNCTIONS = ("count()", "sum(amount)", "avg(amount)", "min(amount)", "max(amount)", "stddev_pop(amount)")
WINDOWS = {"1h": 3_600_000_000, "1d": 86_400_000_000, "7d": 7 * 86_400_000_000, "30d": 30 * 86_400_000_000}
NAMES = [f"{a}_{w}" for a in AGGREGATES for w in WINDOWS]
HAS_LONG_DOUBLE = np.finfo(np.longdouble).nmant == 63


def moments(window: str, over: str) -> str:
    """The moments of one window, as aggregates over what `over` says: a frame, or a filter."""
    lists = {"n": "count(e.cents)", "s1": "sum(e.cents)", "s2": "sum(e.cents * e.cents)", "lo": "min(e.cents)", "hi": "max(e.cents)"}
    return ", ".join(f"coalesce({call} {over}, 0)::bigint as {name}_{window}" for name, call in lists.items())


def root(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """sqrt(top) / bottom, correctly rounded. Both are integers below 2^63."""
    wide = np.sqrt(top.astype(np.longdouble)) / bottom.astype(np.longdouble)
    result = wide.astype(np.float64)
    away = np.abs(wide - result.astype(np.longdouble)) / np.spacing(np.maximum(result, 5e-324)).astype(np.longdouble)
    # Below a power of two doubles lie closer than above it.
    doubtful = (np.abs(away - 0.5) < 2**-8) | (np.frexp(result)[0] == 0.5)
    if not HAS_LONG_DOUBLE:
        doubtful[:] = True
    for place in np.flatnonzero(doubtful):
        result[place] = oracle.square_root(int(top[place]), int(bottom[place]) ** 2)
    return result


def expected(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Per value its numbers and which of them are null, in the order of the relation's `row`."""
    values = {}
    for window in WINDOWS:
        fetched = connection.execute(
            f"select n_{window}, s1_{window}, s2_{window}, lo_{window}, hi_{window} from {relation} order by row").fetchnumpy()
        n, s1, s2, lo, hi = (np.ma.getdata(fetched[f"{name}_{window}"]).astype(np.int64) for name in ("n", "s1", "s2", "lo", "hi"))
        if len(n):
            assert int(n.max()) * 100 < 2**53 and int(np.abs(s1).max()) < 2**53 and int(n.max()) * int(s2.max()) < 2**63
        none = n == 0
        count = np.maximum(n, 1)
        never = np.zeros(len(n), bool)
        values[f"n_{window}"] = n, never
        values[f"total_{window}"] = s1 / 100.0, never
        values[f"mean_{window}"] = s1.astype(np.float64) / (100 * count).astype(np.float64), none
        values[f"least_{window}"] = lo / 100.0, none
        values[f"most_{window}"] = hi / 100.0, none
        values[f"sd_{window}"] = root(n * s2 - s1 * s1, 100 * count), none
    return values


def differences(connection: duckdb.DuckDBPyConnection, actual: str, relation: str, order: str = "row") -> int:
    """Compares every value, bit for bit, of two relations with rows in the same order."""
    wanted = expected(connection, relation)
    found = connection.execute(f"select {', '.join(NAMES)} from {actual} order by {order}").fetchnumpy()
    total = 0
    for name in NAMES:
        numbers, nulls = wanted[name]
        own = found[name]
        own_nulls = np.ma.getmaskarray(own)
        assert len(own) == len(numbers), f"{len(own)} rows, expected {len(numbers)}"
        own = np.where(own_nulls, 0, np.ma.getdata(own)).astype(numbers.dtype)
        numbers = np.where(nulls, 0, numbers)
        wrong = (own_nulls != nulls) | ((own.view(np.int64) != numbers.view(np.int64)) & ~((own == 0) & (numbers == 0)))
        if count := int(wrong.sum()):
            places = np.flatnonzero(wrong)[:3]
            print(f"  {name}: {count} differences, as in rows {places}: {own[places]} by freshet, {numbers[places]} expected")
            total += count
    return total
