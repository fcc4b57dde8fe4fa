"""The exercises of notebook 10."""

from functools import partial

import pandas as pd

from helpers.exercises import NotAnswered, compare, expect, same

NAMES = ["KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"]
HOSTS = ["chief-host", "10.0.0.2", "chief-host", "10.0.0.2"]  # a host may have two processes
RUNS = [(0, "a", 12, 5), (1, "b", 10, 4), (2, "b", 16, 8), (3, "a", 20, 2), (4, "c", 22.5, 1)]
LISTS = [([8, 1, 2, 9, 4], 2, 10), ([3, 3, 3], 1, 5), ([1, 2, 3, 9, 4], 3, 7.5), ([5], 2, 1)]


def environment(answer):
    """``environment(number, hosts, port)``: KerasTuner's three variables for one process."""
    made, again = ([answer(number, HOSTS, 8000) for number in range(4)] for _ in range(2))
    if all(one is None or one is ... for one in made):
        raise NotAnswered
    for one in made:
        texts = isinstance(one, dict) and all(isinstance(one.get(name), str) for name in NAMES)
        expect(texts, f"The three names, each with a text, the port too: {one} is something else.")
    ids, addresses, ports = ([one[name] for one in made] for name in NAMES)
    expect("chief" in ids[0], f"Process 0 is the chief, and its name {ids[0]!r} does not say so.")
    chiefs = ", ".join(name for name in ids[1:] if "chief" in name)
    expect(not chiefs, f"These workers would be chiefs, by a word within the name: {chiefs}.")
    stay = ids == [one[NAMES[0]] for one in again]
    expect(stay, "A process that is started again must have its old name: yours has a new one.")
    expect(len(set(ids)) > 2, f"The workers are all called {ids[1]!r}. Who would own a trial?")
    expect(len(set(ids)) == 4, "Two processes on the same host have the same name.")
    expect(set(ports) == {"8000"}, f"Who listens where they look? Your ports: {', '.join(ports)}.")
    expect(addresses[1] != HOSTS[1], "A worker gets its own address. Whom must it find?")
    expect(addresses[0] in (HOSTS[0], "0.0.0.0"), f"The chief cannot listen on {addresses[0]!r}.")
    expect(set(addresses[1:]) == {HOSTS[0]}, f"No chief is to be found at {addresses[1]!r}.")
    return "one chief, names that differ and stay, and all meet at the chief."


def idle(answer):
    """``idle_seconds(runs)``: for each worker, the seconds of the search without a training."""
    result = answer(pd.DataFrame(RUNS, columns=["trial", "worker", "started", "seconds"]))
    if result is None or result is ...:
        raise NotAnswered
    expect(hasattr(result, "get"), "Give one number for each worker: a dictionary by its name.")
    given = [result.get(name) for name in "abc"]  # the search: from second 10 to second 24
    for wrong, hint in [
        ([17, 12, 23], "The start-up is in it: the search begins with its first trial."),
        ([3, 2, 0], "A worker waits for others too, before its first trial and after its last."),
        ([2, 0, 0.5], "That is the wait at the end. A worker can also wait between two trials."),
        ([13, 8, 19], "You add up the trainings of all workers, but those ran at the same time."),
        ([7, 12, 1], "That is the time at work. Asked is the rest of the search."),
    ]:
        expect(not same(given, wrong), hint)
    expect(same(given, [7, 2, 13]), f"{RUNS} gives {given}, and a, b, c wait 7, 2, 13 s. Draw it.")
    return "waits before, between and after the trials, and no start-up."


def end(answer):
    """``ends_after(seconds, workers, startup)``: from the launch to the end of the last trial."""

    def right(seconds, workers, startup, last=False):
        free = [startup] * workers
        for one in seconds:
            place = free.index(min(free))  # whoever is free first
            free[place] += one
        return free[place] if last else max(free)

    mistakes = {
        "A trial cannot be cut in pieces that fill every gap.": lambda s, w, u: sum(s) / w + u,
        "Trials are not dealt out before the search: whoever is free takes the next.": (
            lambda s, w, u: u + max(sum(s[first::w]) for first in range(w))
        ),
        "What is handed out last need not end last.": partial(right, last=True),
        "The start-up is missing.": lambda s, w, u: right(s, w, 0),
        "A worker starts once only.": lambda s, w, u: right([one + u for one in s], w, 0),
        "Keep the order of the list: how long a trial takes is known only when it has ended.": (
            lambda s, w, u: right(sorted(s, reverse=True), w, u)
        ),
    }
    compare(answer, right, LISTS, mistakes)
    return "whoever is free takes the next trial, and the start-up counts once."
