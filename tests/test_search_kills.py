"""Real searches killed with SIGKILL at random moments and resumed; real disks that fill up."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

FAULTS = pathlib.Path(__file__).resolve().parent / "faults"
MEMORY = "/dev/shm"

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="needs fork and SIGKILL (not Windows)"
)


def run(script, *options):
    """Run a fault script in a process of its own; its counts."""
    command = [sys.executable, str(FAULTS / script), *options]
    found = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-3000:]
    return json.loads(found.stdout.splitlines()[-1])


def test_200_kills_lose_nothing_and_run_nothing_twice():
    options = ["--folder", MEMORY] if os.access(MEMORY, os.W_OK) else []
    count = run("kills.py", "--kills", "200", "--seed", "1", *options)
    print(count)
    assert count["kills"] >= 200
    assert count["resumes"] >= 200
    for name in ("lost", "completed_run_again", "wrong_tables", "beyond_max_trials"):
        assert count[name] == 0
    assert count.get("failed_resumes", 0) == 0


def test_killed_trainings_give_the_uninterrupted_table():
    count = run("kills.py", "--kills", "3", "--seed", "2", "--real")
    print(count)
    assert count["kills"] == 3
    assert count["wrong_tables"] == count["lost"] == 0


def test_a_disk_that_really_fills_up_costs_no_trial(tmp_path):
    """Root is needed for the small memory disk; the injected fault is in test_search.py."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no permission to mount a small memory disk")
    try:
        count = run("full_disk.py", str(disk))
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    print(count)
    assert count["full"] >= 2
    assert count["crashed"] == 0
    assert count["same_table"]
