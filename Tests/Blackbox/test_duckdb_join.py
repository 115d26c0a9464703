"""The comparisons of duckdb_join.py on a small file; and that its values are those of the oracle."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import duckdb_join
import exact_values
from test_duckdb_check import transactions


@pytest.mark.parametrize("name", list(duckdb_join.CHECKS))
def test_the_binary_against_duckdb(binary: str, tmp_path: Path, name: str) -> None:
    (tmp_path / "t.jsonl").write_bytes(transactions(11, 6_000))
    assert duckdb_join.check(binary, tmp_path / "t.jsonl", tmp_path, 8_000, "1MiB", [name]) == 0


@pytest.mark.parametrize("seed", range(4))
def test_roots_are_correctly_rounded(seed: int) -> None:
    """Numbers of all sizes, squares, and such that lie next to the middle between two doubles."""
    rng = random.Random(seed)
    top, bottom = [], []
    for _ in range(3_000):
        bottom.append(rng.randrange(1, 10 ** rng.randrange(1, 8)))
        pick = rng.random()
        if pick < 0.5:
            top.append(rng.randrange(2 ** rng.randrange(1, 63)))
        elif pick < 0.75:
            top.append(min(2**63 - 1, max(0, rng.randrange(3 * 10**9) ** 2 + rng.randrange(-1, 2))))
        else:
            middle = Fraction(rng.randrange(2**26, 2**31) * 2 + 1, 2 ** rng.randrange(1, 20))
            top.append(min(2**63 - 1, int((middle * bottom[-1]) ** 2) + rng.randrange(2)))
    found = exact_values.root(np.array(top, np.int64), np.array(bottom, np.int64))
    for t, b, x in zip(top, bottom, found.tolist()):
        exact = Fraction(t, b * b)
        low, high = Fraction(math.nextafter(x, -math.inf)), Fraction(math.nextafter(x, math.inf))
        assert (max(low, 0) + Fraction(x)) ** 2 / 4 <= exact <= (high + Fraction(x)) ** 2 / 4, (seed, t, b, x)
