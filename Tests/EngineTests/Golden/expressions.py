"""Random expressions with their values by exact rational arithmetic: `python3 expressions.py > expressions.tsv`.

Written from the language's definition alone. Lines, tab-separated:
F name type value…         a field, a value per row
E type value… expression   an expression
Values: `-` null, a number (the column's word), for doubles the bits in hexadecimal after `0x`, for strings the bytes after `'`.
"""
import math
import random
import struct
import sys
from fractions import Fraction

SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 20240601
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
ROWS = 16
rng = random.Random(SEED)
LOW, HIGH = -(2**63), 2**63 - 1
OR, AND, NOT, IS, CMP, RANGE, SUM, PRODUCT, SIGN, ATOM = range(10)

INTS = [0, 1, -1, 2, 7, -7, 10, 100, 2**53, 2**53 + 1, -(2**53) - 1, HIGH, LOW, HIGH - 1, 10**18, 999999999999]
DOUBLES = [0.0, -0.0, 0.1, -0.1, 0.5, 1.5, 2.5, -2.5, 1.005, 2.675, 1e-300, 5e-324, 1e300, 2.0**53, 2.0**63, -(2.0**63), 9.2e18, 1 / 3, 100.0, 7.0]
TEXTS = ["", "a", "A", "abc", "ABC", "abd", "é", "Éa", "Ж", "straße", "it's", "zz top", "日本", "😀x"]
TIMES = [0, 1, -1, 86400000000, -86400000001, 1717243200000000, 1717286399999999, -62135596800000000, 253402300799999999]


def value(kind):
    if rng.random() < 0.15:
        return None
    if kind == "int64" or isinstance(kind, tuple):
        return rng.choice(INTS) if rng.random() < 0.5 else rng.randint(-1000, 1000) if rng.random() < 0.7 else rng.randint(LOW, HIGH)
    if kind == "double":
        return rng.choice(DOUBLES) if rng.random() < 0.6 else rng.uniform(-1000, 1000)
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "string":
        return rng.choice(TEXTS)
    return rng.choice(TIMES)


FIELDS = {
    "i": "int64", "j": "int64", "k": "int64", "m0": ("decimal", 0), "m2": ("decimal", 2), "n2": ("decimal", 2), "m6": ("decimal", 6),
    "m18": ("decimal", 18), "x": "double", "y": "double", "p": "bool", "q": "bool", "s": "string", "card.t": "string", "at": "timestamp",
}
TABLE = {name: [value(kind) for _ in range(ROWS)] for name, kind in FIELDS.items()}


class Node:
    """An expression: its text, the level of its outermost operator, its type, its values."""

    def __init__(self, text, level, kind, values, literal=False):
        self.text, self.level, self.kind, self.values, self.literal = text, level, kind, values, literal

    def at(self, level):
        return self.text if self.level >= level else f"({self.text})"


def scale(kind):
    return kind[1] if isinstance(kind, tuple) else 0


def exact(v, kind):
    return Fraction(v) if kind == "double" else Fraction(v, 10 ** scale(kind))


def finite(v):
    return None if v != v or v in (float("inf"), float("-inf")) else v


def to_float(fraction):
    try:
        return fraction.numerator / fraction.denominator
    except OverflowError:
        return None


def fits(v):
    return v if v is not None and LOW <= v <= HIGH else None


def convert(v, source, target):
    if v is None or source == target:
        return v
    return to_float(exact(v, source)) if target == "double" else fits(v * 10 ** (scale(target) - scale(source)))


def numeric(kind):
    return kind in ("int64", "double") or isinstance(kind, tuple)


def common(kinds):
    if "double" in kinds:
        return "double"
    return ("decimal", max(map(scale, kinds))) if any(isinstance(k, tuple) for k in kinds) else "int64"


def rows(function, *nodes):
    return [function(*vs) for vs in zip(*(n.values for n in nodes))]


def strict(function):
    return lambda *vs: None if any(v is None for v in vs) else function(*vs)


def keyword(word):
    return rng.choice([word, word, word.upper(), word.capitalize()])


def literal(kind):
    if kind == "int64":
        v = rng.choice(INTS) if rng.random() < 0.3 else rng.randint(-20, 20)
        return Node(str(v), SIGN if v < 0 else ATOM, kind, [v] * ROWS, True)
    if kind == "bool":
        v = rng.random() < 0.5
        return Node(keyword(str(v).lower()), ATOM, kind, [v] * ROWS, True)
    if kind == "string":
        v = rng.choice(TEXTS)
        quote = rng.choice("'\"")
        return Node(quote + v.replace(quote, quote * 2) + quote, ATOM, kind, [v] * ROWS, True)
    if isinstance(kind, tuple) and kind[1] > 0:
        v = rng.randint(-(10 ** (kind[1] + 1)), 10 ** (kind[1] + 1)) if kind[1] < 18 else rng.randint(-9 * 10**18, 9 * 10**18)
        digits = str(abs(v)).rjust(kind[1] + 1, "0")
        return Node(("-" if v < 0 else "") + digits[: -kind[1]] + "." + digits[-kind[1] :], SIGN if v < 0 else ATOM, kind, [v] * ROWS, True)
    return field(kind)


def field(kind):
    names = [n for n, k in FIELDS.items() if k == kind]
    if not names:
        return literal(kind)
    name = rng.choice(names)
    return Node(name, ATOM, kind, TABLE[name])


def number(depth):
    kind = rng.choice(["int64", "int64", "double", ("decimal", 0), ("decimal", 2), ("decimal", 2), ("decimal", 6), ("decimal", 18)])
    if depth == 0 or rng.random() < 0.25:
        return literal(kind) if rng.random() < 0.3 else field(kind)
    pick = rng.random()
    if pick < 0.55:
        return arithmetic(number(depth - 1), number(depth - 1))
    a = number(depth - 1)
    if pick < 0.6:
        if a.level < SIGN or a.text[0] in "-0123456789":
            a = Node(f"({a.text})", ATOM, a.kind, a.values)
        return Node("-" + a.text, SIGN, a.kind, rows(strict(lambda v: -v if a.kind == "double" else fits(-v)), a))
    if pick < 0.65:
        return Node(f"{keyword('abs')}({a.text})", ATOM, a.kind, rows(strict(lambda v: abs(v) if a.kind == "double" else fits(abs(v))), a))
    if pick < 0.75:
        return rounding(a)
    if pick < 0.8:
        return extreme(a, [number(depth - 1) for _ in range(rng.randint(0, 2))])
    if pick < 0.85:
        parts = [a, number(depth - 1)]
        kind = common([n.kind for n in parts])
        values = rows(lambda u, v: next((w for w in (convert(u, a.kind, kind), convert(v, parts[1].kind, kind)) if w is not None), None), *parts)
        return Node(f"coalesce({a.text}, {parts[1].text})", ATOM, kind, values)
    if pick < 0.9:
        s = text(depth - 1)
        return Node(f"length({s.text})", ATOM, "int64", rows(strict(len), s))
    if pick < 0.95:
        t = field("timestamp")
        if rng.random() < 0.5:
            return Node(f"hour({t.text})", ATOM, "int64", rows(strict(lambda v: v // 3600000000 % 24), t))
        return Node(f"Day_Of_Week({t.text})", ATOM, "int64", rows(strict(lambda v: (v // 86400000000 + 3) % 7 + 1), t))
    return choice(depth, [a, number(depth - 1)])


def arithmetic(a, b):
    operator = rng.choice("+-*/%")
    level = SUM if operator in "+-" else PRODUCT
    if operator == "*" and "double" not in (a.kind, b.kind) and scale(a.kind) + scale(b.kind) > 18:
        operator = "+"
        level = SUM
    if "double" in (a.kind, b.kind):
        kind = "double"

        def apply(u, v):
            u, v = convert(u, a.kind, kind), convert(v, b.kind, kind)
            if operator in "/%" and v == 0:
                return None
            return finite({"+": lambda: u + v, "-": lambda: u - v, "*": lambda: u * v, "/": lambda: u / v, "%": lambda: math.fmod(u, v)}[operator]())
    elif operator == "/":
        kind = "double"

        def apply(u, v):
            return None if v == 0 else to_float(exact(u, a.kind) / exact(v, b.kind))
    else:
        digits = scale(a.kind) + scale(b.kind) if operator == "*" else max(scale(a.kind), scale(b.kind))
        kind = "int64" if (a.kind, b.kind) == ("int64", "int64") else ("decimal", digits)

        def apply(u, v):
            u, v = exact(u, a.kind), exact(v, b.kind)
            if operator == "%":
                if v == 0:
                    return None
                q = abs(u) // abs(v)
                w = abs(u) - q * abs(v)
                w = -w if u < 0 else w
            else:
                w = u + v if operator == "+" else u - v if operator == "-" else u * v
            return fits(int(w * 10**digits))

    return Node(f"{a.at(level)} {operator} {b.at(level + 1)}", level, kind, rows(strict(apply), a, b))


def half_away(fraction):
    n = abs(fraction) * 2
    q = (n.numerator // n.denominator + 1) // 2
    return -q if fraction < 0 else q


def rounding(a):
    function = rng.choice(["round", "round", "floor", "ceil"])
    if function != "round":
        kind = "double" if a.kind == "double" else "int64"

        def apply(v):
            w = math.floor(exact(v, a.kind)) if function == "floor" else math.ceil(exact(v, a.kind))
            return math.copysign(float(w), v) if kind == "double" else w

        return Node(f"{keyword(function)}({a.text})", ATOM, kind, rows(strict(apply), a))
    digits = rng.choice([0, 0, 1, 2, 3, 5, 18])
    kind = ("decimal", digits) if isinstance(a.kind, tuple) else a.kind

    def apply(v):
        if a.kind == "int64":
            return v
        w = half_away(exact(v, a.kind) * 10**digits)
        return math.copysign(to_float(Fraction(w, 10**digits)), v) if kind == "double" else fits(w)

    arguments = a.text if digits == 0 and rng.random() < 0.5 else f"{a.text}, {digits}"
    return Node(f"round({arguments})", ATOM, kind, rows(strict(apply), a))


def extreme(first, others):
    nodes = [first] + others
    kind = common([n.kind for n in nodes]) if numeric(first.kind) else first.kind
    greatest = rng.random() < 0.5

    def apply(*vs):
        vs = [convert(v, n.kind, kind) if numeric(kind) else v for v, n in zip(vs, nodes)]
        vs = [v for v in vs if v is not None]
        key = (lambda v: v.encode()) if kind == "string" else None
        return (max if greatest else min)(vs, key=key) if vs else None

    return Node(f"{'greatest' if greatest else 'least'}({', '.join(n.text for n in nodes)})", ATOM, kind, rows(apply, *nodes))


def text(depth):
    if depth <= 0 or rng.random() < 0.4:
        return literal("string") if rng.random() < 0.3 else field("string")
    pick = rng.random()
    a = text(depth - 1)
    if pick < 0.3:
        name = rng.choice(["lower", "upper"])
        return Node(f"{name}({a.text})", ATOM, "string", rows(strict(str.lower if name == "lower" else str.upper), a))
    if pick < 0.55:
        nodes = [a] + [text(depth - 1) for _ in range(rng.randint(0, 2))]
        return Node(f"concat({', '.join(n.text for n in nodes)})", ATOM, "string", rows(lambda *vs: "".join(v or "" for v in vs), *nodes))
    if pick < 0.75:
        return extreme(a, [text(depth - 1)])
    b = text(depth - 1)
    if pick < 0.85:
        return Node(f"coalesce({a.text}, null, {b.text})", ATOM, "string", rows(lambda u, v: u if u is not None else v, a, b))
    return choice(depth, [a, b])


def choice(depth, results):
    kind = common([n.kind for n in results]) if numeric(results[0].kind) else results[0].kind
    a, b = [[convert(v, n.kind, kind) if numeric(kind) else v for v in n.values] for n in results]
    if rng.random() < 0.5:
        condition = boolean(depth - 1)
        head = f"{keyword('case')} {keyword('when')} {condition.text}"
        truth = condition.values
    else:
        left, right = comparable(depth - 1)
        head = f"case {left.text} when {right.text}"
        truth = compare("=", left, right).values
    if rng.random() < 0.3:
        return Node(f"{head} then {results[0].text} end", ATOM, results[0].kind, [u if t else None for t, u in zip(truth, results[0].values)])
    values = [u if t else v for t, u, v in zip(truth, a, b)]
    return Node(f"{head} then {results[0].text} else {results[1].text} {keyword('end')}", ATOM, kind, values)


def comparable(depth):
    pick = rng.random()
    if pick < 0.6:
        return number(depth), number(depth)
    if pick < 0.85:
        return text(depth), text(depth)
    if pick < 0.93:
        return boolean(depth), boolean(depth)
    return field("timestamp"), field("timestamp")


def compare(operator, a, b):
    def side(v, n, other):
        if n.kind == "string":
            return v.encode()
        if not numeric(n.kind):
            return v
        if n.literal and isinstance(n.kind, tuple) and other.kind == "double":
            return Fraction(to_float(exact(v, n.kind)))
        return exact(v, n.kind)

    def apply(u, v):
        u, v = side(u, a, b), side(v, b, a)
        return {"=": u == v, "<>": u != v, "<": u < v, "<=": u <= v, ">": u > v, ">=": u >= v}[operator]

    spelling = rng.choice(["=", "=="]) if operator == "=" else rng.choice(["<>", "!="]) if operator == "<>" else operator
    return Node(f"{a.at(RANGE)} {spelling} {b.at(RANGE)}", CMP, "bool", rows(strict(apply), a, b))


def kleene_and(u, v):
    return False if u is False or v is False else None if u is None or v is None else True


def kleene_or(u, v):
    return True if u is True or v is True else None if u is None or v is None else False


def negate(v):
    return None if v is None else not v


def boolean(depth):
    if depth <= 0 or rng.random() < 0.1:
        return literal("bool") if rng.random() < 0.2 else field("bool")
    pick = rng.random()
    if pick < 0.3:
        return compare(rng.choice(["=", "<>", "<", "<=", ">", ">="]), *comparable(depth - 1))
    if pick < 0.55:
        a, b = boolean(depth - 1), boolean(depth - 1)
        if rng.random() < 0.5:
            return Node(f"{a.at(AND)} {keyword('and')} {b.at(NOT)}", AND, "bool", rows(kleene_and, a, b))
        return Node(f"{a.at(OR)} {keyword('or')} {b.at(AND)}", OR, "bool", rows(kleene_or, a, b))
    if pick < 0.65:
        a = boolean(depth - 1)
        return Node(f"{keyword('not')} {a.at(NOT)}", NOT, "bool", rows(negate, a))
    if pick < 0.75:
        a = rng.choice([number, text, boolean])(depth - 1)
        negated = rng.random() < 0.5
        return Node(f"{a.at(IS)} is {'not ' if negated else ''}null", IS, "bool", [(v is None) != negated for v in a.values])
    if pick < 0.85:
        a, low = comparable(depth - 1)
        high = number(depth - 1) if numeric(a.kind) else text(depth - 1) if a.kind == "string" else field(a.kind)
        negated = rng.random() < 0.3
        values = rows(kleene_and, compare(">=", a, low), compare("<=", a, high))
        values = [negate(v) for v in values] if negated else values
        return Node(f"{a.at(SUM)} {'not ' if negated else ''}between {low.at(SUM)} and {high.at(SUM)}", RANGE, "bool", values)
    if pick < 0.97:
        a, member = comparable(depth - 1)
        members = [member]
        for _ in range(rng.choice([0, 1, 3, 12])):
            kind = a.kind if rng.random() < 0.7 or not numeric(a.kind) else rng.choice(["int64", ("decimal", 2)])
            members.append(literal(kind) if rng.random() < 0.8 else field(kind))
        values = [False] * ROWS
        for m in members:
            values = [kleene_or(u, v) for u, v in zip(values, compare("=", a, m).values)]
        texts = [m.text for m in members]
        if rng.random() < 0.2:
            texts.insert(rng.randint(0, len(texts)), "null")
            values = [kleene_or(v, None) for v in values]
        negated = rng.random() < 0.4
        values = [negate(v) for v in values] if negated else values
        return Node(f"{a.at(SUM)} {'not ' if negated else ''}in ({', '.join(texts)})", RANGE, "bool", values)
    return choice(depth, [boolean(depth - 1), boolean(depth - 1)])


def name(kind):
    return f"decimal({kind[1]})" if isinstance(kind, tuple) else kind


def show(v, kind):
    if v is None:
        return "-"
    if kind == "double":
        return "0x" + struct.pack(">d", v).hex()
    return "'" + v.encode().hex() if kind == "string" else str(int(v))


print(f"# seed {SEED}")
for field_name, field_kind in FIELDS.items():
    print("F", field_name, name(field_kind), *(show(v, field_kind) for v in TABLE[field_name]), sep="\t")
for _ in range(COUNT):
    node = rng.choice([number, number, boolean, boolean, text])(rng.randint(1, 4))
    print("E", name(node.kind), *(show(v, node.kind) for v in node.values), node.text, sep="\t")
