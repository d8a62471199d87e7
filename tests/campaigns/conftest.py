from __future__ import annotations

import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/campaign_engine"


@pytest.fixture
def example(monkeypatch, tmp_path):
    """The example's folder on the path, and the file between the two systems."""
    monkeypatch.syspath_prepend(EXAMPLE)
    file = tmp_path / "campaigns.jsonl"
    monkeypatch.setenv("HANDOVER_FILE", str(file))
    yield file
    for name in ("engine", "other_system"):
        sys.modules.pop(name, None)
