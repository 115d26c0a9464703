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
    return json.loads(RECORDED.read_text()) if RECORDED.exists() else {"machine": {}, "tables": {}, "curves": {}, "curves_machine": {}}


def record(machine, tables, curves):
    """Tables and curves of this run take the place of those that were recorded; each keeps what it was measured on."""
    before = recorded()
    result = {
        "machine": machine,
        "tables": {
            **{key: {"machine": before["machine"], **table} for key, table in before["tables"].items()},
            **{key: {"machine": machine, **table.json()} for key, table in tables.items()},
        },
        "curves": curves or before["curves"],
        "curves_machine": machine if curves else before.get("curves_machine", before["machine"]),
    }
    RECORDED.write_text(json.dumps(rounded(result), indent=1, sort_keys=True) + "\n")


def recorded_table(run, key):
    """A recorded table, and what it was measured on; None where there is none."""
    table = dict(run["tables"].get(key) or {})
    machine = table.pop("machine", run["machine"])
    return (Table(**table) if table else None), machine


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
    print("\nAgainst the recorded runs, changes of more than 5 %:\n")
    failures = []
    count = 0
    for key, table in tables.items():
        old, measured_on = recorded_table(before, key)
        same_code = runs_the_same_instructions(machine, measured_on)
        if old and measured_on != machine:
            print(f"({table.title} was recorded on {sentence(measured_on)}"
                  + ("" if same_code else "; with another compiler, library or architecture: instructions are not compared") + ")")
        changes, failed = compare(table, old, same_code)
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
    texts = {"machine": f"{sentence(run['machine'])}.", "curves": f"{sentence(run['curves_machine'])}."}
    for key in run["tables"]:
        table, measured_on = recorded_table(run, key)
        elsewhere = f" Measured on {sentence(measured_on)}." if measured_on != run["machine"] else ""
        texts[key] = f"{table.how}.{elsewhere}\n\n{table.markdown()}"
        # Only how much CPU time: for a page that shows what is worth it.
        texts[f"{key}, short"] = Table(table.title, table.what, ["events", "cpu", "net"], [row for row in table.rows if row.get("cpu")]).markdown()
    for readme in READMES:
        text = readme.read_text()
        for key, replacement in texts.items():
            pattern = re.compile(rf"(<!-- {key} -->\n).*?(<!-- end -->)", re.DOTALL)
            text = pattern.sub(lambda match: f"{match[1]}{replacement}\n{match[2]}", text)
        readme.write_text(text)
