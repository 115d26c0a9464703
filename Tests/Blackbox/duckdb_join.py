"""Training joins, replays and reads over a file of card transactions, every value compared with what DuckDB counts.

    FRESHET_BIN=… python duckdb_join.py transactions.jsonl[.zst] [--keep DIR] [--rows N] [--memory SIZE] [--only CHECK,…]

Lines as for duckdb_check.py. 24 values per customer: count, sum, avg, min, max and stddev_pop over 1h, 1d, 7d and 30d.

    events    the spine is every transaction: DuckDB's window functions
    instants  N random instants between, before and after the events, unknown customers, rows twice: a range join
    shuffled  N of the transactions in random order, some twice, once more with little memory: the rows of `events`; prints what memory it took
    arrival   events that come late by random amounts, as an archive, `--visible arrival`: a range join over both times
    reads     `get --at`, a join row and a recount of some hundred customers, between events and after the last
    from      `replay --from` a month into the data: the rows of the whole replay from there on
    topic     `run` on a topic, stopped and killed at random: the rows of `replay` of it, final and arrival

DuckDB's sums are of integers; exact_values.py makes values of them, correctly rounded.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

import exact_values
from exact_values import AGGREGATES, FUNCTIONS, NAMES, WINDOWS, moments
from test_kafka import rfc3339

COLUMNS = "{event_time: 'BIGINT', customer_id: 'VARCHAR', amount: 'DECIMAL(18,2)'}"
MONTH = 30 * 86_400_000_000
LAG_MAX = 6 * 3_600_000_000  # of the events of `arrival`


def pipeline(name: str, snapshots: str = "final", out_of_orderness: str = "5s") -> str:
    features = "\n".join(f"      - {{name: {n}, aggregate: {f}, windows: [{', '.join(WINDOWS)}]}}" for n, f in zip(AGGREGATES, FUNCTIONS))
    return f"""\
pipeline: {name}
version: 1
sources:
  transactions:
    topic: {name}
    format: json
    key: customer_id
    event_time: {{field: event_time, unit: ms}}
    out_of_orderness: {out_of_orderness}
    fields: {{event_time: timestamp, customer_id: string, amount: decimal(2)}}
views:
  spend:
    source: transactions
    entity: [customer_id]
    snapshots: {snapshots}
    features:
{features}
"""


@dataclass
class Check:
    binary: str
    file: Path
    directory: Path
    rows: int
    memory: str
    seed: int = 1

    def __post_init__(self) -> None:
        self.db = duckdb.connect(str(self.directory / "join.duckdb"))
        # Events in microseconds, as everything else here.
        self.db.execute(f"""create table events as
            select row_number() over () - 1 as row, event_time * 1000 as us, customer_id, (amount * 100)::bigint as cents
            from read_json('{self.file}', format = 'newline_delimited', columns = {COLUMNS})""")
        self.db.execute("select setseed(0.5)")
        self.count, self.first, self.last = self.db.execute("select count(*), min(us), max(us) from events").fetchone()
        for snapshots in ("final", "arrival"):
            (self.directory / f"{snapshots}.yaml").write_text(pipeline("duckdb_join", snapshots))
        self.lines = f"transactions={self.file}"

    def run(self, *arguments: object) -> tuple[float, int]:
        """Seconds, and the most MiB of memory that it had."""
        started, peak = time.monotonic(), 0
        with open(self.directory / "stderr", "ab") as errors:
            process = subprocess.Popen([self.binary, *map(str, arguments)], cwd=self.directory, stdout=errors, stderr=errors)
        # What the system says at the end counts this process's memory too, of the time before the child's exec.
        while process.poll() is None:
            if found := re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text()):
                peak = int(found[1]) // 1024
            time.sleep(0.01)
        assert process.returncode == 0, (self.directory / "stderr").read_text(errors="replace")[-2000:]
        return time.monotonic() - started, peak

    def join(self, spine: str, out: str, *flags: object, source: str | None = None, plan: str = "final.yaml") -> None:
        seconds, mebibytes = self.run("join", plan, "--input", source or self.lines, "--spine", spine, "--out", out, *flags)
        print(f"  joined in {seconds:.1f} s with {mebibytes} MiB {' '.join(map(str, flags))}")

    def write_spine(self, query: str, name: str) -> None:
        """A spine of the rows `row, customer_id, us`."""
        self.db.execute(f"""copy (select row, customer_id, make_timestamptz(us) as event_timestamp from ({query}))
            to '{self.directory / name}' (format parquet)""")

    def differences(self, out: str, relation: str) -> int:
        return exact_values.differences(self.db, f"'{self.directory / out}'", relation)

    def window_moments(self) -> str:
        """The moments at every event, as a query."""
        columns = ", ".join(moments(name, f"over w{name}") for name in WINDOWS)
        frames = ", ".join(f"w{name} as (partition by customer_id order by us range between {span - 1} preceding and current row)"
                           for name, span in WINDOWS.items())
        return f"select row, customer_id, us, {columns} from events e window {frames}"

    def range_moments(self, spine: str, more: str = "true") -> str:
        """The moments of a spine's rows, by a join over the longest window and a filter for each."""
        columns = ", ".join(moments(name, f"filter (e.us > s.us - {span})") for name, span in WINDOWS.items())
        return f"""select s.row, {columns} from {spine} s
            left join events e on e.customer_id = s.customer_id and e.us <= s.us and e.us > s.us - {max(WINDOWS.values())} and {more}
            group by s.row"""

    def random_instants(self, table: str, count: int) -> None:
        """A table of rows `row, customer_id, us`: at, just before and just after events, between them, before all and after all."""
        self.db.execute(f"""create table {table} as
            with drawn as (select (random() * {self.count})::bigint % {self.count} as event, random() as kind, random() as other, i
                           from range({count}) r(i)),
            placed as (select i, case when other < 0.02 then 'nobody-' || i % 50 else customer_id end as customer_id, case
                when kind < 0.2 then us when kind < 0.3 then us - 1 when kind < 0.4 then us + 1
                when kind < 0.5 then us + {WINDOWS["1d"]} when kind < 0.55 then us + {WINDOWS["1d"]} - 1
                when kind < 0.9 then {self.first} + (random() * ({self.last} - {self.first}))::bigint
                when kind < 0.95 then {self.first} - (random() * 1e12)::bigint else {self.last} + (random() * 4e12)::bigint end as us
                from drawn join events on events.row = drawn.event)
            -- One in twenty twice.
            select row_number() over (order by hash(i * 7 + n)) - 1 as row, customer_id, us
            from placed, range(2) twice(n) where n = 0 or i % 20 = 0""")

    # The checks. Each gives the number of differences.

    def events(self) -> int:
        self.db.execute(f"create table if not exists at_events as {self.window_moments()}")
        self.write_spine("select row, customer_id, us from events order by row", "events.parquet")
        self.join("events.parquet", "events-out.parquet")
        return self.differences("events-out.parquet", "at_events")

    def instants(self) -> int:
        self.random_instants("instants", self.rows // 4)
        self.db.execute(f"create table at_instants as {self.range_moments('instants')}")
        self.write_spine("select * from instants order by row", "instants.parquet")
        self.join("instants.parquet", "instants-out.parquet")
        return self.differences("instants-out.parquet", "at_instants")

    def shuffled(self) -> int:
        self.db.execute(f"create table if not exists at_events as {self.window_moments()}")
        self.db.execute(f"create table shuffled as select i as row, (random() * {self.count})::bigint % {self.count} as event from range({self.rows}) r(i)")
        self.db.execute(f"""create table at_shuffled as select shuffled.row, at_events.* exclude (row)
            from shuffled join at_events on at_events.row = shuffled.event""")
        self.write_spine("select row, customer_id, us from at_shuffled order by row", "shuffled.parquet")
        found = 0
        for number, flags in enumerate([(), ("--memory", self.memory)]):
            self.join("shuffled.parquet", f"shuffled-{number}.parquet", *flags)
            found += self.differences(f"shuffled-{number}.parquet", "at_shuffled")
        return found

    def arrival(self) -> int:
        """Most are hardly late, one in ten by up to some hours; the archive has them in the order in which they came."""
        (self.directory / "late.yaml").write_text(pipeline("duckdb_join", out_of_orderness=f"{LAG_MAX // 3_600_000_000}h"))
        self.db.execute(f"""create table late as select *, us + (if(random() < 0.1, {LAG_MAX - 1_000_000}, 60000000) * random())::bigint // 1000 * 1000 as came
            from events""")
        (self.directory / "late").mkdir()
        partitions = 5
        self.db.execute(f"""copy (
            select make_timestamptz(us) as event_time, customer_id, (cents / 100)::decimal(18, 2) as amount, hash(customer_id) % {partitions} as "partition",
                   row_number() over (partition by hash(customer_id) % {partitions} order by came, row) - 1 as "offset", make_timestamptz(came) as timestamp
            from late order by "partition"::int, "offset") to '{self.directory}/late/a.parquet' (format parquet, row_group_size 20000)""")
        self.random_instants("seen", self.rows // 8)
        self.db.execute(f"create table at_seen as {self.range_moments('seen', 'e.came <= s.us').replace('join events e', 'join late e')}")
        self.db.execute(f"create table at_all as {self.range_moments('seen')}")
        self.write_spine("select * from seen order by row", "seen.parquet")
        source = f"transactions={self.directory}/late"
        found = 0
        for visible, relation in (("arrival", "at_seen"), ("event", "at_all")):
            self.join("seen.parquet", f"{visible}-out.parquet", "--visible", visible, source=source, plan="late.yaml")
            found += self.differences(f"{visible}-out.parquet", relation)
        if not self.db.execute("select count(*) from at_seen a join at_all b using (row) where a.n_1h <> b.n_1h").fetchone()[0]:
            raise AssertionError("nothing was late for any row")
        return found

    def reads(self) -> int:
        """At instants that the state may not reach back to any more, an error is right, a value has to be."""
        self.run("replay", "final.yaml", "--input", self.lines, "--discard", "--state", "state")
        customers = [row[0] for row in self.db.execute("select customer_id from events group by customer_id order by hash(customer_id) limit 300").fetchall()]
        rng = random.Random(self.seed)
        asked = []
        for customer in customers:
            own = [row[0] for row in self.db.execute("select us from events where customer_id = ? order by us", [customer]).fetchall()]
            asked += [(customer, t) for t in (own[-1] - 1, own[-1], (own[-1] + self.last) // 2, self.last + rng.randrange(10**12), self.last + 4 * 10**12)]
        self.db.execute("create table asked (row bigint, customer_id varchar, us bigint)")
        self.db.executemany("insert into asked values (?, ?, ?)", [(n, *pair) for n, pair in enumerate(asked)])
        self.db.execute(f"create table at_asked as {self.range_moments('asked')}")
        self.write_spine("select * from asked order by row", "asked.parquet")
        self.join("asked.parquet", "asked-out.parquet")
        found = self.differences("asked-out.parquet", "at_asked")
        joined = self.db.execute(f"select {', '.join(NAMES)} from '{self.directory / 'asked-out.parquet'}' order by row").fetchall()
        refused = 0
        for (customer, at), values in zip(asked, joined):
            done = subprocess.run([self.binary, "get", "final.yaml", "--state", "state", "spend", customer, "--at", rfc3339(at)], cwd=self.directory,
                                  capture_output=True)
            if done.returncode == 1 and b"have left the state" in done.stderr:
                refused += 1
                assert at < self.last, done.stderr
                continue
            assert done.returncode == 0, done.stderr
            own = json.loads(done.stdout)["values"]
            found += sum(own[name] != value for name, value in zip(NAMES, values))
        print(f"  {len(asked) - refused} reads, {refused} refused")
        return found

    def rows_between(self, left: str, right: str, condition: str = "true") -> int:
        """Rows of one log that the other does not have, both ways."""
        both = [f"select * exclude (created, dt) from read_parquet('{self.directory}/{log}/spend/*/*.parquet', hive_partitioning = true) where {where}"
                for log, where in ((left, condition), (right, "true"))]
        count = self.db.execute(f"select count(*) from ({both[1]})").fetchone()[0]
        print(f"  {count} rows")
        assert count
        return sum(self.db.execute(f"select count(*) from ({a} except all {b})").fetchone()[0] for a, b in (both, reversed(both)))

    def from_(self) -> int:
        start = self.first + min(MONTH, (self.last - self.first) // 2)
        found = 0
        for snapshots in ("final", "arrival"):
            self.run("replay", f"{snapshots}.yaml", "--input", self.lines, "--log", f"whole-{snapshots}")
            self.run("replay", f"{snapshots}.yaml", "--input", self.lines, "--log", f"from-{snapshots}", "--from", rfc3339(start))
            found += self.rows_between(f"whole-{snapshots}", f"from-{snapshots}", f"epoch_us(event_timestamp) >= {start}")
        return found

    def topic(self) -> int:
        from cluster import MockCluster, RealCluster

        brokers = os.environ.get("FRESHET_TEST_BROKERS")
        cluster = RealCluster(brokers) if brokers else MockCluster()
        partitions = max(4, self.count // 15_000)
        name = cluster.topic("duckdb_join", partitions)
        ends = [0] * partitions
        rng = random.Random(self.seed)
        plans = {}
        for snapshots in ("final", "arrival"):
            plans[snapshots] = self.directory / f"{name}-{snapshots}.yaml"
            plans[snapshots].write_text(pipeline(f"{name}_{snapshots}", snapshots).replace(f"topic: {name}_{snapshots}", f"topic: {name}"))

        def start(snapshots: str) -> subprocess.Popen:
            with open(self.directory / "stderr", "ab") as errors:
                return subprocess.Popen([self.binary, "run", str(plans[snapshots]), "--brokers", cluster.brokers, "--state", f"live-{snapshots}",
                                         "--log", f"live-log-{snapshots}", "--commit-interval", "100ms"], cwd=self.directory, stderr=errors)

        running = {s: start(s) for s in plans}
        cursor = self.db.execute("""select hash(customer_id) % ? as p, us, customer_id, cents from events order by row""", [partitions])
        pieces = 0
        while rows := cursor.fetchmany(max(100, self.count // 20)):
            cluster.produce(name, [(p, us // 1000, customer.encode(),
                                    f'{{"event_time":{us // 1000},"customer_id":"{customer}","amount":{cents / 100:.2f}}}'.encode())
                                   for p, us, customer, cents in rows])
            for p, *_ in rows:
                ends[p] += 1
            pieces += 1
            stopped = rng.choice(list(plans))
            if rng.random() < 0.6:
                running[stopped].kill()
            else:
                running[stopped].terminate()
            running[stopped].wait()
            running[stopped] = start(stopped)
        # An event in each partition, long after: the watermark passes all others.
        after = self.last // 1000 + 86_400_000
        cluster.produce(name, [(p, after, b"", f'{{"event_time":{after},"customer_id":"~{p}","amount":0}}'.encode()) for p in range(partitions)])
        found = 0
        for snapshots in plans:
            cluster.wait_for_group(f"{name}_{snapshots}", {name: [end + 1 for end in ends]}, timeout=300)
            running[snapshots].terminate()
            assert running[snapshots].wait() == 0
            self.run("replay", plans[snapshots], "--brokers", cluster.brokers, "--log", f"replayed-{snapshots}")
            for log in (f"live-log-{snapshots}", f"replayed-{snapshots}"):
                (self.directory / log / "spend").rename(self.directory / log / "all")
                self.db.execute(f"""copy (select * exclude (dt), dt from read_parquet('{self.directory}/{log}/all/*/*.parquet', hive_partitioning = true)
                    where customer_id not like '~%') to '{self.directory}/{log}/spend' (format parquet, partition_by (dt))""")
            found += self.rows_between(f"replayed-{snapshots}", f"live-log-{snapshots}")
        print(f"  {pieces} stops and kills, {partitions} partitions")
        cluster.close()
        return found


CHECKS = {"events": Check.events, "instants": Check.instants, "shuffled": Check.shuffled, "arrival": Check.arrival, "reads": Check.reads,
          "from": Check.from_, "topic": Check.topic}


def check(binary: str, file: Path, directory: Path, rows: int, memory: str = "64MiB", only: list[str] | None = None) -> int:
    checks = Check(str(Path(binary).resolve()), file, directory, rows, memory)
    total = 0
    for name in only or CHECKS:
        started = time.monotonic()
        print(f"{name}:", flush=True)
        found = CHECKS[name](checks)
        print(f"  {found} differences, {time.monotonic() - started:.0f} s", flush=True)
        total += found
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--keep", type=Path, help="where spines, outputs and DuckDB's tables stay")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the spine in random order; other spines go by it")
    parser.add_argument("--memory", default="64MiB")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"of {', '.join(CHECKS)}")
    arguments = parser.parse_args()
    binary = os.environ.get("FRESHET_BIN")
    if not binary:
        parser.error("FRESHET_BIN names no binary")
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        return 1 if check(binary, arguments.file.resolve(), directory.resolve(), arguments.rows, arguments.memory, arguments.only) else 0


if __name__ == "__main__":
    sys.exit(main())
