"""Fixtures of the data tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets, which a user's machine does not have."""
    default = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("JAXGAN_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set JAXGAN_TEST_DATA")
    return folder
