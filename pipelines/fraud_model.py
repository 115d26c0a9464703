#!/usr/bin/env python3
"""A small fraud model on joined features: train it on a training set, score what `freshet get` prints.

    fraud_model.py train TRAINING.parquet MODEL       the spine's columns transaction_id, fraud, amount; values by view__value
    fraud_model.py score MODEL AMOUNT < VALUES        a line of `freshet get` for each view, in any order

Needs scikit-learn and pyarrow.
"""

from __future__ import annotations

import json
import pickle
import sys
from datetime import timedelta

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, roc_auc_score

NOT_FEATURES = {"transaction_id", "fraud", "event_timestamp", "customer_id", "terminal_id"}
# Whether a payment was fraud is known a week later: the model of a day has not seen the week before it.
LABEL_DELAY = timedelta(days=7)


def matrix(table, names: list[str]) -> np.ndarray:
    """Nulls become NaN, which the trees take as they are."""
    return np.column_stack([pc.cast(table[name], "float64").to_numpy() for name in names])


def train(path: str, model_path: str) -> None:
    table = pq.read_table(path).sort_by("event_timestamp")
    names = [name for name in table.column_names if name not in NOT_FEATURES]
    times = table["event_timestamp"].to_pylist()
    first, last = times[0], times[-1]
    cut = first + (last - first) * 0.7
    known = sum(t < cut - LABEL_DELAY for t in times)
    unseen = sum(t < cut for t in times)
    features, label = matrix(table, names), table["fraud"].to_numpy()
    model = HistGradientBoostingClassifier(max_iter=150, learning_rate=0.08, random_state=1)
    model.fit(features[:known], label[:known])
    scores = model.predict_proba(features[unseen:])[:, 1]
    print(f"trained on {known} payments, tested on the {len(label) - unseen} from {cut:%Y-%m-%d} on, {int(label[unseen:].sum())} of them fraud")
    print(f"area under the ROC curve {roc_auc_score(label[unseen:], scores):.3f}, "
          f"average precision {average_precision_score(label[unseen:], scores):.3f}")
    with open(model_path, "wb") as file:
        pickle.dump({"names": names, "model": model}, file)


def score(model_path: str, amount: float) -> None:
    with open(model_path, "rb") as file:
        stored = pickle.load(file)
    values = {"amount": amount}
    for line in sys.stdin:
        answer = json.loads(line)
        values |= {f"{answer['view']}__{name}": value for name, value in answer["values"].items()}
    row = np.array([[np.nan if values[name] is None else float(values[name]) for name in stored["names"]]])
    print(f"{stored['model'].predict_proba(row)[0, 1]:.4f}")


def main() -> None:
    match sys.argv[1:]:
        case ["train", path, model]:
            train(path, model)
        case ["score", model, amount]:
            score(model, float(amount))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
