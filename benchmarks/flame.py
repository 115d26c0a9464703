"""A flame graph as SVG: width is time, above a function is what it called."""

from html import escape

WIDTH, ROW, MARGIN, TOP = 1200, 17, 10, 34
#: Narrower boxes are left out: nobody can read them.
PIXELS_MIN = 2.0
PIXELS_PER_CHARACTER = 6.3
COLOURS = {  # by where the code is from
    "engine": "#f4b183", "decode": "#9dc3e6", "kernel": "#d0cece", "runtime": "#ffe699", "store": "#a9d18e", "other": "#e2dfd8"}

ENGINE = (
    "TimeLog", "Chunk", "Packed", "Lowering", "kernel_", "Evaluator", "Moments", "Shard", "Exact", "Entity", "SquareSum", "RowChecksum")


def svg(stacks, title):
    """`stacks`: tuples of functions, outermost first, with how many samples each has."""
    root = {"name": "all", "count": 0, "calls": {}}
    for stack, count in stacks.items():
        node = root
        node["count"] += count
        for name in stack:
            node = node["calls"].setdefault(name, {"name": name, "count": 0, "calls": {}})
            node["count"] += count
    total = root["count"]
    scale = (WIDTH - 2 * MARGIN) / total
    boxes = []
    depth_max = layout(root, 0, MARGIN, scale, boxes)
    height = TOP + (depth_max + 1) * ROW + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="Helvetica, Arial, sans-serif" '
        'font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="20" font-size="14" fill="#222222">{escape(title)}</text>',
    ]
    for depth, x, width, node in boxes:
        y = height - MARGIN - (depth + 1) * ROW
        share = 100 * node["count"] / total
        label = node["name"]
        room = int((width - 6) / PIXELS_PER_CHARACTER)
        text = "" if room < 4 else label if len(label) <= room else label[: room - 1] + "…"
        lines.append(
            f'<g><title>{escape(label)}: {share:.1f} %</title><rect x="{x:.1f}" y="{y}" width="{max(width - 0.5, 0.3):.1f}" '
            f'height="{ROW - 1}" rx="1" fill="{COLOURS[kind(label)]}"/>'
            + (f'<text x="{x + 3:.1f}" y="{y + 12}" fill="#222222">{escape(text)}</text>' if text else "") + "</g>")
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


def layout(node, depth, x, scale, boxes):
    width = node["count"] * scale
    if width < PIXELS_MIN:
        return depth - 1
    boxes.append((depth, x, width, node))
    deepest = depth
    for child in sorted(node["calls"].values(), key=lambda child: -child["count"]):
        deepest = max(deepest, layout(child, depth + 1, x, scale, boxes))
        x += child["count"] * scale
    return deepest


def kind(name):
    if any(word in name for word in ENGINE):
        return "engine"
    if any(word in name for word in ("simdjson", "Walk", "JSON", "Decimal", "Number", "EventRouter", "Expression")):
        return "decode"
    if "rocksdb" in name or "StateStore" in name or "Commit" in name:
        return "store"
    if name.startswith(("swift_", "_swift", "__mem", "malloc", "free", "_int_", "cfree")):
        return "runtime"
    if any(word in name for word in ("syscall", "_mm_", "page", "folio", "sys_", "vm_", "_fault", "schedule", "clear_")):
        return "kernel"
    return "other"
