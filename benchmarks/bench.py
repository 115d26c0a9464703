#!/usr/bin/env python3
"""Measures Freshet: bench.py [--peers] [--record] …

Prints tables and what changed against the recorded run; the exit status is 1 if allocations or instructions per event grew by
more than 5 %. Times never decide. Only the standard library is needed, and the built binaries; the peers have an environment of
their own.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import cases
import machine
import measure
import micro
import replays
import report

PARTS = ["stages", "logs", "entities", "memory", "replay", "peers", "curves", "profile"]


def main():
    options = arguments()
    if options.update_readme:
        import plot

        report.update_readmes()
        plot.write(report.recorded())
        return 0
    measure.adopt_orphans()
    cases.WORK.mkdir(parents=True, exist_ok=True)
    described = machine.describe(os.environ.get("SWIFT", "swift"))
    print(machine.sentence(described))
    if not micro.has_callgrind():
        print("no valgrind: instructions are not counted")
    tables, curves = {}, {}
    for part in options.parts:
        print(f"benchmarks: {part}", file=sys.stderr)
        if part == "curves":
            curves = run_curves(options)
            continue
        tables[part] = run(part, options)
        print(f"\n## {tables[part].title}\n\n{tables[part].how}.\n\n{tables[part].markdown()}", flush=True)
    save(described, tables, curves)
    failures = []
    if options.quick:
        print("\nA quick run: not compared with the recorded one, whose numbers are over more events.")
    else:
        failures = report.compare_all(described, tables)
        if options.record:
            report.record(described, tables, curves)
            return 0
    for line in failures:
        print(f"more than recorded: {line}", file=sys.stderr)
    return 1 if failures else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path, help="card transactions as JSON lines, in place of made ones")
    parser.add_argument("--quick", action="store_true", help="a tenth of the events, one round: to see that it runs")
    parser.add_argument("--large", action="store_true", help="10 and 20 million entities too: 30 GB of disk, 8 GB of memory")
    parser.add_argument("--peers", action="store_true", help="DuckDB, Polars, pandas, Flink, Redis, Quix beside it")
    parser.add_argument("--curves", action="store_true", help="what is plotted; with --peers, theirs too")
    parser.add_argument("--profile", action="store_true", help="where the time goes, and benchmarks/flame.svg (needs perf)")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"parts by name: {','.join(PARTS)}")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one run of a peer")
    parser.add_argument("--record", action="store_true", help="write benchmarks/recorded.json")
    parser.add_argument("--update-readme", action="store_true", help="only rewrite tables and plot from recorded.json")
    options = parser.parse_args()
    if unknown := set(options.only or []) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if options.record and options.quick:
        parser.error("a quick run is not worth recording")
    wanted = {"peers": options.peers, "curves": options.curves, "profile": options.profile}
    options.parts = options.only or [part for part in PARTS if wanted.get(part, True)]
    if options.input:
        options.input = options.input.resolve()
    return options


def run(part, options):
    match part:
        case "stages":
            return micro.stages(options.quick)
        case "logs":
            return micro.logs(options.quick)
        case "entities":
            return micro.entities(options.quick, options.large)
        case "memory":
            return micro.memory(options.quick)
        case "replay":
            return replays.table(options.input, options.quick, options.large)
        case "peers":
            import versus

            versus.prepare()
            return versus.table(options.input, options.quick, options.timeout)
        case "profile":
            import profiles

            return profiles.table(options.input, options.quick)


def run_curves(options):
    import curves

    if options.peers:
        import versus

        versus.prepare()
    return curves.measure(options.quick, min(options.timeout, 120), options.peers)


def save(described, tables, curves):
    path = cases.WORK / "results.json"
    results = {"machine": described, "tables": {key: table.json() for key, table in tables.items()}, "curves": curves}
    path.write_text(json.dumps(report.rounded(results), indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
