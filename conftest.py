"""Settings of every test run, also of single notebooks."""

import os

import pytest
from hypothesis import settings

# Kernels inherit these: nothing is downloaded, and no progress bar gets between the outputs that nbval compares.
# One thread each, because threads that wait for one another on busy cores are many times slower than one alone.
os.environ.update(HF_HUB_OFFLINE="1", TQDM_DISABLE="1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("course", deadline=None, derandomize=True, database=None)
settings.load_profile("course")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first: whole notebooks, and what has the marker. The order stays as it is otherwise."""
    items.sort(key=lambda item: not (item.path.suffix == ".ipynb" or item.get_closest_marker("long")))
