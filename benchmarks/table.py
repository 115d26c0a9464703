"""Tables of results: to print, to keep as JSON, to compare."""

from dataclasses import asdict, dataclass, field

#: What a column holds: its heading, digits behind the point, and whether growth by more than a twentieth fails the run.
COLUMNS = {
    "locate": ("locate, CPU ns", 1, False),
    "apply": ("insert and evaluate, CPU ns", 1, False),
    "nanoseconds": ("CPU ns per event", 1, False),
    "allocations": ("allocations per event", 3, True),
    "instructions": ("instructions per event", 0, True),
    "wall": ("wall s", 2, False),
    "rate": ("events/s", 0, False),
    "cpu": ("CPU s per million events", 3, False),
    "cpu_median": ("median", 3, False),
    "net": ("of them without start-up", 3, False),
    "peak": ("peak MiB", 0, False),
    "events": ("events", 0, False),
    "entities": ("entities", 0, False),
    "accounted": ("bytes held", 0, False),
    "resident": ("bytes resident", 0, False),
    "encoded": ("bytes in a commit", 0, False),
    "resident_per_event": ("resident bytes per event", 1, False),
    "share": ("% of CPU time", 1, False),
    "note": ("how its values compare", None, False),
    "done": ("what was done about it", None, False),
}


@dataclass
class Table:
    title: str
    #: Heading of the first column.
    what: str
    columns: list
    #: Each `{"name": …, column: value or None}`.
    rows: list = field(default_factory=list)
    #: How it came about, in a sentence.
    how: str = ""

    def row(self, name, **values):
        self.rows.append({"name": name, **values})

    def find(self, name):
        return next((row for row in self.rows if row["name"] == name), None)

    def json(self):
        return asdict(self)

    def markdown(self):
        used = [column for column in self.columns if any(row.get(column) is not None for row in self.rows)]
        headings = [self.what] + [COLUMNS[column][0] for column in used]
        lines = ["| " + " | ".join(headings) + " |"]
        lines.append("|---|" + "".join("---|" if COLUMNS[column][1] is None else "---:|" for column in used))
        for row in self.rows:
            lines.append("| " + " | ".join([row["name"]] + [_text(row.get(column), column) for column in used]) + " |")
        return "\n".join(lines)


def _text(value, column):
    digits = COLUMNS[column][1]
    if value is None:
        return ""
    if digits is None:
        return str(value)
    return f"{value:,.{digits}f}"
