"""Fixtures: the binary of FRESHET_BIN in a directory of its own, and a Kafka cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cluster import Cluster, MockCluster, RealCluster  # noqa: E402
from freshet import Freshet  # noqa: E402


@pytest.fixture(scope="session")
def binary() -> str:
    path = os.environ.get("FRESHET_BIN")
    if not path:
        pytest.skip("FRESHET_BIN names no binary")
    return str(Path(path).resolve(strict=True))


@pytest.fixture
def freshet(binary: str, tmp_path: Path) -> Freshet:
    return Freshet(binary, tmp_path)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The brokers of FRESHET_TEST_BROKERS, or librdkafka's mock inside this process."""
    brokers = os.environ.get("FRESHET_TEST_BROKERS")
    opened = RealCluster(brokers) if brokers else MockCluster()
    yield opened
    opened.close()
