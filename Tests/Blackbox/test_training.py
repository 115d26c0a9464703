"""The way that pipelines/README.md shows, from events to a model."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import duckdb

from freshet import Freshet

PIPELINES = Path(__file__).resolve().parents[2] / "pipelines"


def test_the_whole_way(freshet: Freshet) -> None:
    readme = (PIPELINES / "README.md").read_text(encoding="utf-8")
    pipeline = PIPELINES / "card_fraud.yaml"
    freshet.run("check", pipeline)
    freshet.run("demo", "--write", "events.jsonl", "--events", "120000")
    freshet.run("replay", pipeline, "--input", "transactions=events.jsonl", "--log", "log", "--state", "state")
    labels = re.search(r"```sql\n(.*?)```", readme, re.DOTALL)[1]
    for name in ("events.jsonl", "labels.parquet"):
        labels = labels.replace(f"'{name}'", f"'{freshet.directory / name}'")
    with duckdb.connect() as connection:
        connection.execute(labels)
    freshet.run("join", pipeline, "--input", "transactions=events.jsonl", "--spine", "labels.parquet", "--out", "training.parquet",
                "--full-names")
    script = [sys.executable, PIPELINES / "fraud_model.py"]
    told = subprocess.run([*script, "train", "training.parquet", "fraud.model"], cwd=freshet.directory, capture_output=True, text=True,
                          check=True).stdout
    # The features know more than chance does.
    assert float(re.search(r"ROC curve ([0-9.]+)", told)[1]) > 0.75, told
    answers = b"".join(freshet.run("get", pipeline, "--state", "state", view, key).stdout
                       for view, key in (("customer_spend", "c-3"), ("terminal_risk", "t-4")))
    scored = subprocess.run([*script, "score", "fraud.model", "250"], cwd=freshet.directory, input=answers, capture_output=True, check=True)
    assert 0 <= float(scored.stdout) <= 1
