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
from helpers.project import HISTORY, read_json, write_text

LEADING = ("trial", "status", "score", "best_epoch")
TRAILING = ("epochs", "seconds", "message")
RECORDED = pathlib.Path(__file__).parent / "files" / "recorded_search"
RECORDED_TUNERS = RECORDED.with_name("recorded_tuners")
COSTS = ("seconds", "cpu_seconds", "proposal_seconds")
NO_NUMBER = "The score is not a number (NaN)."
TRUSTED_R2 = 0.3
TRUSTED_TRIALS = 20
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet compute a cell
RARE_TRIALS = 5  # a hyperparameter that is active less often is not judged


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
    """The folder of the shipped search of 50 trials, made by ``python -m helpers.record``."""
    if not any(RECORDED.glob("trial_*")):
        raise FileNotFoundError(
            "This copy of the course has no recorded search (helpers/files/recorded_search): "
            "fetch the repository again, or make it with python -m helpers.record (75 minutes)."
        )
    return RECORDED


@dataclasses.dataclass(frozen=True)
class RecordedTuners:
    """The shipped comparison of five searches, made by ``python -m helpers.record_tuners``.

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
            "fetch the repository again, or make it with python -m helpers.record_tuners."
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


@dataclasses.dataclass(frozen=True)
class Importance:
    """How much each hyperparameter matters, and how far that can be trusted.

    Attributes:
        table: a ``pandas.DataFrame`` with the columns hyperparameter, importance (how much of R2 is
            lost when its values are shuffled), spread (standard deviation over shuffles) and active
            (in how many of the trials the hyperparameter was active). Importance and spread are
            NaN where it was active in fewer than 5: too few to say.
        r2: the surrogate's R2 on trials that it has not seen (1 perfect, 0 as good as the mean).
        trials: how many completed trials it learned from.
    """

    table: object
    r2: float
    trials: int

    @property
    def trusted(self):
        """False when the surrogate is too poor, or has too few trials, to read the bars."""
        return self.r2 > TRUSTED_R2 and self.trials >= TRUSTED_TRIALS

    @property
    def sentence(self):
        """What the surrogate's score means for the reader."""
        score = f"R2 = {self.r2:.2f} on unseen trials, from {self.trials} trials"
        if self.trials < TRUSTED_TRIALS:
            return (
                f"Do not read the bars: {score}; fewer than {TRUSTED_TRIALS} trials say too little."
            )
        if not self.trusted:
            return (
                f"Do not read the bars: {score}; the surrogate predicts no score worth explaining."
            )
        return f"The bars can be read: {score}."


def encode(table, *, seed=1):
    """Hyperparameters as numbers, for a surrogate model.

    Numbers, numeric choices and Booleans become one column, log-sampled ones their logarithm (a
    forest does not care, other models do), other choices one column a value. An inactive value
    becomes one drawn from the trials in which it is active: its column then says nothing about
    whether it was active, which only the column of its parent may say. A code of its own for
    "inactive" would let a surrogate read the parent from its children, and the parent would look
    unimportant.

    Args:
        table: what ``trials_table`` returns.
        seed: seed of the draws.

    Returns:
        A dictionary from the hyperparameter to an array of shape (trials, columns). A
        hyperparameter that never varies where it is active is left out.

    Source: filling inactive values in before a forest sees them: Hutter, Hoos, Leyton-Brown (2014),
    "An efficient approach for assessing hyperparameter importance", ICML (they take defaults).
    """
    import pandas as pd

    space = table.attrs.get("space", {})
    rng = np.random.default_rng(seed)
    encoded = {}
    for name in hyperparameters(table):
        values = table[name].astype(object)
        config = space.get(name, {}).get("config", {})
        active = values.dropna()
        if active.nunique() < 2:
            continue
        inactive = values.isna().to_numpy()
        if inactive.any():
            values[inactive] = rng.choice(active.to_numpy(), inactive.sum())
        if all(isinstance(value, (bool, int, float, np.number, np.bool_)) for value in active):
            numbers = pd.to_numeric(values).astype(float)
            if config.get("sampling") == "log" and (numbers > 0).all():
                numbers = np.log(numbers)
            encoded[name] = numbers.to_numpy()[:, None]
        else:
            encoded[name] = pd.get_dummies(values).to_numpy(dtype=float)
    return encoded


def importance(table, *, seed=1, repeats=20, folds=5):
    """Importance of each hyperparameter, from a random forest fitted to the completed trials.

    The forest predicts the score from the hyperparameters. Its R2 and the importance both come from
    trials that it was not fitted on (cross-validation). The importance of a hyperparameter is what
    R2 loses when its values are shuffled among the trials in which it is active. So one that is
    active in few trials can explain little of the whole, however much it matters there.

    Args:
        table: what ``trials_table`` returns, with at least 5 trials with a finite score.
        seed: seed of the folds, the forest and the shuffles.
        repeats: shuffles a fold.
        folds: number of folds of the cross-validation.

    Returns:
        An ``Importance``, most important hyperparameter first.

    Raises:
        ValueError: fewer than 5 completed trials, no hyperparameter that varies, equal scores.

    Source: Breiman (2001), "Random forests", Machine Learning 45; the idea of a forest as surrogate
    of a search: Hutter, Hoos, Leyton-Brown (2014), "An efficient approach for assessing
    hyperparameter importance", ICML.
    """
    import pandas as pd
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold

    rows = completed(table, need=5)
    rows = rows[np.isfinite(rows["score"])]
    encoded = encode(rows)
    counts = {name: int(rows[name].notna().sum()) for name in encoded}
    rare = [name for name in encoded if counts[name] < RARE_TRIALS]
    encoded = {name: columns for name, columns in encoded.items() if name not in rare}
    score = rows["score"].to_numpy()
    total = float(np.sum((score - score.mean()) ** 2))
    if not encoded or total == 0 or len(rows) < 5:
        raise ValueError(
            "Nothing to explain: no hyperparameter varies in enough trials, or all scores are "
            "equal or infinite. Importance needs 5 trials that differ."
        )
    names = list(encoded)
    x = np.hstack([encoded[name] for name in names])
    groups = np.repeat(names, [encoded[name].shape[1] for name in names])
    rng = np.random.default_rng(seed)
    error = 0.0
    lost = {name: np.zeros(repeats) for name in names}
    for train, held_out in KFold(min(folds, len(rows)), shuffle=True, random_state=seed).split(x):
        forest = RandomForestRegressor(100, random_state=seed).fit(x[train], score[train])
        squared = np.sum((forest.predict(x[held_out]) - score[held_out]) ** 2)
        error += squared
        for name in names:
            active = np.flatnonzero(rows[name].iloc[held_out].notna())
            shuffled = np.tile(x[held_out], (repeats, 1, 1))
            for copy in shuffled:
                copy[np.ix_(active, groups == name)] = copy[
                    np.ix_(rng.permutation(active), groups == name)
                ]
            predicted = forest.predict(shuffled.reshape(-1, x.shape[1])).reshape(repeats, -1)
            lost[name] += np.sum((predicted - score[held_out]) ** 2, axis=1) - squared
    found = pd.DataFrame(
        {
            "hyperparameter": names + rare,
            "importance": [lost[name].mean() / total for name in names] + [math.nan] * len(rare),
            "spread": [lost[name].std() / total for name in names] + [math.nan] * len(rare),
            "active": [counts[name] for name in names + rare],
        }
    ).sort_values("importance", ascending=False, ignore_index=True)
    return Importance(found, 1 - error / total, len(rows))


def _fraction(fraction):
    if isinstance(fraction, bool) or not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction!r}; it must lie between 0 and 1: 0.05 is 5 %.")
    return float(fraction)


def top_fraction_probability(trials, fraction=0.05):
    """Probability that the best of ``trials`` random trials is among the best ``fraction`` of all.

    Each random trial misses the best fraction q of the space with probability 1 - q, whatever the
    space looks like, so the probability is 1 - (1 - q) ** trials.

    Args:
        trials: number of trials, or an array of numbers.
        fraction: the share q of the space that counts as good, between 0 and 1.

    Returns:
        A probability, or an array of them.

    Source: random search: Bergstra, Bengio (2012), "Random search for hyper-parameter
    optimization", JMLR 13.
    """
    return 1 - (1 - _fraction(fraction)) ** np.asarray(trials)


def trials_needed(probability=0.95, fraction=0.05):
    """The smallest number of random trials that reaches the best fraction with a probability."""
    probability = _fraction(probability)
    return math.ceil(math.log(1 - probability) / math.log(1 - _fraction(fraction)))


def top_fraction_curve(table, fraction=0.05, *, direction="min", draws=2000, seed=1):
    """How good a random search of 1, 2, … trials is, by shuffling the order of recorded trials.

    Args:
        table: what ``trials_table`` returns; its completed trials are one random sample.
        fraction: the share of trials that counts as good; at least one trial does.
        direction: "min" when a lower score is better, else "max".
        draws: how many random orders.
        seed: seed of the orders.

    Returns:
        A ``pandas.DataFrame`` with the columns trials, theory (1 - (1 - q) ** trials with q = good
        trials / all trials), resampled (share of orders that have met a good trial), best (mean
        of the best score so far), low and high (its 5th and 95th percentile).
    """
    import pandas as pd

    sign = sign_of(direction)
    scores = sign * completed(table, need=2)["score"].to_numpy()
    good = max(1, round(_fraction(fraction) * len(scores)))
    threshold = np.sort(scores)[good - 1]
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(scores, (draws, 1)), axis=1)
    best = np.minimum.accumulate(orders, axis=1)
    trials = np.arange(1, len(scores) + 1)
    ends = sign * np.quantile(best, [0.05, 0.95], axis=0)
    return pd.DataFrame(
        {
            "trials": trials,
            "theory": top_fraction_probability(trials, good / len(scores))
            if good < len(scores)
            else np.ones(len(scores)),
            "resampled": np.mean(best <= threshold, axis=0),
            "best": sign * best.mean(axis=0),
            "low": ends.min(axis=0),
            "high": ends.max(axis=0),
        }
    )


def _choices(config, kind):
    """How many values a hyperparameter can take, and the values when they can be listed."""
    if kind == "Fixed":
        return [config["value"]]
    if kind == "Boolean":
        return [False, True]
    if kind == "Choice":
        return list(config["values"])
    low, high, step = config["min_value"], config["max_value"], config.get("step")
    log = config.get("sampling") in ("log", "reverse_log")
    if kind == "Int" and not (log and step):
        return list(range(low, high + 1, int(step or 1)))
    if not step:
        return None
    if log:
        return [low * step**k for k in range(int(math.log(high / low, step) + 1e-8) + 1)]
    return [low + step * k for k in range(int((high - low) / step + 1e-8) + 1)]


def space_size(hp):
    """How many different configurations a search space has.

    Args:
        hp: a ``keras_tuner.HyperParameters`` that the build function has filled, a tuner, or a list
            of definitions as in trial.json. A conditional hyperparameter counts where it is active.

    Returns:
        An int, or ``math.inf`` when a Float without a step is among them.
    """
    oracle = getattr(hp, "oracle", None)
    hp = hp if oracle is None else oracle.get_space()
    space = hp if isinstance(hp, (list, tuple)) else hp.get_config()["space"]
    parents = {
        condition["config"]["name"] for item in space for condition in item["config"]["conditions"]
    }

    def count(index, chosen):
        if index == len(space):
            return 1
        config = space[index]["config"]
        for condition in config["conditions"]:
            parent = condition["config"]
            if chosen.get(parent["name"]) not in parent["values"]:
                return count(index + 1, chosen)
        values = _choices(config, space[index]["class_name"])
        if values is None:
            return math.inf
        if config["name"] in parents:
            return sum(count(index + 1, chosen | {config["name"]: value}) for value in values)
        return len(values) * count(index + 1, chosen)

    return count(0, {})


def told_apart(table, noise, *, runs=None, level=0.95, direction="min"):
    """Which trials can be told apart from the best one, given the noise between seeds.

    Two single runs of equally good models differ by noise times the square root of 2, so a trial is
    told apart when it is further from the best than the quantile of that. The best was chosen
    because it looked best, which makes the test too ready to tell apart rather than too slow.

    Args:
        table: what ``trials_table`` returns.
        noise: standard deviation of the score of one model between seeds, in the score's unit.
        runs: how many seeds the noise was measured with (Student's t); None takes it as known.
        level: confidence level, between 0 and 1.
        direction: "min" when a lower score is better, else "max".

    Returns:
        The completed trials, best first, with the new columns difference (to the best, 0 or more)
        and told_apart (a Boolean). ``attrs["limit"]`` is the smallest difference told apart.
    """
    from scipy import stats

    if isinstance(noise, bool) or not np.isfinite(noise) or noise < 0:
        raise ValueError(f"noise is {noise!r}; it is a standard deviation: 0 or more.")
    if runs is not None and runs < 2:
        raise ValueError(f"runs is {runs}; a standard deviation needs at least 2 seeds.")
    rows = ranked(table, direction)
    tail = 0.5 + _fraction(level) / 2
    quantile = stats.norm.ppf(tail) if runs is None else stats.t.ppf(tail, runs - 1)
    limit = float(quantile * math.sqrt(2) * noise)
    rows["difference"] = sign_of(direction) * (rows["score"] - rows["score"].iloc[0])
    rows["told_apart"] = rows["difference"] > limit
    rows.attrs["limit"] = limit
    return rows


def pareto(table, cost="parameters", *, direction="min"):
    """Mark the trials that no other trial beats in score and cost at once.

    A trial is beaten (dominated) by one that is at least as good in both and better in one; those
    that nobody beats are the Pareto front.

    Args:
        table: what ``trials_table`` returns, with one more column, the cost (less is better).
        cost: name of that column, for example the number of parameters.
        direction: "min" when a lower score is better, else "max".

    Returns:
        The completed trials, cheapest first, with the new column pareto (a Boolean).

    Raises:
        ValueError: the table has no such column, or a completed trial has no cost.
    """
    if cost not in table:
        raise ValueError(
            f"The table has no column {cost!r}: add it, as in table[{cost!r}] = [...], one number "
            "a trial."
        )
    rows = completed(table)
    if rows[cost].isna().any():
        names = ", ".join(rows.loc[rows[cost].isna(), "trial"])
        raise ValueError(f"The column {cost!r} is empty for the completed trials {names}.")
    rows = rows.assign(_loss=sign_of(direction) * rows["score"])
    rows = rows.sort_values([cost, "_loss"], kind="stable").reset_index(drop=True)
    points = rows[[cost, "_loss"]].to_numpy(float)
    beaten = [
        bool(np.any((points <= one).all(axis=1) & (points < one).any(axis=1))) for one in points
    ]
    return rows.drop(columns="_loss").assign(pareto=np.logical_not(beaten))


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
        helpers.project.Mismatch: the folder holds a search with other settings or data.
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
