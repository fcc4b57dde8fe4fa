"""How much sooner the course's search is than the script that most tutorials teach: `make bench`.

    python -m tools.bench              a small version, some minutes; writes build/bench/
    python -m tools.bench --full       what README shows, some hours; writes docs/ and README
    python -m tools.bench --readme     measures nothing: README's part and the figure anew

Every comparison is a ratio within one repeat, whose ways take turns, so that other machines can be
compared. Each measurement is a process of its own, and is kept in log/bench-*/ when it has ended:
stop the command at any time and call it again, it goes on. What it kept is removed at the end.
"""

import argparse
import json
import math
import os
import pathlib
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import psutil

from helpers import checks, plots, rerun, search, state
from tools import put_between

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCS, README = ROOT / "docs", ROOT / "README.md"
MARKERS = ("<!-- bench -->", "<!-- /bench -->")
SMALL = {
    "repeats": 2,
    "trials": {"images": 1000, "trials": 6, "epochs": 4},
    "seeds": [1000, 2000],
    "quality": {"images": 1000, "trials": 10, "epochs": 6},
    "growth": 1000,
    "memory": 30,
    "notebooks": False,
}
FULL = {
    "repeats": 3,
    "trials": {"images": 5000, "trials": 8, "epochs": 5},
    "seeds": [1000, 2000, 3000],
    "quality": {"images": 2500, "trials": 50, "epochs": 10},
    "growth": 1000,
    "memory": 100,
    "notebooks": True,
}
# The same trials, so that only the way differs: the course's trace the training step once.
WAYS = {"plain": 0, "one process": 0, "two workers": 2}
# The course's search towards a loss, one choice after the other: workers, and what it does
# differently. docs/bench.md says what was tried.
ONCE = {"trace_once": 1}
RATE = {"learning_rate": 0.004, "cosine": 1}
RECIPE = RATE | ONCE | {"stop_lost": "[1,3]"}
STEPS = {
    "a learning rate that falls from 0.004 as a cosine": (0, RATE),
    "and lost trials stop, and a step is traced once": (0, RECIPE),
    "and two workers": (2, RECIPE),
}
IMPORT = "import keras, keras_tuner"


# ---------------------------------------------------------------- one process


def command(way, workers, folder, **settings):
    """The command of one search of ``tools.bench_job``, alone or with a chief and workers."""
    values = {"way": way, **settings}
    job = str(ROOT / "tools" / "bench_job.py")
    if workers:
        launcher = ["-m", "helpers.scale_out", job, "--workers", str(workers), "--threads", "1"]
        pairs = [text for name, value in values.items() for text in ("-p", name, str(value))]
        return [*launcher, "--directory", str(folder), "--project-name", "search", *pairs]
    pairs = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    return [job, f"--folder={folder}", "--project-name=search", *pairs]


def clocks(folder):
    """The lines that the clocks of all processes have written so far, in order of time."""
    lines = [line for path in folder.glob("*.clock") for line in path.read_text().splitlines()]
    return sorted(
        (json.loads(line) for line in lines if line.endswith("}")), key=lambda x: x["end"]
    )


def run(arguments, folder=None, target=None, limit=None):
    """Run Python with arguments to its end; or until a loss is reached, or a time is over.

    Returns:
        A dictionary: wall and cpu seconds, the share of the machine that others used meanwhile, and
        what the clocks say: when the first training began, when the last one ended, the seconds in
        the steps, the number of trainings and epochs, the best loss as it fell, and when ``target``
        was reached. All times count from the start of the process.
    """
    launched, own, all_ = time.time(), os.times(), psutil.cpu_times()
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile("w+") as log:
        # In a session of its own, as workers are: Linux shares the processor among sessions.
        options = {"env": env, "stdout": log, "stderr": log, "start_new_session": True}
        process, stopped = subprocess.Popen([sys.executable, *arguments], **options), False
        try:
            while process.poll() is None and not stopped:
                time.sleep(0.2)
                reached = target is not None and best_of(clocks(folder)) <= target
                stopped = reached or limit is not None and time.time() - launched > limit
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait()
        log.seek(0)
        if process.returncode and not stopped:
            raise checks.ShortError(f"{' '.join(arguments)} failed:\n{log.read()[-2000:]}")
    now, everything = os.times(), psutil.cpu_times()
    wall = time.time() - launched
    cpu = sum(now[2:4]) - sum(own[2:4])
    busy = sum(everything[:3]) - sum(all_[:3]) - sum(now[:4]) + sum(own[:4])
    found = {"wall": wall, "cpu": cpu, "others": max(0.0, busy) / wall / os.cpu_count()}
    return rounded(found | (summary(clocks(folder), launched, target) if folder else {}))


def best_of(lines):
    """The lowest loss of the lines."""
    return min((line["loss"] for line in lines), default=float("inf"))


def summary(lines, launched, target):
    """What a search's clocks say, with times from its launch on; {} where there are no lines."""
    if not lines:
        return {}
    best, curve = float("inf"), []
    for line in lines:
        if line["loss"] < best:
            best = line["loss"]
            curve.append([line["end"] - launched, best])
    return {
        "begin": min(line["begin"] for line in lines) - launched,
        "end": lines[-1]["end"] - launched,
        **{kind: sum(line[kind] for line in lines) for kind in ("train", "test", "first")},
        "trainings": len({line["begin"] for line in lines}),
        "epochs": len(lines),
        "curve": curve,
        "reached": next((t for t, loss in curve if target is not None and loss <= target), None),
    }


def rounded(value):
    """Floats with six digits, also inside lists and dictionaries."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


# ---------------------------------------------------------------- all measurements


class Kept:
    """Measurements by name in one file: what is there is not measured again."""

    def __init__(self, path, settings):
        self.path = path
        old = state.read_json(path) or {}
        self.found = old["found"] if old.get("settings") == rounded(settings) else {}
        self.settings = settings

    def get(self, name, function, *args, **kwargs):
        """The measurement, made by calling the function in a new empty folder when missing."""
        if name not in self.found:
            print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
            with tempfile.TemporaryDirectory(dir=self.path.parent) as folder:
                self.found[name] = function(pathlib.Path(folder), *args, **kwargs)
            state.write_json(self.path, {"settings": self.settings, "found": self.found})
        return self.found[name]


def searched(folder, way, workers, *, target=None, limit=None, **settings):
    """Measure one search."""
    return run(command(way, workers, folder, **settings), folder, target, limit)


def job(folder, way, **settings):
    """Run a way of ``tools.bench_job`` that trains nothing; returns what it has written."""
    run(command(way, 0, folder, **settings))
    return rounded(json.loads((folder / f"{way}.json").read_text()))


def kernel(folder):
    """Seconds until a new kernel has run its first cell."""
    from jupyter_client.manager import start_new_kernel

    start = time.perf_counter()
    manager, client = start_new_kernel(kernel_name="python3")
    client.execute_interactive("1", timeout=120)
    seconds = time.perf_counter() - start
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    return rounded(seconds)


def growth(folder, way, trials):
    """Milliseconds and MB of the bookkeeping of a trial, near trial 10, 100 and so on."""
    wall, cpu, memory = zip(*job(folder, way, trials=trials)["ended"], strict=True)
    marks = [n for n in (10, 100, 1000, 10_000) if n <= trials]

    def near(n, times):
        return statistics.median(times[i] - times[i - 1] for i in range(n - 9, n)) * 1000

    return {
        "wall_ms": {str(n): near(n, wall) for n in marks},
        "cpu_ms": {str(n): near(n, cpu) for n in marks},
        "mb": (memory[-1] - memory[9]) / max(1, trials - 10),
        "reading": job(folder, "reading") if way == "formula" else None,
    }


def resident(folder, options):
    """MB that a process grows with each trial that really trains."""
    command = [sys.executable, "-m", "tools.memory", *options]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"([\d.]+) MB a trial", said)[1])


def notebook(folder, path):
    """Seconds of one notebook, which finds what the earlier ones left."""
    return rerun.execute(path, cwd=path.parent, execution_timeout=300).metadata.papermill.duration


def measure(work, size):
    """Make all measurements that are missing in the folder ``work``: a dictionary by name."""
    work.mkdir(parents=True, exist_ok=True)
    kept = Kept(work / "measured.json", size | {"steps": STEPS})
    for repeat in range(1, size["repeats"] + 1):
        settings = size["trials"] | {"seed": 1000 * repeat}
        for way in list(WAYS)[:: 1 if repeat % 2 else -1]:  # no way is always the first
            kind, own = ("plain", {}) if way == "plain" else ("course", ONCE)
            kept.get(f"trials/{repeat}/{way}", searched, kind, WAYS[way], **settings, **own)
    for seed in size["seeds"]:
        settings = size["quality"] | {"seed": seed}
        plain = kept.get(f"quality/{seed}/plain", searched, "plain", 0, **settings)
        limits = {"target": plain["curve"][-1][1], "limit": plain["wall"]}
        for step, (workers, own) in STEPS.items():
            more = settings | own | {"trials": 2 * settings["trials"]} | limits
            kept.get(f"quality/{seed}/{step}", searched, "course", workers, **more)
    for repeat in range(1, size["repeats"] + 1):
        kept.get(f"import/{repeat}", lambda folder: run(["-c", IMPORT])["wall"])
        kept.get(f"kernel/{repeat}", kernel)
    for way in ("formula-plain", "formula"):
        kept.get(f"growth/{way}", growth, way, size["growth"])
    for way, options in {"plain": ["--plain"], "course": []}.items():
        kept.get(f"memory/{way}", resident, [f"--trials={size['memory']}", *options])
    if size["notebooks"]:
        os.environ["COURSE_OUTPUT"] = str(work / "output")
        for name, path in rerun.available().items():
            kept.get(f"notebook/{name}", notebook, path)
    return kept.found


def machine():
    """What the numbers were measured on; no name of the machine."""
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    packages = ("tensorflow", "keras", "keras-tuner")
    return {
        "cores": os.cpu_count(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GB",
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: checks.installed(name) for name in packages},
    }


# ---------------------------------------------------------------- what they say


def spread(values):
    """Median, lowest and highest of some values."""
    values = sorted(values)
    return rounded([statistics.median(values), values[0], values[-1]])


def seconds(one):
    """From the beginning of a search's first training to the end of its last one."""
    return one["end"] - one["begin"]


def numbers(record):
    """What README shows: {name: {way: [median, lowest, highest] over the repeats}}."""
    found, size = record["found"], record["settings"]
    shown = {name: {} for name in ("rate", "cpu", "train", "test", "first", "begin")}
    shown |= {"sooner": {}, "than its best": {}}
    for way, workers in WAYS.items():
        names = [f"trials/{i + 1}/{{}}" for i in range(size["repeats"])]
        pairs = [(found[name.format("plain")], found[name.format(way)]) for name in names]
        shown["rate"][way] = spread(seconds(plain) / seconds(own) for plain, own in pairs)
        shown["cpu"][way] = spread(own["cpu"] / plain["cpu"] for plain, own in pairs)
        shown["begin"][way] = spread(own["begin"] for _, own in pairs)
        for kind in ("train", "test", "first"):
            shares = [own[kind] / seconds(own) / max(1, workers) for _, own in pairs]
            shown[kind][way] = spread(shares)
    for step in STEPS:
        names = [f"quality/{seed}/{{}}" for seed in size["seeds"]]
        pairs = [(found[name.format("plain")], found[name.format(step)]) for name in names]
        pairs = [(plain, own["reached"] or math.inf) for plain, own in pairs]
        shown["sooner"][step] = spread(plain["wall"] / own for plain, own in pairs)
        shown["than its best"][step] = spread(plain["curve"][-1][0] / own for plain, own in pairs)
    return shown


def ranged(values, text="{:.2f}"):
    """A median with its range, for a cell of a table."""
    middle, low, high = map(text.format, values)
    return middle if low == high else f"{middle} ({low} to {high})"


def readme(record):
    """README's section: what was measured on what, and two tables."""
    shown, found, size = numbers(record), record["found"], record["settings"]
    machine, trials, quality = record["machine"], size["trials"], size["quality"]
    others = max(one["others"] for name, one in found.items() if name.startswith("trials/"))
    full = " FULL=1" if size["notebooks"] else ""
    place = f"{machine['cores']} cores ({machine['processor']}, {machine['memory']})"
    lines = [
        f"`make bench{full}` compares the course's search with the script that most tutorials "
        "teach: build, `RandomSearch`, batches of 32, nothing else. The course's search traces "
        "each training step once (notebook 08). Here it ran on "
        f"{place} with TensorFlow {machine['tensorflow']}, while other programs used up to "
        f"{others:.0%} of them. Medians, with the lowest and highest of the repeats. All numbers "
        "are in [docs/bench.json](docs/bench.json), what was tried in "
        "[docs/bench.md](docs/bench.md).",
        "",
        f"| {trials['trials']} identical trials of {trials['epochs']} epochs | plain script "
        "| course, one process | course, two workers |",
        "|---|---|---|---|",
    ]
    for name, text, what in (
        ("rate", "{:.2f}", "trials an hour, plain script = 1"),
        ("cpu", "{:.2f}", "processor seconds, plain script = 1"),
        ("train", "{:.0%}", "time in training steps"),
        ("test", "{:.0%}", "time in validation steps"),
        ("first", "{:.0%}", "time in the first step of each kind, which traces"),
        ("begin", "{:.0f} s", "from the start to the first training"),
    ):
        cells = " | ".join(ranged(shown[name][way], text) for way in WAYS)
        lines.append(f"| {what} | {cells} |")
    plain, course = (found[f"growth/{way}"] for way in ("formula-plain", "formula"))
    for at in (list(course["cpu_ms"])[0], list(course["cpu_ms"])[-1]):
        cells = " | ".join(f"{one['cpu_ms'][at]:.0f} ms" for one in (plain, course))
        lines.append(f"| bookkeeping of trial {int(at):,}, processor time | {cells} | |")
    cells = " | ".join(f"{found[f'memory/{way}']:.1f} MB" for way in ("plain", "course"))
    lines.append(f"| growth of memory for each tiny trial | {cells} | |")
    lines += [
        "",
        f"| until the best loss of a plain search of {quality['trials']} trials of "
        f"{quality['epochs']} epochs | times sooner than its end | than it had that loss itself |",
        "|---|---|---|",
    ]
    for step in STEPS:
        cells = " | ".join(
            ranged(shown[name][step], "{:.1f}") for name in ("sooner", "than its best")
        )
        lines.append(f"| {step} | {cells} |")
    fixed = {
        name: ranged(spread(found[f"{name}/{i + 1}"] for i in range(size["repeats"])), "{:.1f}")
        for name in ("import", "kernel")
    }
    reading = course["reading"]
    notebooks = [value for name, value in found.items() if name.startswith("notebook/")]
    lines += [
        "",
        f"{len(size['seeds'])} seeds; 0 where a search did not reach the loss in the time of the "
        f"plain search. Importing Keras and KerasTuner: {fixed['import']} s. A kernel: "
        f"{fixed['kernel']} s. Reading {size['growth']:,} trials: {reading['trials']:.1f} s, their "
        f"histories: {reading['histories']:.1f} s."
        + (f" All notebooks: {sum(notebooks):.0f} s." if notebooks else ""),
    ]
    return "\n".join(lines)


def draw(record, path):
    """The figure: the best loss against time, and where the time of identical trials goes."""
    found, size, shown = record["found"], record["settings"], numbers(record)
    figure, (left, right) = plots.figure(1, 2, width=11.0)
    looks = (("grey", "--"), ("sky", ":"), ("blue", "-"), ("vermillion", "-."))
    for way, (colour, style) in zip(("plain", *STEPS), looks, strict=True):
        for seed in size["seeds"]:
            one = found[f"quality/{seed}/{way}"]
            times, losses = zip(*one["curve"], [one["wall"], one["curve"][-1][1]], strict=True)
            line = {"color": plots.COLOURS[colour], "linestyle": style, "where": "post"}
            label = way if seed == size["seeds"][0] else None
            left.step([t / 60 for t in times], losses, label=label, linewidth=1.5, **line)
    left.set(xlabel="minutes since the start", ylabel="best validation loss so far", yscale="log")
    sooner = shown["sooner"][list(STEPS)[-1]][0]
    left.set_title(
        f"The course's search has the plain search's\nbest loss {sooner:.1f} times sooner"
    )
    left.legend()
    bottom = [0.0] * len(WAYS)
    kinds = {"train": "training steps", "test": "validation steps", "first": "first steps"}
    for (kind, label), hatch in zip(kinds.items(), ("", "//", ".."), strict=True):
        heights = [shown[kind][way][0] for way in WAYS]
        colour = plots.COLOURS[{"train": "blue", "test": "sky", "first": "orange"}[kind]]
        right.bar(list(WAYS), heights, 0.6, bottom, label=label, color=colour, hatch=hatch)
        bottom = [a + b for a, b in zip(bottom, heights, strict=True)]
    share = shown["train"]["two workers"][0]
    right.set_title(f"Identical trials: {share:.0%} of two workers'\ntime is training")
    right.set(ylabel="share of the time of the search", ylim=(0, 1.25))
    right.legend(ncols=3, loc="upper center", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def write(record, folder, text_file=None):
    """Write the record and the figure to a folder, and the section into README."""
    folder.mkdir(parents=True, exist_ok=True)
    state.write_text(folder / "bench.json", json.dumps(record, indent=1) + "\n")
    draw(record, folder / "bench.png")
    if text_file:
        put_between(text_file, MARKERS, readme(record))


def main(arguments=None):
    """Measure and write; or write what the record in docs says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", action="store_true", help="what README shows: some hours")
    parser.add_argument("--readme", action="store_true", help="only write README's part")
    options = parser.parse_args(arguments)
    if options.readme:
        return write(json.loads((DOCS / "bench.json").read_text()), DOCS, README)
    # Searches are ended by this signal, which a shell switches off for what runs in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    size = FULL if options.full else SMALL
    work = search.log_dir("log") / ("bench-full" if options.full else "bench-small")
    found = measure(work, size)
    record = rounded({"machine": machine(), "settings": size | {"steps": STEPS}, "found": found})
    write(
        record, DOCS if options.full else ROOT / "build" / "bench", README if options.full else None
    )
    shutil.rmtree(work)
    print(readme(record))


if __name__ == "__main__":
    sys.exit(main())
