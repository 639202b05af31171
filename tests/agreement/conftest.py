"""The published table of volumes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def volumes(shared_data: Path) -> pd.DataFrame:
    return pd.read_csv(shared_data / "agreement" / "MRI_volume_internal_test331.csv")
