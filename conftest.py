"""What `pytest` needs for the notebooks; not in tests/, so that a notebook run alone gets it too.

Every kernel gets the same fresh output folder, so that no notebook finds an old search of yours and
04 and 05 find what 03 leaves; the modules of this repository; and tests run before notebooks.
"""

import os
import pathlib
import tempfile

import pytest

from tools.execute import OUTPUT_PREFIX

ROOT = pathlib.Path(__file__).parent
collect_ignore = ["build", "log", "runs"]  # notebooks in them are results, not the course
OUTPUT = pytest.StashKey[tempfile.TemporaryDirectory]()


def pytest_configure(config):
    """Set the environment that all kernels and child processes of this session inherit."""
    folder = tempfile.TemporaryDirectory(prefix=OUTPUT_PREFIX, ignore_cleanup_errors=True)
    config.stash[OUTPUT] = folder
    os.environ["COURSE_OUTPUT"] = folder.name
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    os.environ["PYTHONPATH"] = path


def pytest_unconfigure(config):
    """Remove the output folder."""
    if OUTPUT in config.stash:
        config.stash[OUTPUT].cleanup()


def pytest_collection_modifyitems(items):
    """Tests first, then the notebooks in the course's order."""

    def place(item):
        is_notebook = item.path.suffix == ".ipynb"
        return is_notebook, str(item.path) if is_notebook else ""

    items.sort(key=place)
