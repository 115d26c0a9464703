"""Polars: rolling aggregates by time, within each customer.

Sums are over whole cents and exact until the division. Ties: a window takes in all events of the same instant, later ones too.
"""

import common

try:
    import polars as pl
except ImportError as error:
    common.skip(error)

options = common.arguments()
columns = common.names(options.windows)
amount, cents = pl.col("amount"), pl.col("cents")


def window_values(window):
    by = {"by": "event_time", "window_size": window, "closed": "right"}
    values = [
        pl.col("one").rolling_sum_by(**by), cents.rolling_sum_by(**by) / 100, amount.rolling_mean_by(**by),
        amount.rolling_min_by(**by), amount.rolling_max_by(**by), amount.rolling_std_by(ddof=0, **by)]
    return [value.alias(f"{name}_{window}") for name, value in zip(common.AGGREGATES, values)]


result = (
    pl.scan_ndjson(options.file, schema={"event_time": pl.Int64, "customer_id": pl.String, "amount": pl.Float64})
    .select(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("line"), pl.from_epoch("event_time", time_unit="ms"), "customer_id",
        "amount", (amount * 100).round().cast(pl.Int64).alias("cents"), pl.lit(1, dtype=pl.Int64).alias("one"))
    .group_by("customer_id")
    .agg("line", *(value for window in options.windows for value in window_values(window)))
    .drop("customer_id")
    .explode(pl.all())
    .collect())
sample = result.filter(pl.col("line") % options.step == 0).sort("line")
common.write_sample(options.sample, columns, sample.iter_rows())
common.finish(result.height)
