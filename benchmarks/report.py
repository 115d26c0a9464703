"""What changed against the recorded run, what of it fails the build, and the tables of README.md."""

import json
import re

from cases import BENCHMARKS, ROOT
from machine import runs_the_same_instructions, sentence
from table import COLUMNS, Table

RECORDED = BENCHMARKS / "recorded.json"
READMES = [BENCHMARKS / "README.md", ROOT / "README.md"]
#: Growth of a count that fails the run, and what is too small to matter: one allocation in a thousand events.
GROWTH = 1.05
SLACK = {"allocations": 0.001, "instructions": 1.0}


def recorded():
    return json.loads(RECORDED.read_text()) if RECORDED.exists() else {"machine": {}, "tables": {}, "curves": {}}


def record(machine, tables, curves):
    """Tables of this run take the place of those that were recorded; the others stay if they are of this machine."""
    before = recorded()
    if before["machine"] != machine:
        before = {"tables": {}, "curves": {}}
    result = {
        "machine": machine,
        "tables": {**before["tables"], **{key: table.json() for key, table in tables.items()}},
        "curves": {**before["curves"], **curves},
    }
    RECORDED.write_text(json.dumps(rounded(result), indent=1, sort_keys=True) + "\n")


def rounded(value):
    """Numbers to five digits: the rest is noise."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value


def compare(table, before, same_code):
    """Lines on what changed by more than a twentieth, and those of them that fail the run."""
    changes, failures = [], []
    if before is None:
        return changes, failures
    for row in table.rows:
        old = before.find(row["name"])
        for column in table.columns if old else []:
            heading, _, is_gate = COLUMNS[column]
            now, then = row.get(column), old.get(column)
            if now is None or then is None or isinstance(now, str) or column in ("events", "entities"):
                continue
            grew = now > then * GROWTH + SLACK.get(column, 0)
            if not grew and now >= then / GROWTH - SLACK.get(column, 0):
                continue
            line = f"{row['name']}: {heading} {then:,.4g} -> {now:,.4g}"
            changes.append(line)
            if grew and is_gate and (column != "instructions" or same_code):
                failures.append(line)
    return changes, failures


def compare_all(machine, tables):
    """Prints what changed; gives the lines that fail the run."""
    before = recorded()
    if not before["tables"]:
        print("\nNothing was recorded yet: `make bench RECORD=1` does.")
        return []
    same_code = runs_the_same_instructions(machine, before["machine"])
    print(f"\nAgainst the recorded run ({sentence(before['machine'])}), changes of more than 5 %:\n")
    if not same_code:
        print("(another compiler, library or processor: instructions are not compared)")
    failures = []
    count = 0
    for key, table in tables.items():
        old = before["tables"].get(key)
        changes, failed = compare(table, Table(**old) if old else None, same_code)
        count += len(changes)
        for line in changes:
            print(f"- {table.title}: {line}{'  <- fails' if line in failed else ''}")
        failures += failed
    if not count:
        print("none")
    return failures


def update_readmes():
    """Rewrites what stands between `<!-- KEY -->` and `<!-- end -->` from the recorded run."""
    run = recorded()
    texts = {"machine": sentence(run["machine"]) + "."}
    for key, table in run["tables"].items():
        table = Table(**table)
        texts[key] = f"{table.how}.\n\n{table.markdown()}"
        # Only how much CPU time: for a page that shows what is worth it.
        texts[f"{key}, short"] = Table(table.title, table.what, ["events", "cpu", "net"], [row for row in table.rows if row.get("cpu")]).markdown()
    for readme in READMES:
        text = readme.read_text()
        for key, replacement in texts.items():
            pattern = re.compile(rf"(<!-- {key} -->\n).*?(<!-- end -->)", re.DOTALL)
            text = pattern.sub(lambda match: f"{match[1]}{replacement}\n{match[2]}", text)
        readme.write_text(text)
