"""Polars, two ways: `--way columns` is fast for few customers with many events each, `--way frames` for many with few.

Sums are over whole cents and exact until the division. Ties: a window takes in all events of the same instant, later ones too.
"""

import common

try:
    import polars as pl
except ImportError as error:
    common.skip(error)

options = common.arguments(("--way", {"choices": ["columns", "frames"], "default": "columns"}))
amount, cents = pl.col("amount"), pl.col("cents")
events = pl.scan_ndjson(
    options.file, schema={"event_time": pl.Int64, "customer_id": pl.String, "amount": pl.Float64}
).select(
    pl.int_range(pl.len(), dtype=pl.Int64).alias("line"), pl.from_epoch("event_time", time_unit="ms"), "customer_id", "amount",
    (amount * 100).round().cast(pl.Int64).alias("cents"), pl.lit(1, dtype=pl.Int64).alias("one"))


def named(window, values):
    return [value.alias(f"{name}_{window}") for name, value in zip(common.AGGREGATES, values)]


def by_columns(window):
    """Rolling expressions over the columns of one customer."""
    by = {"by": "event_time", "window_size": window, "closed": "right"}
    return named(window, [
        pl.col("one").rolling_sum_by(**by), cents.rolling_sum_by(**by) / 100, amount.rolling_mean_by(**by),
        amount.rolling_min_by(**by), amount.rolling_max_by(**by), amount.rolling_std_by(ddof=0, **by)])


def by_frames(ordered, window):
    """Aggregates of a rolling frame, customers kept apart; rows in the order of lines."""
    values = named(window, [
        pl.len().cast(pl.Int64), cents.sum() / 100, amount.mean(), amount.min(), amount.max(), amount.std(ddof=0)])
    frame = ordered.rolling("event_time", period=window, closed="right", group_by="customer_id").agg(pl.col("line").last(), *values)
    return frame.sort("line").drop("customer_id", "event_time", "line")


if options.way == "columns":
    result = (
        events.group_by("customer_id").agg("line", *(value for window in options.windows for value in by_columns(window)))
        .drop("customer_id").explode(pl.all()).collect())
else:
    ordered = events.collect().sort("customer_id", "event_time", maintain_order=True)
    lines = ordered.select("line").sort("line")
    result = pl.concat([lines, *(by_frames(ordered, window) for window in options.windows)], how="horizontal")
sample = result.filter(pl.col("line") % options.step == 0).sort("line")
common.write_sample(options.sample, common.names(options.windows), sample.iter_rows())
common.finish(result.height)
