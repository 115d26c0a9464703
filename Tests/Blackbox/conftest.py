"""Fixtures: the binary of FRESHET_BIN in a directory of its own, and a Kafka cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from broker import Broker  # noqa: E402
from cluster import Cluster, MockCluster, RealCluster  # noqa: E402
from freshet import Freshet  # noqa: E402


@pytest.fixture(scope="session")
def binary() -> str:
    path = os.environ.get("FRESHET_BIN")
    if not path:
        pytest.skip("FRESHET_BIN names no binary")
    return str(Path(path).resolve(strict=True))


@pytest.fixture
def freshet(binary: str, tmp_path: Path) -> Iterator[Freshet]:
    opened = Freshet(binary, tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The brokers of FRESHET_TEST_BROKERS, or librdkafka's mock inside this process."""
    brokers = os.environ.get("FRESHET_TEST_BROKERS")
    opened = RealCluster(brokers) if brokers else MockCluster()
    yield opened
    opened.close()


@pytest.fixture
def changing() -> Iterator[Broker | RealCluster]:
    """A cluster whose topics may be deleted, made again, cut and grown: that of FRESHET_TEST_BROKERS, or a broker of our own."""
    brokers = os.environ.get("FRESHET_TEST_BROKERS")
    opened = RealCluster(brokers) if brokers else Broker()
    yield opened
    opened.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A broker of our own, which can go and come back, and hold records that no other takes."""
    opened = Broker()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def preload(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `faults.c` makes: to be preloaded into the binary."""
    compiler = shutil.which("cc") or shutil.which("clang")
    assert compiler, "the Swift toolchain has a C compiler, and it is not on the PATH"
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = Path(__file__).parent / "faults.c"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-Wall", "-o", library, source, "-ldl"], check=True)
    return str(library)
