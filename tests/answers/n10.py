"""Plausible wrong answers to the exercises of notebook 10, each with a hint of its own."""

import uuid

ID, IP, PORT = "KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"


def names(worker):
    """An answer whose workers are called what a function of number and hosts says."""

    def environment(number, hosts, port):
        return {ID: worker(number, hosts) if number else "chief", IP: hosts[0], PORT: str(port)}

    return environment


def changed(**values):
    """A right answer but for these functions of number, hosts and port."""

    def environment(number, hosts, port):
        right = names(lambda number, hosts: f"worker{number}")(number, hosts, port)
        return right | {key: value(number, hosts, port) for key, value in values.items()}

    return environment


def idle(span):
    """An answer that takes a worker's own seconds from this."""

    def idle_seconds(runs):
        runs = runs.assign(ended=runs["started"] + runs["seconds"])
        return {
            name: span(runs, own) - own["seconds"].sum() for name, own in runs.groupby("worker")
        }

    return idle_seconds


def dealt(seconds, workers, startup):
    return startup + max(sum(seconds[first::workers]) for first in range(workers))


def of_the_last(seconds, workers, startup):
    free = [startup] * workers
    for one in seconds:
        free = sorted(free)
        free[0] += one
        ended = free[0]
    return ended


def greedy(seconds, workers, startup):
    free = [startup] * workers
    for one in seconds:
        free = sorted(free)
        free[0] += one
    return max(free)


WRONG = {
    "10-environment": [
        names(lambda number, hosts: "worker"),
        names(lambda number, hosts: f"worker-{hosts[number]}".replace("chief", "first")),
        names(lambda number, hosts: f"worker{number}-of-chief"),
        names(lambda number, hosts: f"worker{number}@{hosts[number]}"),
        names(lambda number, hosts: f"worker-{uuid.uuid4()}"),
        changed(**{IP: lambda number, hosts, port: hosts[number]}),
        changed(**{IP: lambda number, hosts, port: "127.0.0.1" if number else hosts[0]}),
        changed(**{IP: lambda number, hosts, port: "127.0.0.1"}),
        changed(**{ID: lambda number, hosts, port: f"worker{number}"}),
        changed(**{PORT: lambda number, hosts, port: port}),
        changed(**{PORT: lambda number, hosts, port: str(port + number)}),
        lambda number, hosts, port: {IP: hosts[0], PORT: str(port)},
    ],
    "10-idle": [
        idle(lambda runs, own: runs["ended"].max()),
        idle(lambda runs, own: own["ended"].max() - own["started"].min()),
        idle(lambda runs, own: runs["seconds"].sum()),
        idle(lambda runs, own: runs["ended"].max() - own["ended"].max() + own["seconds"].sum()),
        idle(lambda runs, own: 2 * own["seconds"].sum()),
        lambda runs: 3.5,
    ],
    "10-end": [
        lambda seconds, workers, startup: startup + sum(seconds) / workers,
        dealt,
        of_the_last,
        lambda seconds, workers, startup: greedy(seconds, workers, 0),
        lambda seconds, workers, startup: greedy([one + startup for one in seconds], workers, 0),
        lambda seconds, workers, startup: greedy(sorted(seconds)[::-1], workers, startup),
    ],
}
