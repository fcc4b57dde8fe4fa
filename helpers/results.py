"""What a search found: its trials, their histories and what they cost, as tables.

A search is read from its project directory (``trial_*/trial.json``, and ``history.json`` where
``helpers.search.careful`` kept one), so nothing here needs TensorFlow, except ``small_search``.
A ``source`` is a tuner or the path of a project directory, a ``table`` what ``trials_table``
returns; a ``direction`` is "min" where a lower score is better, else "max".
"""

import contextlib
import io
import math
import os
import pathlib

import numpy as np

from helpers.evaluate import sign_of
from helpers.state import HISTORY, read_json, reason

LEADING = ("trial", "status", "score", "best_epoch")
TRAILING = ("epochs", "seconds", "message")
COSTS = ("seconds", "cpu_seconds", "proposal_seconds")
RECORDED = pathlib.Path(__file__).parent / "files" / "recorded_search"
RECORDED_TUNERS = RECORDED.with_name("recorded_tuners")


def project_directory(source):
    """The project directory of a source; FileNotFoundError when it holds no trial."""
    path = pathlib.Path(os.fspath(getattr(source, "project_dir", source)))
    if not any(folder.is_dir() for folder in path.glob("trial_*")):
        raise FileNotFoundError(f"{path} holds no trial: run the search, or check project_name.")
    return path


def recorded():
    """The folder of the shipped search of 50 trials, made by ``python -m tools.record``."""
    return project_directory(RECORDED)


def _records(source):
    """One dictionary a trial folder, sorted by trial id; an unreadable one is kept and named."""
    records = {}
    for folder in project_directory(source).glob("trial_*/"):
        record = read_json(folder / "trial.json")
        if not isinstance(record, dict) or "hyperparameters" not in record:
            message = f"{folder.name}/trial.json is missing or damaged"
            record = {"status": "UNREADABLE", "message": message, "hyperparameters": {}}
        history = read_json(folder / HISTORY)
        record["history"] = history if isinstance(history, dict) else {}
        executions = record["history"].get("executions", [])
        lengths = [max(map(len, one.values()), default=0) for one in executions]
        record["epochs"] = sum(lengths) if lengths else math.nan
        records[folder.name.removeprefix("trial_")] = record
    # Ids of one length are in order as text; a search that was extended has longer ones.
    return dict(sorted(records.items(), key=lambda item: (len(item[0]), item[0])))


def _column(name):
    """The column of a hyperparameter; a name that is taken by the table itself gets a prefix."""
    return f"hp:{name}" if name in LEADING + TRAILING else name


def space(source):
    """The definitions of a search's hyperparameters, in the order in which they were met.

    Returns:
        A dictionary from a column of ``trials_table`` to ``{"class_name": ..., "config": {...}}``.
    """
    found = {}
    for record in _records(source).values():
        for item in record["hyperparameters"].get("space", []):
            found.setdefault(_column(item["config"]["name"]), item)
    return found


def trials_table(source):
    """One row a trial, failed and unfinished ones included.

    Returns:
        A ``pandas.DataFrame`` sorted by trial id with the columns trial (id, a string), status,
        score (NaN when there is none), best_epoch (1-based), one column a hyperparameter (NaN where
        it is inactive), epochs (all executions together) and seconds (NaN where unknown), message
        (the reason of a failure in one line). A hyperparameter that is called like one of these
        columns gets the prefix ``hp:``.

    Raises:
        FileNotFoundError: there is no search in the folder.
    """
    import pandas as pd

    rows = []
    for trial, record in _records(source).items():
        score, step, message = (record.get(key) for key in ("score", "best_step", "message"))
        values = record["hyperparameters"].get("values", {})
        rows.append(
            {
                "trial": trial,
                "status": record["status"],
                "score": math.nan if score is None else float(score),
                "best_epoch": math.nan if score is None or step is None else step + 1,
                **{_column(name): value for name, value in values.items()},
                "epochs": record["epochs"],
                "seconds": record["history"].get("seconds", math.nan),
                "message": reason(message) if message or record["status"] == "FAILED" else "",
            }
        )
    table = pd.DataFrame(rows)
    names = dict.fromkeys([*space(source), *table])
    names = [name for name in names if name not in LEADING + TRAILING]
    return table.reindex(columns=[*LEADING, *names, *TRAILING])


def history_table(source):
    """One row an epoch of every execution of every trial that has a history.

    Returns:
        A ``pandas.DataFrame`` with the columns trial, execution and epoch (both 1-based) and one
        column a metric, for example val_loss.

    Raises:
        FileNotFoundError: there is no search in the folder, or no trial has a history.
    """
    import pandas as pd

    frames = {  # Series, because validation_freq makes val_loss shorter than loss
        (trial, number): pd.DataFrame({name: pd.Series(values) for name, values in one.items()})
        for trial, record in _records(source).items()
        for number, one in enumerate(record["history"].get("executions", []), start=1)
    }
    if not frames:
        raise FileNotFoundError(f"No trial has a {HISTORY}: only search.careful keeps every epoch.")
    table = pd.concat(frames, names=["trial", "execution", "epoch"]).reset_index()
    table["epoch"] += 1
    return table


def costs(source):
    """What every trial cost: epochs, seconds, processor seconds and seconds to be proposed.

    Returns:
        A ``pandas.DataFrame`` with one row a trial and the columns trial, epochs, seconds (wall
        clock), cpu_seconds (all threads) and proposal_seconds (from the end of the trial before to
        the start of this one); NaN where it was not recorded.
    """
    import pandas as pd

    rows = [
        {**record["history"], "trial": trial, "epochs": record["epochs"]}
        for trial, record in _records(source).items()
    ]
    return pd.DataFrame(rows, columns=["trial", "epochs", *COSTS])


def hyperparameters(table):
    """The columns of a trials table that are hyperparameters (without Hyperband's own)."""
    taken = (*LEADING, *TRAILING, *COSTS)
    return [name for name in table if name not in taken and not name.startswith("tuner/")]


def completed(table, need=1):
    """The rows of the trials that ended with a score; ValueError when fewer than ``need`` did."""
    rows = table[(table["status"] == "COMPLETED") & table["score"].notna()]
    if len(rows) < need:
        raise ValueError(f"{len(rows)} of {len(table)} trials have completed; {need} are needed.")
    return rows


def failed(table):
    """The trials that did not complete: id, status, reason (message) and hyperparameters."""
    rows = table[table["status"] != "COMPLETED"].reset_index(drop=True)
    return rows[["trial", "status", "message", *hyperparameters(table)]]


def ranked(table, direction="min"):
    """The completed trials, best first (equal scores stay in the order of their ids)."""
    upward = sign_of(direction) == 1
    return completed(table).sort_values("score", ascending=upward, kind="stable", ignore_index=True)


def best_so_far(table, direction="min"):
    """The best score after each trial.

    Returns:
        A ``pandas.DataFrame`` with the columns trials (1, 2, …), trial, score and best; a failed
        trial counts, has the score NaN and leaves the best as it was.
    """
    import pandas as pd

    sign = sign_of(direction)
    scores = table["score"].where(table["status"] == "COMPLETED")
    best = sign * np.fmin.accumulate(sign * completed(table)["score"].reindex(table.index))
    trials = np.arange(1, len(table) + 1)
    return pd.DataFrame({"trials": trials, "trial": table["trial"], "score": scores, "best": best})


@contextlib.contextmanager
def short_paths():
    """Print what KerasTuner prints inside, with this machine's folders cut off the paths."""
    from helpers import search

    with contextlib.redirect_stdout(io.StringIO()) as text:
        yield
    shown = text.getvalue()
    for root in (search.log_dir("."), pathlib.Path(__file__).resolve().parents[1]):
        shown = shown.replace(f"{root}{os.sep}", "")
    print(shown.replace(os.sep, "/"), end="")


def small_search(images, *, epochs, batch_size, directory="log", project_name="", **budget):
    """Open the random search of notebook 03; run what is missing of it.

    Args:
        images: what ``helpers.data.load_data`` returns.
        epochs, batch_size, directory, project_name: as in notebook 03.
        budget: max_trials, executions_per_trial and seed, and more arguments of KerasTuner's
            ``RandomSearch``, as overwrite.

    Returns:
        KerasTuner's tuner with its finished trials loaded.

    Raises:
        helpers.state.Mismatch: the folder holds a search with other settings or data.
    """
    import keras
    import keras_tuner as kt

    from helpers import models, search

    settings = {"trials": budget["max_trials"], "runs": budget["executions_per_trial"]}
    settings |= {"epochs": epochs, "batch": batch_size, "seed": budget["seed"]}
    name = project_name or search.named("random_search", **settings, data=images.digest)
    with short_paths():
        tuner = search.careful(kt.RandomSearch)(
            models.hypermodel(images.image_shape, images.num_classes),
            objective=kt.Objective("val_loss", "min"),
            directory=str(search.log_dir(directory)),
            project_name=name,
            **budget,
        )
    stopper = keras.callbacks.EarlyStopping(monitor="val_loss", patience=3)
    fit = {"validation_data": (images.x_val, images.y_val), "callbacks": [stopper], "verbose": 0}
    tuner.search(images.x_train, images.y_train, epochs=epochs, batch_size=batch_size, **fit)
    return tuner
