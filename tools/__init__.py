"""What only maintainers run: the records, the shipped images, the benchmarks."""

from helpers import state


def put_between(path, markers, text):
    """Replace what stands between two markers in a text file, which stay."""
    before, rest = path.read_text(encoding="utf-8").split(markers[0])
    after = rest.split(markers[1])[1]
    state.write_text(path, f"{before}{markers[0]}\n{text}\n{markers[1]}{after}")
