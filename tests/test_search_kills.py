"""Real searches killed with SIGKILL at random moments and resumed; real disks that fill up."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

KILLS = pathlib.Path(__file__).resolve().parent / "faults" / "kills.py"
MEMORY = "/dev/shm"

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="needs fork and SIGKILL (not Windows)"
)


def run(*options):
    """Run kills.py in a process of its own, which fails when anything is lost; its counts."""
    command = [sys.executable, str(KILLS), *options]
    found = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-3000:]
    return json.loads(found.stdout.splitlines()[-1])


def test_200_kills_and_3_of_trainings_lose_nothing_and_run_nothing_twice():
    count = run("--kills", "200", *(["--folder", MEMORY] if os.access(MEMORY, os.W_OK) else []))
    assert count["kills"] >= 203 and count["resumes"] >= 203
    assert count["lost"] == count["completed_run_again"] == count["wrong_tables"] == 0


def test_a_disk_that_really_fills_up_costs_no_trial(tmp_path):
    """Root is needed for the small memory disk; the injected fault is in test_search.py."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(tmp_path)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no permission to mount a small memory disk")
    try:
        count = run("--disk", str(tmp_path))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    assert count["full"] >= 2 and count["crashed"] == count["wrong_tables"] == 0
