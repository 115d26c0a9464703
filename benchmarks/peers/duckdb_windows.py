"""DuckDB: window functions with RANGE frames over a table read from the file.

Ties: RANGE takes in all events of the same instant, those that come later in the file too.
"""

import common

try:
    import duckdb
except ImportError as error:
    common.skip(error)

options = common.arguments()
columns = common.names(options.windows)
expressions = []
frames = []
for window in options.windows:
    frame = f"w{window}"
    expressions += [
        f"count(*) OVER {frame}", f"sum(amount) OVER {frame}", f"avg(amount) OVER {frame}", f"min(amount) OVER {frame}",
        f"max(amount) OVER {frame}", f"stddev_pop(amount) OVER {frame}"]
    frames.append(f"{frame} AS (PARTITION BY customer_id ORDER BY event_time "
                  f"RANGE BETWEEN {common.milliseconds(window) - 1} PRECEDING AND CURRENT ROW)")
values = ", ".join(f'{expression} AS "{name}"' for expression, name in zip(expressions, columns))

connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")
connection.execute(
    """CREATE TABLE events AS SELECT row_number() OVER () - 1 AS line, *
    FROM read_json(?, format = 'newline_delimited',
                   columns = {event_time: 'BIGINT', customer_id: 'VARCHAR', amount: 'DECIMAL(12, 2)'})""", [options.file])
connection.execute(f"CREATE TABLE result AS SELECT line, {values} FROM events WINDOW {', '.join(frames)}")
rows = connection.execute("SELECT count(*) FROM result").fetchone()[0]
sample = connection.execute("SELECT * FROM result WHERE line % ? = 0 ORDER BY line", [options.step]).fetchall()
common.write_sample(options.sample, columns, sample)
common.finish(rows)
