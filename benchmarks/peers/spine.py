"""Every event's customer and time as a spine for a training join: spine.py FILE SPINE"""

import sys

import duckdb

duckdb.execute(
    """COPY (SELECT customer_id, make_timestamptz(event_time * 1000) AS event_timestamp
             FROM read_json(?, format = 'newline_delimited', columns = {event_time: 'BIGINT', customer_id: 'VARCHAR'}))
       TO '""" + sys.argv[2] + "' (FORMAT parquet)", [sys.argv[1]])
