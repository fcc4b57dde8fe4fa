"""Search on a disk that fills up, free space, go on: the table must be the undisturbed one.

python tests/faults/full_disk.py FOLDER_ON_A_DISK_OF_512_KB
"""

import json
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import kills


def search(folder):
    """Run the search of the kill test, with real training, in a child; what it says of the end."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = "done"
        try:
            kills.run_search("RandomSearch", folder, real=True)
        except (OSError, RuntimeError) as error:
            said = str(error)
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    return said if os.waitpid(pid, 0)[1] == 0 else "crashed"


def main():
    """Fill the disk but for a little, search, free some, search again, to the end."""
    disk = pathlib.Path(sys.argv[1])
    ballast = [disk / f"ballast{i}" for i in range(200)]
    for path in ballast:
        try:
            path.write_bytes(b"0" * 4096)
        except OSError:
            path.unlink(missing_ok=True)
            break
    ballast = [path for path in ballast if path.exists()]
    said = []
    while not said or (said[-1] != "done" and ballast):
        for _ in range(20):
            if ballast:
                ballast.pop().unlink()
        said.append(search(disk))
    with tempfile.TemporaryDirectory() as elsewhere:
        assert search(pathlib.Path(elsewhere)) == "done"
        expected = kills.trial_files(pathlib.Path(elsewhere))
    same = kills.trial_files(disk) == expected
    full = [text for text in said if "space" in text.lower()]
    count = {"full": len(full), "crashed": said.count("crashed"), "same_table": same}
    print(json.dumps(count | {"last": said[-1], "first": said[0]}))
    sys.exit(int(not (same and len(full) + 1 == len(said))))


if __name__ == "__main__":
    main()
