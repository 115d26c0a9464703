"""Redis by hand: a sorted set of a customer's amounts by time, read back at every event, aggregated in the client.

Per event ZADD, ZREMRANGEBYSCORE and ZRANGEBYSCORE, many events to a round trip. The server's time counts. Ties: those that came
before count, as in Freshet.
"""

import itertools
import json
import math
import shutil
import subprocess
import tempfile
import time

import common

try:
    import redis
except ImportError as error:
    common.skip(error)
server = shutil.which("redis-server") or common.skip("no redis-server")

EVENTS_PER_ROUND_TRIP = 100
options = common.arguments()
lengths = [common.milliseconds(window) for window in options.windows]
columns = common.names(options.windows)


def values(now, members):
    """W1's values, from members `line:cents` with their times, oldest first. Whole cents, so that sums are exact."""
    amounts = [(time, int(member.split(b":")[1])) for member, time in members]
    row = []
    for length in lengths:
        inside = [cents for time, cents in amounts if time > now - length]
        count, total = len(inside), sum(inside)
        deviation = math.sqrt(count * sum(cents * cents for cents in inside) - total * total) / count
        row += [count, total / 100, total / count / 100, min(inside) / 100, max(inside) / 100, deviation / 100]
    return row


def connect(socket):
    for _ in range(200):
        try:
            client = redis.Redis(unix_socket_path=socket)
            client.ping()
            return client
        except redis.ConnectionError:
            time.sleep(0.05)
    raise SystemExit("redis-server does not answer")


sample, rows = [], 0
with tempfile.TemporaryDirectory() as folder, open(options.file) as file:
    process = subprocess.Popen(
        [server, "--port", "0", "--unixsocket", f"{folder}/socket", "--save", "", "--dir", folder, "--loglevel", "warning"])
    try:
        client = connect(f"{folder}/socket")
        lines = enumerate(file)
        while batch := list(itertools.islice(lines, EVENTS_PER_ROUND_TRIP)):
            pipeline = client.pipeline(transaction=False)
            times = []
            for line, text in batch:
                event = json.loads(text)
                key, now = event["customer_id"], event["event_time"]
                pipeline.zadd(key, {f"{line}:{round(event['amount'] * 100)}": now})
                pipeline.zremrangebyscore(key, "-inf", now - lengths[-1])
                pipeline.zrangebyscore(key, "-inf", now, withscores=True)
                times.append(now)
            answers = pipeline.execute()
            for (line, _), now, members in zip(batch, times, answers[2::3]):
                row = values(now, members)
                rows += 1
                if line % options.step == 0:
                    sample.append([line, *row])
    finally:
        process.terminate()
        process.wait()
common.write_sample(options.sample, columns, sample)
common.finish(rows)
