"""What a search found: its trials and histories as tables, and what can be concluded from them.

A search is read from its project directory (``trial_*/trial.json``, and ``history.json`` where
``helpers.search.careful`` kept one), so nothing here needs TensorFlow, except ``small_search``.
"""

import contextlib
import csv
import dataclasses
import io
import math
import os
import pathlib
import re

import numpy as np

from helpers.evaluate import confidence_interval, sign_of
from helpers.state import HISTORY, read_json, write_text

LEADING = ("trial", "status", "score", "best_epoch")
TRAILING = ("epochs", "seconds", "message")
RECORDED = pathlib.Path(__file__).parent / "files" / "recorded_search"
RECORDED_TUNERS = RECORDED.with_name("recorded_tuners")
COSTS = ("seconds", "cpu_seconds", "proposal_seconds")
NO_NUMBER = "The score is not a number (NaN)."
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet compute a cell


def holds_trials(path):
    """Whether a folder has the folder of at least one trial in it."""
    return any(folder.is_dir() for folder in pathlib.Path(path).glob("trial_*"))


def project_directory(source):
    """The project directory of a tuner, or the path itself, checked to hold a search.

    Raises:
        FileNotFoundError: there is no such folder, or it holds no trial.
    """
    path = pathlib.Path(os.fspath(getattr(source, "project_dir", source)))
    if not path.is_dir():
        raise FileNotFoundError(
            f"There is no folder {path}: run the search first, or check directory and project_name."
        )
    if not holds_trials(path):
        raise FileNotFoundError(
            f"The folder {path} holds no trial_… folder: the search has not started its first "
            "trial, or this is not a project directory (it is directory/project_name)."
        )
    return path


def recorded():
    """The folder of the shipped search of 50 trials, made by ``python -m tools.record``."""
    if not any(RECORDED.glob("trial_*")):
        raise FileNotFoundError(
            "This copy of the course has no recorded search (helpers/files/recorded_search): "
            "fetch the repository again, or make it with python -m tools.record (75 minutes)."
        )
    return RECORDED


@dataclasses.dataclass(frozen=True)
class RecordedTuners:
    """The shipped comparison of five searches, made by ``python -m tools.record_tuners``.

    Attributes:
        runs: dictionary from a search's name to its trials tables, one a seed; they have the
            columns of ``trials_table`` and of ``costs``.
        epochs: a ``pandas.DataFrame`` with one row an epoch: search, seed, trial, epoch, val_loss
            and val_accuracy.
        judged: one row a search and seed: its best hyperparameters, trained again under a new seed,
            on images that no search has seen: loss and accuracy.
        settings: budget, data and seeds, a dictionary.
    """

    runs: dict
    epochs: object
    judged: object
    settings: dict


def recorded_tuners(folder=RECORDED_TUNERS):
    """Read the shipped comparison of tuners.

    Returns:
        A ``RecordedTuners``.

    Raises:
        FileNotFoundError: this copy of the course has no such record.
    """
    import pandas as pd

    folder = pathlib.Path(folder)
    settings = read_json(folder / "settings.json")
    if settings is None:
        raise FileNotFoundError(
            "This copy of the course has no recorded comparison (helpers/files/recorded_tuners): "
            "fetch the repository again, or make it with python -m tools.record_tuners."
        )
    text = {"trial": str, "tuner/trial_id": str, "message": str}
    trials = pd.read_csv(folder / "trials.csv", dtype=text).fillna({"message": ""})
    runs = {name: [] for name in dict.fromkeys(trials["search"])}
    for (name, _seed), part in trials.groupby(["search", "seed"]):  # sorted by seed
        own = part.drop(columns=["search", "seed"]).dropna(axis="columns", how="all")
        runs[name].append(own.reset_index(drop=True))
    return RecordedTuners(
        runs,
        pd.read_csv(folder / "epochs.csv", dtype={"trial": str}),
        pd.read_csv(folder / "judged.csv"),
        settings,
    )


def _order(trial_id):
    return (0, int(trial_id), "") if trial_id.isdigit() else (1, 0, trial_id)


def _records(source):
    """One dictionary a trial folder, sorted by trial id; an unreadable one is kept and named."""
    records = []
    for folder in project_directory(source).glob("trial_*"):
        if not folder.is_dir():
            continue
        record = read_json(folder / "trial.json")
        if not isinstance(record, dict) or "trial_id" not in record:
            record = {
                "status": "UNREADABLE",
                "message": f"{folder.name}/trial.json is missing or damaged",
            }
        record["trial_id"] = str(record.get("trial_id", folder.name.removeprefix("trial_")))
        history = read_json(folder / HISTORY)
        record["history"] = history if isinstance(history, dict) else {}
        records.append(record)
    return sorted(records, key=lambda record: _order(record["trial_id"]))


def _column(name):
    """The column of a hyperparameter; a name that is taken by the table itself gets a prefix."""
    return f"hp:{name}" if name in LEADING + TRAILING else name


def _space(records):
    """Every hyperparameter definition of the search, by column; the trials' own come in order."""
    space = {}
    for record in records:
        hyperparameters = record.get("hyperparameters") or {}
        for item in hyperparameters.get("space", []):
            space.setdefault(_column(item["config"]["name"]), item)
    return space


def _last_line(message):
    lines = [line.strip() for line in (message or "").splitlines() if line.strip()]
    # An exception's class is enough: keras_tuner.src.errors.FailedTrialError is FailedTrialError.
    return re.sub(r"^(?:\w+\.)+(\w+:)", r"\1", lines[-1]) if lines else ""


def trials_table(source):
    """One row a trial, failed and unfinished ones included.

    Args:
        source: a tuner, or the path of a project directory.

    Returns:
        A ``pandas.DataFrame`` sorted by trial id with the columns trial (id, a string), status,
        score (NaN when there is none), best_epoch (1-based), one column a hyperparameter (NaN where
        it is inactive), epochs (all executions together) and seconds (NaN where unknown), message
        (the last line of the reason of a failure). A hyperparameter that is called like one of
        these columns gets the prefix ``hp:``. ``table.attrs["space"]`` holds the definitions.

    Raises:
        FileNotFoundError: there is no search in the folder.
    """
    import pandas as pd

    records = _records(source)
    space = _space(records)
    rows = []
    for record in records:
        values = (record.get("hyperparameters") or {}).get("values", {})
        executions = record["history"].get("executions", [])
        score, step = record.get("score"), record.get("best_step")
        rows.append(
            {
                "trial": record["trial_id"],
                "status": record.get("status", "UNREADABLE"),
                "score": math.nan if score is None else float(score),
                "best_epoch": math.nan if step is None or score is None else int(step) + 1,
                **{_column(name): value for name, value in values.items()},
                "epochs": _epochs(executions),
                "seconds": record["history"].get("seconds", math.nan),
                "message": _last_line(record.get("message")),
            }
        )
    table = pd.DataFrame(rows)
    names = list(space) + [
        name for name in table if name not in space and name not in LEADING + TRAILING
    ]
    table = table.reindex(columns=[*LEADING, *names, *TRAILING])
    table.attrs["space"] = space
    return table


def _epochs(executions):
    """Epochs of all executions of a trial together, NaN where there is no history."""
    return sum(_length(execution) for execution in executions) if executions else math.nan


def _length(execution):
    return max((len(values) for values in execution.values()), default=0)


def history_table(source):
    """One row an epoch of every execution of every trial.

    Args:
        source: a tuner, or the path of a project directory.

    Returns:
        A ``pandas.DataFrame`` with the columns trial, execution and epoch (both 1-based) and one
        column a metric, for example val_loss. Trials without a history are left out.

    Raises:
        FileNotFoundError: there is no search in the folder, or no trial has a history.
    """
    import pandas as pd

    frames = []
    for record in _records(source):
        for number, execution in enumerate(record["history"].get("executions", []), start=1):
            # Series, because validation_freq makes val_loss shorter than loss.
            frame = pd.DataFrame({name: pd.Series(value) for name, value in execution.items()})
            frame.insert(0, "epoch", np.arange(1, len(frame) + 1))
            frame.insert(0, "execution", number)
            frame.insert(0, "trial", record["trial_id"])
            frames.append(frame)
    if not frames:
        raise FileNotFoundError(
            f"No trial in {project_directory(source)} has a {HISTORY}: plain KerasTuner keeps one "
            "number a trial, a tuner made by helpers.search.careful keeps every epoch."
        )
    return pd.concat(frames, ignore_index=True)


def to_csv(source, path, *, overwrite=False):
    """Write the trials as a CSV file for a spreadsheet: the table of ``trials_table``.

    One row a trial, failed and unfinished ones included; what is inactive or unknown is an empty
    cell; whole numbers stay whole, and Python reads every number back exactly (pandas does with
    ``float_precision="round_trip"``). Text that begins with =, +, -, @, a tab or a carriage return
    gets an apostrophe in front, because a spreadsheet would run it as a formula. The file is UTF-8
    with commas. Spreadsheets show the trial 00 as 0; in pandas give ``dtype={"trial": str}``.

    Args:
        source: a tuner, the path of a project directory, or a trials table.
        path: where to, for example log/trials.csv; the folder above it is made.
        overwrite: True replaces a file that is there.

    Returns:
        The path, a ``pathlib.Path``.

    Raises:
        FileExistsError: the file exists and overwrite is False.
        FileNotFoundError: there is no search in the folder.
    """
    import pandas as pd

    table = source if isinstance(source, pd.DataFrame) else trials_table(source)
    path = pathlib.Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} exists: choose another name (evaluate.free_path finds one), or overwrite=True."
        )
    space = table.attrs.get("space", {})
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_cell(name) for name in table])
    for row in table.itertuples(index=False):
        writer.writerow(
            [_cell(own_type(v, n, space)) for n, v in zip(table.columns, row, strict=True)]
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text.getvalue(), mode=0o644)
    return path


def own_type(value, name, space):
    """A cell of a trials table as the search had it: None where empty, whole where it was whole.

    A column of whole numbers with a gap holds floats, as pandas has it.

    Args:
        value: the cell.
        name: its column.
        space: ``table.attrs["space"]``.
    """
    if value is None or (isinstance(value, (float, np.floating)) and math.isnan(value)):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    item = space.get(name, {})
    listed = [*item.get("config", {}).get("values", []), item.get("config", {}).get("value")]
    whole = item.get("class_name") == "Int" or name in ("best_epoch", "epochs")
    whole = whole or name in ("tuner/epochs", "tuner/initial_epoch", "tuner/bracket", "tuner/round")
    if isinstance(value, float) and value.is_integer():
        whole = whole or any(type(one) is int and one == value for one in listed)
        return int(value) if whole else value
    return value


def _cell(value):
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return "" if value is None else value


def hyperparameters(table):
    """The columns of a trials table that are hyperparameters (without Hyperband's own)."""
    taken = (*LEADING, *TRAILING, *COSTS)
    return [name for name in table if name not in taken and not name.startswith("tuner/")]


def completed(table, need=1):
    """The rows of the trials that ended with a score.

    Raises:
        ValueError: there are fewer than ``need`` of them.
    """
    rows = table[(table["status"] == "COMPLETED") & table["score"].notna()]
    if len(rows) < need:
        counts = ", ".join(f"{n} {status}" for status, n in table["status"].value_counts().items())
        raise ValueError(
            f"This needs at least {need} completed trial(s) and the search has {len(rows)} "
            f"({counts or 'no trial at all'}): let it finish, or look at results.failed(table)."
        )
    return rows


def failed(table):
    """The trials that did not complete: id, status, reason and hyperparameters.

    KerasTuner gives no reason where the score was not a number, so this one stands there.
    """
    rows = table[table["status"] != "COMPLETED"].copy()
    rows.loc[(rows["status"] == "FAILED") & (rows["message"] == ""), "message"] = NO_NUMBER
    return rows[["trial", "status", "message", *hyperparameters(table)]].reset_index(drop=True)


def ranked(table, direction="min"):
    """The completed trials, best first (equal scores stay in the order of their ids)."""
    rows = completed(table)
    order = np.argsort(sign_of(direction) * rows["score"].to_numpy(), kind="stable")
    return rows.iloc[order].reset_index(drop=True)


def best_so_far(table, direction="min"):
    """The best score after each trial.

    Args:
        table: what ``trials_table`` returns.
        direction: "min" when a lower score is better, else "max".

    Returns:
        A ``pandas.DataFrame`` with the columns trials (1, 2, …), trial, score and best; a failed
        trial counts, has the score NaN and leaves the best as it was.
    """
    import pandas as pd

    sign = sign_of(direction)
    completed(table)
    scores = np.where(table["status"] == "COMPLETED", table["score"], math.nan)
    best = sign * np.fmin.accumulate(sign * scores)
    return pd.DataFrame(
        {
            "trials": np.arange(1, len(table) + 1),
            "trial": table["trial"].to_numpy(),
            "score": scores,
            "best": best,
        }
    )


def best_by_epochs(table, direction="min"):
    """The best score against the training epochs spent, so that unequal trials compare fairly.

    Args:
        table: what ``trials_table`` returns, of one search, in the order in which it was run.
        direction: "min" when a lower score is better, else "max".

    Returns:
        A ``pandas.DataFrame`` with the columns epochs (all epochs up to the end of this trial),
        trial, score and best (NaN until a trial has completed). A failed trial without a history
        costs no epochs.

    Raises:
        ValueError: no completed trial, or its epochs are unknown (a search by plain KerasTuner).
    """
    rows = completed(table)
    if rows["epochs"].isna().any():
        raise ValueError(
            "Some trials have no history, so the epochs they took are unknown: only a tuner made "
            "by helpers.search.careful keeps them. best_so_far counts trials instead."
        )
    curve = best_so_far(table, direction)[["trial", "score", "best"]]
    curve.insert(0, "epochs", table["epochs"].fillna(0).cumsum().astype(int).to_numpy())
    return curve


def costs(source):
    """What every trial cost: training, and the oracle's time to propose it.

    Args:
        source: a tuner, or the path of a project directory.

    Returns:
        A ``pandas.DataFrame`` with one row a trial and the columns trial, epochs, seconds (wall
        clock), cpu_seconds (processor time of all threads) and proposal_seconds (from the end of
        the trial before to the start of this one); NaN where it was not recorded.
    """
    import pandas as pd

    rows = []
    for record in _records(source):
        history = record["history"]
        rows.append(
            {
                "trial": record["trial_id"],
                "epochs": _epochs(history.get("executions", [])),
                **{name: history.get(name, math.nan) for name in COSTS},
            }
        )
    return pd.DataFrame(rows)


def compare(searches, *, direction="min", level=0.95):
    """Several searches in one table, one row a search, each over one or more seeds.

    Args:
        searches: dictionary from a name to its runs, one a seed: a list of tuners, of project
            directories or of trials tables. A single one needs no list.
        direction: "min" when a lower score is better, else "max".
        level: confidence level of the interval of the mean best score over the seeds.

    Returns:
        A ``pandas.DataFrame``, best mean first, with the columns search, seeds, trials, failed and
        epochs (means over the seeds), best (mean over the seeds of the best score), low and high
        (Student's t interval of that mean, NaN with one seed) and seconds (mean, wall clock).

    Raises:
        ValueError: no search, or one without a completed trial; the message names it.
    """
    import pandas as pd

    if not searches:
        raise ValueError("There is nothing to compare: give {name: [a run a seed, ...]}.")
    rows = []
    for name, runs in searches.items():
        tables = [
            run if isinstance(run, pd.DataFrame) else trials_table(run)
            for run in (runs if isinstance(runs, (list, tuple)) else [runs])
        ]
        try:
            best = [float(ranked(table, direction)["score"].iloc[0]) for table in tables]
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        interval = confidence_interval(best, level) if len(best) > 1 else None
        rows.append(
            {
                "search": name,
                "seeds": len(tables),
                "trials": np.mean([len(table) for table in tables]),
                "failed": np.mean([len(failed(table)) for table in tables]),
                "epochs": np.mean([table["epochs"].sum(min_count=1) for table in tables]),
                "best": np.mean(best),
                "low": interval.low if interval else math.nan,
                "high": interval.high if interval else math.nan,
                "seconds": np.mean([table["seconds"].sum(min_count=1) for table in tables]),
            }
        )
    table = pd.DataFrame(rows)
    return table.iloc[np.argsort(sign_of(direction) * table["best"], kind="stable")].reset_index(
        drop=True
    )


@contextlib.contextmanager
def short_paths():
    """Print what KerasTuner prints inside, with this machine's folders cut off the paths."""
    from helpers import search

    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text):
            yield
    finally:
        shown = text.getvalue()
        for root in (search.log_dir("."), pathlib.Path(__file__).resolve().parent.parent):
            for folder in (root, root.resolve()):
                shown = shown.replace(f"{folder}{os.sep}", "")
        print(shown.replace(os.sep, "/"), end="")


def best_epochs(source, objective="val_loss", direction="min"):
    """Every metric at the best epoch of each trial.

    Args:
        source: a tuner, or the path of a project directory.
        objective: the metric that decides which epoch is best.
        direction: "min" when a lower value is better, else "max".

    Returns:
        A ``pandas.DataFrame`` with one row a trial that has a history, sorted as in
        ``history_table``; of several executions the best one is taken.
    """
    history = history_table(source)
    if objective not in history:
        raise ValueError(
            f"The histories have no {objective!r}; they have {', '.join(list(history)[3:])}."
        )
    history = history[history[objective].notna()]
    order = sign_of(direction) * history[objective]
    return history.loc[order.groupby(history["trial"], sort=False).idxmin()].reset_index(drop=True)


def small_search(
    images,
    *,
    max_trials,
    epochs,
    executions_per_trial=1,
    batch_size=64,
    seed=1,
    directory="log",
    project_name="random_search",
    overwrite=False,
):
    """Open the random search of notebook 03; run what is missing of it, and say so.

    Args:
        images: what ``helpers.data.load_data`` returns.
        max_trials, epochs, executions_per_trial, batch_size, seed: as in notebook 03.
        directory, project_name: where the search is; see ``helpers.search.log_dir``.
        overwrite: True starts again; the earlier search is moved aside.

    Returns:
        KerasTuner's tuner with its finished trials loaded.

    Raises:
        helpers.state.Mismatch: the folder holds a search with other settings or data.
    """
    import keras
    import keras_tuner as kt

    from helpers import models, search

    with short_paths():
        tuner = search.careful(kt.RandomSearch)(
            models.hypermodel(images.image_shape, images.num_classes),
            objective=kt.Objective("val_loss", "min"),
            max_trials=max_trials,
            executions_per_trial=executions_per_trial,
            seed=seed,
            directory=str(search.log_dir(directory)),
            project_name=project_name,
            overwrite=overwrite,
        )
    missing = max_trials - len(tuner.oracle.end_order)
    if missing > 0:
        print(f"{directory}/{project_name} lacks {missing} trials; they are run now.")
    tuner.search(
        images.x_train,
        images.y_train,
        validation_data=(images.x_val, images.y_val),
        epochs=epochs,
        batch_size=batch_size,
        callbacks=[keras.callbacks.EarlyStopping(monitor="val_loss", patience=3)],
        verbose=0,
    )
    return tuner
