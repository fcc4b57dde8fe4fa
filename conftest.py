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
# Notebooks in them are results or a learner's own, not the course.
collect_ignore = ["build", "log", "runs", "notebooks/mine"]
# What `make quick` leaves out: files of tests that train, kill, run notebooks or start processes,
# and single tests of other files. Beside a test, @pytest.mark.slow says the same.
SLOW = {
    "test_architecture",
    "test_browser",
    "test_guide",
    "test_nbval_teeth",
    "test_report",
    "test_same_as_plain",
    "test_scale_out",
    "test_scale_out_faults",
    "test_search",
    "test_search_kills",
    "test_checks::test_papermill_stops_at_wrong_values_and_unknown_names_with_one_line",
    "test_compare::test_the_recorder_runs_resumes_judges_and_ships",
    "test_results::test_the_small_search_is_named_by_its_settings_and_run_once",
    "test_setup::test_importing_helpers_imports_no_heavy_package",
}
OUTPUT = pytest.StashKey[tempfile.TemporaryDirectory]()


def pytest_configure(config):
    """Set the environment that all kernels and child processes of this session inherit."""
    folder = tempfile.TemporaryDirectory(prefix=OUTPUT_PREFIX, ignore_cleanup_errors=True)
    config.stash[OUTPUT] = folder
    os.environ["COURSE_OUTPUT"] = folder.name
    os.environ["COURSE_PROGRESS"] = os.path.join(folder.name, "progress.txt")
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    os.environ["PYTHONPATH"] = path


def pytest_unconfigure(config):
    """Remove the output folder."""
    if OUTPUT in config.stash:
        config.stash[OUTPUT].cleanup()


@pytest.fixture
def eager():
    """Train without tracing, which is what takes time in a test of a few batches."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.hookimpl(tryfirst=True)  # before pytest reads the marks for -m
def pytest_collection_modifyitems(items):
    """Tests first, then the notebooks in the course's order; mark what is slow."""
    for item in items:
        name = f"{item.path.stem}::{getattr(item, 'originalname', '')}"
        if item.path.stem in SLOW or name in SLOW:
            item.add_marker(pytest.mark.slow)

    def place(item):
        is_notebook = item.path.suffix == ".ipynb"
        return is_notebook, str(item.path) if is_notebook else ""

    items.sort(key=place)
