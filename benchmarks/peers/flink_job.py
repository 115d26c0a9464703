"""Apache Flink in one process, from the jars of its Python distribution; the job is in flink/.

    flink_job.py FILE --variant ring|map|sql --backend hashmap|rocksdb
    flink_job.py --prepare      compiles the job, so that this does not count
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import common

HERE = Path(__file__).resolve().parent
CLASSES = HERE.parent.parent / ".build" / "bench" / "flink"
OPENED = ["java.lang", "java.util", "java.time"]


def jars():
    spec = importlib.util.find_spec("pyflink")
    for folder in spec.submodule_search_locations if spec else []:
        if list(Path(folder, "lib").glob("flink-dist*.jar")):
            return f"{folder}/lib/*"
    common.skip("no Flink: package apache-flink-libraries")


def classes():
    """The folder of the compiled job."""
    sources = sorted(HERE.glob("flink/*.java"))
    version = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    folder = CLASSES / version
    if not folder.exists():
        if not shutil.which("javac"):
            common.skip("no javac: package openjdk-17-jdk-headless")
        CLASSES.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CLASSES) as partial:
            subprocess.run(["javac", "-nowarn", "-cp", jars(), "-d", f"{partial}/classes", *sources], check=True)
            os.rename(f"{partial}/classes", folder)
    return folder


if "--prepare" in sys.argv:
    jars()
    classes()
    raise SystemExit(0)

options = common.arguments(
    ("--variant", {"choices": ["ring", "map", "sql"], "required": True}),
    ("--backend", {"choices": ["hashmap", "rocksdb"], "required": True}))
windows = ",".join(f"{window}={common.milliseconds(window)}" for window in options.windows)
with tempfile.TemporaryDirectory() as folder:
    job = subprocess.run(
        ["java", "-Xmx4g", *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED),
         "-cp", f"{classes()}:{jars()}", f"-Dlog4j.configurationFile={HERE}/flink/log4j2.properties", "Job", options.file,
         options.variant, options.backend, windows, options.sample or "", str(options.step), folder])
raise SystemExit(job.returncode)
