"""Writes exact_decimal.txt and exact_double.txt: hard cases for exact sums, rounded by Python's integers.

Run it in this directory. A line is a function, its arguments and the bits of the expected double, in hexadecimal where
a number starts with 0x, `nil` for none. The seed is fixed, so that the files come out the same.
"""
import math
import random
import struct
from fractions import Fraction

random.seed(20240613)


def bits(x):
    return "0x%016x" % struct.unpack("<Q", struct.pack("<d", x))[0]


def from_bits(b):
    return struct.unpack("<d", struct.pack("<Q", b))[0]


def nearest(value):
    """int / int rounds correctly in Python, subnormals included."""
    try:
        return bits(value.numerator / value.denominator + 0.0)
    except OverflowError:
        return "nil"


def nearest_root(value):
    if value == 0:
        return bits(0.0)
    k = max(0, 160 - (value.numerator.bit_length() - value.denominator.bit_length()) // 2)
    scaled = (value.numerator << (2 * k)) // value.denominator
    root = math.isqrt(scaled)
    exact = root * root == scaled and scaled * value.denominator == value.numerator << (2 * k)
    # An odd last bit below all bits that matter stands for what was cut off.
    return nearest(Fraction(2 * root + (0 if exact else 1), 1 << (k + 1)))


def magnitude(most):
    return random.getrandbits(random.randint(1, most))


def midpoint(low, high):
    """An odd multiple of half a unit in the last place of some double."""
    return Fraction(2 * random.getrandbits(53) + 1 | 1 << 53) * Fraction(2) ** random.randint(low, high)


def decimals(out):
    def mean(total, count, scale):
        out.write(f"mean {total} {count} {scale} {nearest(Fraction(total, count * 10**scale))}\n")

    def spread(count, total, squares, scale):
        for sample in (0, 1):
            if count <= sample:
                v = s = "nil"
            else:
                value = Fraction(count * squares - total * total, count * (count - sample) * 10 ** (2 * scale))
                v, s = nearest(value), nearest_root(value)
            out.write(f"spread {count} {total} {squares:#x} {scale} {sample} {v} {s}\n")

    for _ in range(1500):
        mean(random.choice((1, -1)) * magnitude(103), 1 + magnitude(40), random.randint(0, 18))
    for _ in range(600):  # close to, and on, halfway between two doubles
        count, scale = random.choice((1, 1 + magnitude(12), 1 << random.randint(0, 40))), random.randint(0, 18)
        near = int(midpoint(-40, 20) * count * 10**scale)
        if near < 1 << 126:
            for d in (-1, 0, 1):
                mean(near + d, count, scale)
    for scale in range(19):
        for total in (0, 1, -1, 1 << 53, (1 << 53) + 1, -(1 << 63), (1 << 63) - 1, -(1 << 103), (1 << 127) - 1, -(1 << 127)):
            mean(total, 1, scale)
        mean(-(1 << 126), (1 << 63) - 1, scale)

    for _ in range(300):  # ordinary amounts
        values = [random.randint(1, 10 ** random.randint(1, 9)) for _ in range(random.randint(1, 60))]
        spread(len(values), sum(values), sum(v * v for v in values), random.randint(0, 4))
    for _ in range(500):  # any size
        count, scale = 1 + magnitude(random.choice((8, 40))), random.randint(0, 18)
        total = random.choice((1, -1)) * magnitude(63) * random.randint(0, count)
        least = -(-total * total // count)
        spread(count, total, least + random.choice((0, 1, magnitude(166 - 1))), scale)
    for _ in range(400):  # the variance's square root, or the variance, close to or on a tie
        count, scale = random.choice((1, 2, 3, 4, 100, 1 + magnitude(20))), random.randint(0, 9)
        value = midpoint(-70, 8)
        for target in (value, value * value):
            numerator = int(target * count * count * 10 ** (2 * scale))
            for d in (-1, 0, 1):
                total = (d - numerator) % count  # find a sum for which count divides numerator + sum^2
                for t in range(min(count, 200)):
                    if (numerator + d + t * t) % count == 0:
                        total = t
                        break
                squares = (max(0, numerator + d) + total * total) // count
                if squares < 1 << 192 and count * squares >= total * total:
                    spread(count, total, squares, scale)
    for scale in range(19):
        spread(1, -(1 << 63), 1 << 126, scale)
        spread(2, -1, (1 << 126) + ((1 << 63) - 1) ** 2, scale)
        spread(1 << 40, -(1 << 103), 1 << 166, scale)
        spread(1 << 40, 0, 1 << 166, scale)
        spread((1 << 40) - 1, 1, 1, scale)
        spread(1 << 32, 3, 9, scale)
        spread((1 << 32) - 1, 3, 9, scale)
        spread((1 << 63) - 1, 0, 1, scale)
        spread((1 << 63) - 1, 0, (1 << 189) - 1, scale)


def double(most):
    """Finite, of any kind; `most` bounds the exponent's distance from 0."""
    kind = random.randint(0, 9)
    if kind == 0:
        return float(random.randint(-1000, 1000)) / 100
    if kind == 1 and most >= 1074:
        return math.copysign(from_bits(random.getrandbits(random.randint(0, 53))), random.random() - 0.5)
    mantissa = random.choice((1, random.getrandbits(53), (1 << 53) - 1, 1 << random.randint(0, 52)))
    exponent = random.randint(-min(most, 1074), min(most, 970))
    return random.choice((1.0, -1.0)) * math.ldexp(float(mantissa), exponent)


def doubles(out):
    def case(values):
        exact = [Fraction(v) for v in values]
        n, total, squares = len(values), sum(exact), sum(v * v for v in exact)
        results = [nearest(total), nearest(total / n)]
        for sample in (0, 1):
            if n > sample:
                value = (n * squares - total * total) / (n * (n - sample))
                results += [nearest(value), nearest_root(value)]
            else:
                results += ["nil", "nil"]
        out.write(" ".join(results) + " of " + " ".join(bits(v) for v in values) + "\n")

    biggest, least = from_bits(0x7FEFFFFFFFFFFFFF), from_bits(1)
    for values in (
        [biggest] * 2, [biggest, biggest, -biggest], [biggest, biggest, -biggest, -biggest], [-biggest] * 3,
        [biggest, math.ldexp(1, 970)], [biggest, math.ldexp(1, 969), -least], [biggest, math.ldexp(1, 969), least],
        [biggest, math.ldexp(1, 970), -least], [least], [-least], [least] * 3, [least, -least], [least, 0.0], [least, least, 0.0],
        [-least, 0.0], [0.0, -0.0], [-0.0], [1.0, 2.0**-53], [1.0, 2.0**-53, least], [1.0, 2.0**-53, -least],
        [1e16, 1.0, -1e16], [0.1] * 10, [0.1] * 3, [1.5, 2.5], [1e154, -1e154], [1e155, -1e155], [1e200] * 5, [1e200, 1e-200],
        [biggest, -biggest], [biggest, least], [least * 3, least * 8], [2.0**-1022, -least], [1e-162, 0.0], [1e-160, 3e-160],
        [1.0, 1.0 + 2.0**-52], [1e8, 1e8 + 2.0**-26], [from_bits(0x10000000000000), -least, -least],
    ):  # fmt: skip
        case(values)
    for most in (2, 20, 60, 300, 1074):
        for _ in range(120):
            case([double(most) for _ in range(random.randint(1, 12))])
    for _ in range(150):  # cancellation down to a few last bits
        values = [double(60) for _ in range(random.randint(1, 6))]
        values += [-v * (1 + random.choice((0, 0, 2.0**-52))) for v in values] + [double(1074)]
        random.shuffle(values)
        case(values)
    for _ in range(150):  # a tie between two doubles, or just beside it
        exponent = random.randint(-500, 500)
        base = math.ldexp(float(random.getrandbits(52) | 1 << 52), exponent)
        case([base, math.ldexp(0.5, exponent), random.choice((0.0, least, -least, math.ldexp(1.0, exponent - 80)))])
    for _ in range(150):  # the root of the variance on a tie: of a and -a plus a half unit
        a = random.getrandbits(52) | 1 << 52
        case([float(a), -float(a), 0.0, 0.0, random.choice((0.0, 0.5, 1.0))])
        case([2.0 * a, -2.0 * (a + random.choice((0, 1)))])
        case([0.0, math.ldexp(float(a), -1060) * 2])


with open("exact_decimal.txt", "w") as file:
    decimals(file)
with open("exact_double.txt", "w") as file:
    doubles(file)
