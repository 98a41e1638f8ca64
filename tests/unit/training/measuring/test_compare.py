"""Several models in one table: a release, its member alone, and the Keras net that it was made of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from training.data.crops import Crop
from training.measuring.compare import as_list, as_table, compare

# TensorFlow and Keras, of which the release is made, warn of NumPy's and their own changes, differently by release.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def test_a_release_its_member_and_its_keras_net_rank_alike(release: Path, tiny_net: Path, crops: list[Crop]):
    rows = compare([release, tiny_net], crops, members=True)
    assert [row.name for row in rows] == ["tiny-v3", "tiny-v3, member1.tflite alone", "tiny"]
    ensemble, member, keras_net = (row.figures.overall for row in rows)
    assert member["accuracy"] == ensemble["accuracy"]
    # The Keras net is not calibrated, which moves the mean of its two views a little.
    assert keras_net["kl2_auc"].value == pytest.approx(ensemble["kl2_auc"].value, abs=0.1)
    assert [row.figures.knees for row in rows] == [len(crops)] * 3

    console = Console(width=160, record=True, file=None, quiet=True)
    console.print(as_table(rows))
    models = [row["model"] for row in json.loads(json.dumps(as_list(rows), allow_nan=False))]
    assert models == [row.name for row in rows]
    assert len(as_table(rows).columns) == 1 + len(rows)
