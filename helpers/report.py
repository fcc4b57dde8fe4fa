"""A whole search as one HTML file, for a reader who never opens a notebook.

    python -m helpers.report log/random_search
    python -m helpers.report log/hyperband --beside log/random_search log/bayes
    python -m helpers.report log/random_search -o week12.html --csv week12.csv --title "Week 12"

DIR is the project directory of any KerasTuner search, directory/project_name. The file holds its
pictures, has no script, needs no network and prints well. Without -o it goes beside DIR as
PROJECT-report.html. Nothing is overwritten without --overwrite. Nothing here imports TensorFlow.
"""

import argparse
import contextlib
import dataclasses
import datetime
import html
import json
import math
import os
import pathlib
import re
import shlex
import sys
import warnings

import numpy as np

from helpers import insight, plots, results, state
from helpers.evaluate import sign_of
from helpers.progress import duration

SHOWN_ARGUMENTS = ("executions_per_trial", "max_epochs", "factor", "num_initial_points")
SHOWN_ARGUMENTS += ("alpha", "beta")  # these stand in the table by other names
SHOWN_TRIALS = 5  # whose learning curves are drawn and which parallel coordinates highlight
SHOWN_SLICES = 12
SHOWN_AXES = 8
TUNERS = {
    "RandomSearch": "draws every configuration at random",
    "GridSearch": "goes through the combinations of values in order",
    "BayesianOptimization": "proposes what a model of the scores so far expects to be good",
    "Hyperband": "starts many configurations for few epochs and goes on with the best of them",
}
DIRECTIONS = {"min": "lower is better", "max": "higher is better"}
ORACLES = {"hyperband_iterations": "Hyperband", "num_initial_points": "BayesianOptimization"}
WORDS = {
    "trial": "One configuration, tried out: a model is built with one set of hyperparameter "
    "values, trained and scored.",
    "objective": "The number that decides which trial is best. It is measured on validation data, "
    "which the training does not see.",
    "search space": "All hyperparameters that the search may choose, with the values that each may "
    "take.",
    "validation loss": "How wrong the model's predictions are on the validation data. Lower is "
    "better; what is a good value depends on the data.",
    "epoch": "One pass of the training through all training data.",
}
STYLE = pathlib.Path(__file__).parent / "files" / "report.css"


class ReportError(ValueError):
    """A mistake in what was asked for; nothing has been written."""


@dataclasses.dataclass(frozen=True)
class Search:
    """What the sections need to know of a search.

    Attributes:
        name: the project's name.
        title: title of the report.
        table: the trials, as ``results.trials_table`` has them; infinite scores are NaN.
        ranked: those with a score, best first; empty when there is none.
        equal: those of them that were trained equally long: all, except in a Hyperband search.
        history: every epoch, as ``results.history_table`` has it, or None.
        costs: as ``results.costs`` has them.
        definitions: the search space, a list as in trial.json.
        objective: name of the metric, or None.
        direction: "min" or "max"; None only when no trial has a score.
        how: a sentence on how objective and direction are known.
        fingerprint, settings, oracle: contents of those files, {} where there is none.
        beside: other searches to compare with, by name.
    """

    name: str
    title: str
    table: object
    ranked: object
    equal: object
    history: object
    costs: object
    definitions: list
    objective: str | None
    direction: str | None
    how: str
    fingerprint: dict
    settings: dict
    oracle: dict
    beside: dict = dataclasses.field(default_factory=dict)

    @property
    def score(self):
        """The objective in words, for example "validation loss"."""
        return in_words(self.objective)

    @property
    def names(self):
        """The columns of the hyperparameters."""
        return results.hyperparameters(self.table)

    @property
    def tuner(self):
        """Name of the tuner class, or None where it is not recorded."""
        known = self.fingerprint.get("tuner") or self.settings.get("tuner")
        return known or next((name for key, name in ORACLES.items() if key in self.oracle), None)

    @property
    def rounds(self):
        """Whether trials were given different numbers of epochs (Hyperband)."""
        return "tuner/epochs" in self.table and self.table["tuner/epochs"].nunique() > 1

    @property
    def executions(self):
        """Trainings of a trial, or None where it is not known."""
        known = self.fingerprint.get("arguments")
        known = known.get("executions_per_trial") if isinstance(known, dict) else None
        if known or self.settings.get("executions_per_trial"):
            return known or self.settings["executions_per_trial"]
        if self.history is None:
            return None
        return int(self.history.groupby("trial")["execution"].max().max())


# ---------------------------------------------------------------- reading


def project_path(source):
    """The project directory that a tuner or a path names, with a sentence for each mistake.

    Raises:
        ReportError: it is not one project directory; the message says what it is.
    """
    path = pathlib.Path(os.fspath(getattr(source, "project_dir", source)))
    if not path.exists():
        raise ReportError(f"There is no folder {path}: run the search first, or check the name.")
    if not path.is_dir():
        raise ReportError(
            f"{path} is a file: give the folder of the search, directory/project_name."
        )
    path = pathlib.Path(os.path.abspath(path))
    if results.holds_trials(path):
        return path
    if (path / "trial.json").exists():
        raise ReportError(
            f"{state.shown(path)} is the folder of one trial: give the folder above it."
        )
    inside = sorted(folder.name for folder in path.iterdir() if folder.is_dir())
    inside = [name for name in inside if results.holds_trials(path / name)]
    if inside:
        listed = ", ".join(inside[:12]) + (", …" if len(inside) > 12 else "")
        raise ReportError(
            f"{path.name} is not a project directory but holds "
            f"{count(len(inside), 'search', 'searches')}. Which one? {listed}: give the folder, "
            f"as in {path.name}/{inside[0]}."
        )
    raise ReportError(
        f"The folder {path.name} holds no trial_… folder: the search has not started its first "
        "trial, or this is not a project directory (it is directory/project_name)."
    )


def _dictionary(path):
    value = state.read_json(path)
    return value if isinstance(value, dict) else {}


def _best_of(metric):
    """The best value of a metric in trial.json, as KerasTuner scores it; None where unclear."""
    try:
        values = [np.mean(one["value"]) for one in metric["observations"]]
        best = np.nanmin if metric["direction"] == "min" else np.nanmax
        return float(best(values)) if np.isfinite(values).any() else None
    except (KeyError, TypeError, ValueError):
        return None


def deduced_objective(folder):
    """The metrics that equal the score in every completed trial: {name: direction}."""
    left = None
    for path in pathlib.Path(folder).glob("trial_*/trial.json"):
        record = _dictionary(path)
        score = record.get("score")
        if record.get("status") != "COMPLETED" or score is None or not np.isfinite(score):
            continue
        metrics = (record.get("metrics") or {}).get("metrics") or {}
        equal = {
            name: metric.get("direction")
            for name, metric in metrics.items()
            if _best_of(metric) == score
        }
        left = equal if left is None else {n: d for n, d in left.items() if equal.get(n) == d}
    return left or {}


def find_objective(folder, fingerprint, settings, direction=None):
    """(objective, direction, how they are known) of a search; direction None when unknown.

    Looked for in fingerprint.json, settings.json, and then in the trials: the metric that equals
    the score in all of them has its direction in trial.json.

    Raises:
        ReportError: ``direction`` contradicts what is recorded.
    """
    name = known = None
    how = "as recorded by the search"
    found = re.match(
        r'\w*Objective\(name="(.*?)", direction="(min|max)"\)', str(fingerprint.get("objective"))
    )
    if found:
        name, known = found.groups()
    elif isinstance(settings.get("objective"), list) and len(settings["objective"]) == 2:
        name, known = settings["objective"]
    else:
        equal = deduced_objective(folder)
        if len(set(equal.values())) == 1:
            name, known = next(iter(equal.items()))
            others = f" (so does {', '.join(list(equal)[1:])})" if len(equal) > 1 else ""
            how = f"found by comparison: in every trial the score equals this metric{others}"
    if known not in DIRECTIONS:
        name, known, how = None, direction, "as given with --direction"
    if direction not in (None, known):
        raise ReportError(
            f"The direction {direction!r} contradicts the search: its objective is {name} with "
            f"the direction {known!r}, {how}. Leave --direction out."
        )
    return name, known, how


def read(source, *, title=None, direction=None):
    """Read a search from its project directory.

    Args:
        source: a tuner, or the path of a project directory.
        title: title of the report; None takes the project's name.
        direction: "min" or "max", where the search does not record it.

    Returns:
        A ``Search``.

    Raises:
        ReportError: no single project directory, or an unknown or contradicting direction.
    """
    if direction is not None and direction not in DIRECTIONS:
        raise ReportError(f'direction is {direction!r}; it is "min" or "max".')
    folder = project_path(source)
    fingerprint = _dictionary(folder / state.FINGERPRINT)
    settings = _dictionary(folder / "settings.json")
    oracle = _dictionary(folder / "oracle.json")
    name, known, how = find_objective(folder, fingerprint, settings, direction)
    table = results.trials_table(folder)
    table["score"] = table["score"].where(np.isfinite(table["score"]))
    scored = table[(table["status"] == "COMPLETED") & table["score"].notna()]
    if len(scored) and known is None:
        raise ReportError(
            f"{folder.name} does not record whether a lower or a higher score is better, and no "
            "single metric of its trials equals the score: say it with --direction min (a loss) "
            "or --direction max (an accuracy)."
        )
    ranked = results.ranked(table, known) if len(scored) else scored
    try:
        history = results.history_table(folder)
    except FileNotFoundError:
        history = None
    if history is not None and history.empty:
        history = None
    stored = oracle.get("hyperparameters")
    stored = stored.get("space") if isinstance(stored, dict) else None
    return Search(
        name=folder.name,
        title=title or f"Report on the search {folder.name}",
        table=table,
        ranked=ranked,
        equal=_equally_long(ranked),
        history=history,
        costs=results.costs(folder),
        definitions=stored or list(table.attrs["space"].values()),
        objective=name,
        direction=known,
        how=how,
        fingerprint=fingerprint,
        settings=settings,
        oracle=oracle,
    )


def read_beside(search, folder, sources, direction=None):
    """The same search with others beside it, for one table of all.

    Args:
        search: what ``read`` returned.
        folder: its project directory.
        sources: tuners or paths of project directories.
        direction: "min" or "max", where those searches do not record it.

    Raises:
        ReportError: a search has another objective or no score, or is named twice.
    """
    beside, seen = {}, {project_path(folder).resolve()}
    for source in sources:
        path = project_path(source)
        if path.resolve() in seen:
            raise ReportError(f"{path.name} is named twice: give each search once.")
        seen.add(path.resolve())
        other = read(path, direction=direction)
        if other.ranked.empty or search.ranked.empty:
            name = search.name if search.ranked.empty else other.name
            raise ReportError(f"{name} has no trial with a score, so nothing compares with it.")
        if (other.objective, other.direction) != (search.objective, search.direction):
            raise ReportError(
                f"{other.name} was judged by {other.objective} ({other.direction}) and "
                f"{search.name} by {search.objective} ({search.direction}): their scores do not "
                "compare."
            )
        name = other.name
        while name in (search.name, *beside):
            name += "'"
        beside[name] = other
    return dataclasses.replace(search, beside=beside)


def _equally_long(ranked):
    """The largest group of trials with the same number of epochs; all, except with Hyperband."""
    if "tuner/epochs" not in ranked or ranked["tuner/epochs"].nunique() < 2:
        return ranked
    counts = ranked["tuner/epochs"].value_counts()
    epochs = max(counts.index, key=lambda value: (counts[value], value))
    return ranked[ranked["tuner/epochs"] == epochs].reset_index(drop=True)


# ---------------------------------------------------------------- words and HTML


def in_words(metric):
    """A metric's name as a reader knows it: val_loss is the validation loss."""
    if metric in (None, "default_objective", "score"):
        return "score"
    if metric == "multi_objective":
        return "combined objective"
    return metric.replace("val_", "validation ", 1).replace("_", " ")


def number(value, digits=4):
    """A number for reading: whole ones whole, others with four digits; a dash for nothing."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e7:
        return f"{value:.0f}"
    if isinstance(value, float):
        return f"{value:.0f}" if 10**digits <= abs(value) < 1e7 else f"{value:.{digits}g}"
    return str(value)


def scored(value):
    """A score with four digits, zeros at the end included, so that scores line up."""
    value = float(value)
    if not 1e-3 <= abs(value) < 1e4:
        return number(value)
    return f"{value:#.4g}".rstrip(".")


def count(n, word, many=None):
    """A number with its noun: 1 trial, 2 trials."""
    return f"{n:,} {word if n == 1 else many or word + 's'}"


def text(value):
    """A value as HTML text: escaped, and without the folders of the machine it comes from."""
    value = re.sub(
        r"(?<![\w.:/\\-])(?:[A-Za-z]:[\\/]|~?/)(?:[^\s\"'<>|:,;()\\/]+[\\/])+", "…/", str(value)
    )
    value = re.sub(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", "\ufffd", value)
    return html.escape(value, quote=True)


def paragraph(sentence, kind=""):
    """A paragraph of text that is not HTML yet."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{text(sentence)}</p>"


def rows_table(headers, rows, *, caption="", numbers=(), best=False, full=False):
    """A table that scrolls by itself when it is wider or longer than the page.

    Args:
        headers: column titles.
        rows: lists of values; a text instead is a remark on the row above it.
        caption: what the table shows.
        numbers: which columns are set to the right.
        best: True highlights the first row.
        full: True lets the table be wider than the text around it.
    """

    def cell(tag, index, value, more=""):
        kind = "number" if index in numbers else "text" if len(str(value)) > 40 else ""
        mark = f' class="{kind}"' if kind else ""
        return f"<{tag}{more}{mark}>{text(value)}</{tag}>"

    head = "".join(cell("th", i, value, ' scope="col"') for i, value in enumerate(headers))
    body = []
    for place, row in enumerate(rows):
        if isinstance(row, str):
            span = len(headers) - 1
            body.append(f'<tr class="remark"><td></td><td colspan="{span}">{text(row)}</td></tr>')
            continue
        cells = "".join(cell("td", i, value) for i, value in enumerate(row))
        first = ' class="best"' if best and place == 0 else ""
        body.append(f"<tr{first}>{cells}</tr>")
    body = "\n".join(body)
    return (
        f'<div class="wide{" full" if full else ""}" tabindex="0"><table>'
        + (f"<caption>{text(caption)}</caption>" if caption else "")
        + f"<thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>"
    )


def facts_table(facts):
    """A table of two columns: what, and its value."""
    rows = "\n".join(
        f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>'
        for name, value in facts.items()
        if value not in (None, "")
    )
    return f'<div class="wide"><table><tbody>\n{rows}\n</tbody></table></div>'


def picture(figure, alt, caption):
    """A figure with its description for those who cannot see it, and a sentence below."""
    return (
        f"<figure>{plots.image(figure, alt=alt)}<figcaption>{text(caption)}</figcaption></figure>"
    )


def configuration(row, search):
    """The active hyperparameters of a trial, as text."""
    space = search.table.attrs["space"]
    values = {name: results.own_type(row[name], name, space) for name in search.names}
    return ", ".join(f"{n} = {number(v, 6)}" for n, v in values.items() if v is not None)


# ---------------------------------------------------------------- the sections


def section_answer(search):
    """The answer in one paragraph."""
    table, rows = search.table, search.ranked
    sentences = [_what_was_tried(search)]
    if rows.empty:
        sentences.append(
            "No trial has ended with a score, so there is no best configuration and nothing can be "
            "concluded. The reasons are listed under Failed and unfinished trials."
        )
        return f'<div class="answer">{paragraph(" ".join(sentences))}</div>'
    best = rows.iloc[0]
    sentences.append(
        f"Each was judged by its {search.score}, where {DIRECTIONS[search.direction]}"
        + (", at the best epoch of its training." if _epochs_matter(search) else ".")
    )
    settings = configuration(best, search)
    sentences.append(
        f"The best is trial {best['trial']}" + (f", with {settings}." if settings else ".")
    )
    sentences.append(
        f"It reached a {search.score} of {scored(best['score'])}{_at_epoch(best, search)}."
    )
    if search.rounds:
        sentences.append(
            "Trials were given different numbers of epochs, so a score of few epochs and one of "
            "many are not equal."
        )
    sentences += [_against_median(search), told_apart_sentence(search)]
    if (table["status"] == "RUNNING").any():
        sentences.append("The search is not finished: a later trial may still be better.")
    joined = " ".join(sentence for sentence in sentences if sentence)
    return f'<div class="answer">{paragraph(joined)}</div>'


def _what_was_tried(search):
    statuses = search.table["status"]
    total, done = len(statuses), len(search.ranked)
    words = {"RUNNING": "not finished", "UNREADABLE": "damaged", "COMPLETED": "without a score"}
    others = statuses.drop(search.table.index[search.table["trial"].isin(search.ranked["trial"])])
    parts = [f"{n} {words.get(status, 'failed')}" for status, n in others.value_counts().items()]
    by = f" by {search.tuner}" if search.tuner else ""
    start = f"The search {search.name}{by} started {count(total, 'trial')}"
    tried = "each one configuration of a model's hyperparameters"
    if not parts:
        return f"{start}, {tried}; {'it' if total == 1 else 'all'} ended with a score."
    return f"{start}, {tried}: {done} ended with a score, {', '.join(parts)}."


def _epochs_matter(search):
    """Whether the best epoch says something: trials that return one number have only the first."""
    return bool((search.ranked["best_epoch"] > 1).any() or (search.ranked["epochs"] > 1).any())


def _first_epoch(row):
    start = row.get("tuner/initial_epoch", 0)
    return 0 if start is None or math.isnan(start) else int(start)


def _at_epoch(row, search):
    if not _epochs_matter(search) or math.isnan(row["best_epoch"]):
        return ""
    best, start = int(row["best_epoch"]), _first_epoch(row)
    of = ""
    if row["epochs"] > 0 and search.executions:
        of = f" of {start + int(row['epochs']) // search.executions}"
    if (search.executions or 1) > 1:
        return f", on average at epoch {best + start} (mean of {search.executions} trainings)"
    return f" at epoch {best + start}{of}"


def _against_median(search):
    best = search.ranked.iloc[0]
    rows, which = search.ranked, "the median trial"
    if search.rounds:
        rows = rows[rows["tuner/epochs"] == best["tuner/epochs"]]
        which = f"the median of the {len(rows)} trials with as many epochs"
    if len(rows) < 3:
        return ""
    median = float(rows["score"].median())
    gap = abs(best["score"] - median)
    if gap == 0:
        return f"That is no better than {which}."
    share = f" ({100 * gap / abs(median):.0f} %)" if median else ""
    word = "lower" if search.direction == "min" else "higher"
    return f"That is {number(gap, 3)}{share} {word} than {which}, which reached {scored(median)}."


def told_apart_sentence(search):
    """Whether the best can be told apart from the next ones, as far as the search can show it."""
    rows = search.ranked
    if len(rows) < 2:
        return "With a single score there is nothing to compare it with."
    if search.rounds:
        rows = rows[rows["tuner/epochs"] == rows["tuner/epochs"].iloc[0]]
        if len(rows) < 2:
            return "No other trial was trained for as many epochs, so nothing compares with it."
    following = " and ".join(scored(value) for value in rows["score"].iloc[1:3])
    equally = " of equal length" if search.rounds else ""
    noise = between_trainings(search)
    if noise is None:
        why = "The search has no repeated trainings to measure chance with"
        if (search.executions or 1) > 1:
            why = "The repeated trainings do not suffice to measure chance with"
        return (
            f"The next best{equally} reached {following}. {why}, so it cannot show whether the "
            "best is truly better than those: the same configuration trained again under another "
            "seed gives another score."
        )
    spread, runs = noise
    apart = insight.told_apart(rows, spread, runs=runs, direction=search.direction)
    near = int((~apart["told_apart"]).sum()) - 1
    limit = number(apart.attrs["limit"], 3)
    if near == 0:
        return (
            f"The next best reached {following}, further away than the {limit} that chance alone "
            "explains between two trials of this search (95 % level)."
        )
    return (
        f"{count(near, 'other trial')} cannot be told apart from it: the difference is below the "
        f"{limit} that chance alone explains between two trials of this search (95 % level)."
    )


def between_trainings(search):
    """Noise of a trial's score, from the trials that were trained several times.

    Returns:
        (standard deviation of a trial's mean score, number of trainings for Student's t), or None
        when trials were trained once or for different numbers of epochs. The standard deviation is
        pooled over the trials.
    """
    history = search.history
    if history is None or search.rounds or search.objective not in history:
        return None
    sign = sign_of(search.direction)
    best = (sign * history[search.objective]).groupby([history["trial"], history["execution"]])
    groups = best.min().dropna().groupby(level=0)
    runs = groups.count()
    if runs.empty or runs.min() < 2 or runs.nunique() > 1:
        return None
    freedom = int((runs - 1).sum())
    return float(np.sqrt(groups.var().mean() / runs.iloc[0])), freedom + 1


def section_search(search):
    """What was searched: settings, space, data and versions."""
    parts = [facts_table(_facts(search)), "<h3>The search space</h3>", _space(search)]
    data = _data(search)
    if data:
        parts += ["<h3>Data and versions</h3>", facts_table(data)]
    else:
        parts.append(
            paragraph(
                "Data and package versions are not recorded: plain KerasTuner keeps none, a tuner "
                "made by helpers.search.careful does.",
                "note",
            )
        )
    return "\n".join(parts)


def _facts(search):
    fit, oracle = search.fingerprint.get("fit"), search.oracle
    fit = fit if isinstance(fit, dict) else {}
    trials = count(len(search.table), "trial")
    if search.settings.get("max_trials"):
        trials += f" of at most {search.settings['max_trials']}"
    epochs = fit.get("epochs") or search.settings.get("epochs")
    budget = f"at most {epochs} a training" if epochs else None
    if "hyperband_iterations" in oracle:
        budget = (
            f"at most {oracle.get('max_epochs')} a configuration, given out in rounds in which one "
            f"in {oracle.get('factor')} goes on"
        )
    objective = search.objective or "not recorded"
    parts = re.findall(r'name="([^"]+)", direction="(min|max)"', str(search.fingerprint))
    if search.objective == "multi_objective":
        signs = {"min": "plus", "max": "minus"}
        objective = "the sum of all: " + ", ".join(f"{signs[d]} {n}" for n, d in parts[1:])
    if search.direction:
        objective += f" ({search.score}), {DIRECTIONS[search.direction]}; {search.how}"
    arguments = search.fingerprint.get("arguments")
    arguments = arguments if isinstance(arguments, dict) else {}
    arguments = {name: value for name, value in arguments.items() if name not in SHOWN_ARGUMENTS}
    facts = {
        "Tuner": ", which ".join(filter(None, [search.tuner, TUNERS.get(search.tuner)]))
        or "not recorded",
        "Objective": objective,
        "Trials started": trials,
        "Trainings a trial": search.executions,
        "Epochs": budget or "the limit is not recorded",
        "Batch size": fit.get("batch_size") or search.settings.get("batch_size"),
        "Seed": search.fingerprint.get("seed", search.settings.get("seed", oracle.get("seed"))),
    }
    if "num_initial_points" in oracle:
        first = oracle["num_initial_points"]
        facts["First trials at random"] = first or "KerasTuner's default, 3 a hyperparameter"
        facts["alpha and beta"] = f"{oracle.get('alpha')} and {oracle.get('beta')}"
    listed = ", ".join(f"{name} = {value}" for name, value in arguments.items())
    return facts | {"Other arguments": listed}


def _space(search):
    best = search.ranked.iloc[0] if len(search.ranked) else {}
    space = search.table.attrs["space"]
    rows = []
    for item in search.definitions:
        config = item.get("config", {})
        name = config.get("name", "?")
        column = name if name in search.names else f"hp:{name}"
        value = results.own_type(best.get(column), column, space)
        rows.append([name, values_of(item), sampling_of(item), conditions_of(item), value])
    if not rows:
        return paragraph("The search space cannot be read.", "note")
    headers = ["Hyperparameter", "Values", "Sampling", "Active", "Best trial"]
    rows = [[*row[:4], number(row[4], 6)] for row in rows]
    return rows_table(headers, rows) + paragraph(_size(search), "note")


def values_of(item):
    """The values that a hyperparameter may take, in words."""
    config, kind = item.get("config", {}), item.get("class_name")
    if kind == "Fixed":
        return f"always {config.get('value')}"
    if kind == "Boolean":
        return "True or False"
    if kind == "Choice":
        return ", ".join(number(value, 6) for value in config.get("values", []))
    low, high, step = (config.get(key) for key in ("min_value", "max_value", "step"))
    span = f"{number(low, 6)} to {number(high, 6)}"
    if not step:
        return span
    if config.get("sampling") in ("log", "reverse_log"):
        return f"{span}, each {number(step, 6)} times the one before"
    return span if kind == "Int" and step == 1 else f"{span} in steps of {number(step, 6)}"


def sampling_of(item):
    """How the values of a number are drawn, in words."""
    known = {"linear": "even", "log": "even in the logarithm", "reverse_log": "denser at the top"}
    sampling = item.get("config", {}).get("sampling")
    return known.get(sampling, "–") if item.get("class_name") in ("Int", "Float") else "–"


def conditions_of(item):
    """When a conditional hyperparameter is active, in words."""
    parts = []
    for condition in item.get("config", {}).get("conditions") or []:
        config = condition.get("config", {})
        values = " or ".join(number(value, 6) for value in config.get("values", []))
        parts.append(f"{config.get('name')} is {values}")
    return f"only when {' and '.join(parts)}" if parts else "always"


def _size(search):
    free = [item for item in search.definitions if not item["config"].get("conditions")]
    names = [item["config"].get("name") for item in search.definitions]
    if len(set(names)) < len(names) and any(
        names.count(item["config"].get("name")) > 1 for item in free
    ):
        return "A hyperparameter is defined more than once, so the size of the space is not stated."
    try:
        size = insight.space_size(search.definitions)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return "The size of the space cannot be told from its record."
    if size == math.inf:
        return "The space has endlessly many configurations: a Float has no steps."
    rows = search.table[search.names].astype(str)
    tried = 0 if rows.empty or not search.names else len(rows.drop_duplicates())
    share = f", {number(100 * tried / size, 2)} %" if size else ""
    return f"The space has {count(size, 'configuration')}; {tried:,} were tried{share}."


def _data(search):
    fingerprint, fit = search.fingerprint, search.fingerprint.get("fit")
    facts = {"Data set": search.settings.get("dataset")}
    fit = fit if isinstance(fit, dict) else {}
    names = {"x": "Training inputs", "y": "Training labels", "callbacks": "Callbacks"}
    for key, value in fit.items():
        if key in ("epochs", "batch_size"):
            continue
        if key == "validation_data" and isinstance(value, list):
            for part, one in zip(("inputs", "labels", "weights"), value, strict=False):
                facts[f"Validation {part}"] = described(one)
            continue
        value = "; ".join(map(_callback, value)) if isinstance(value, list) else value
        facts[names.get(key, key)] = described(value)
    digest = search.settings.get("data_digest")
    if digest:
        facts["Digest of the data"] = str(digest)[:16]
    digest = fingerprint.get("model (layers, loss, optimizer)")
    facts["Digest of the model"] = digest
    versions = fingerprint.get("versions")
    if isinstance(versions, dict):
        facts["Versions"] = ", ".join(f"{name} {value}" for name, value in versions.items())
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _callback(value):
    """A callback of fingerprint.json: its name and the settings that are not 0, false or auto."""
    name, _, settings = str(value).partition(" ")
    try:
        settings = json.loads(settings)
    except ValueError:
        return str(value)
    kept = [f"{key} {one}" for key, one in settings.items() if one not in (0, False, "auto", "")]
    return f"{name} ({', '.join(kept)})" if kept else name


def described(value):
    """An array of fingerprint.json in words; anything else as it is."""
    found = re.fullmatch(r"(\S+) \((\d+),? ?(.*?),?\) sha256 (\w+)", str(value))
    if not found:
        return str(value)
    kind, examples, shape, digest = found.groups()
    shape = f" of shape {shape.replace(', ', ' x ')}" if shape else ""
    return f"{count(int(examples), 'example')}{shape} ({kind}, digest {digest})"


def _window(scores, direction):
    """Limits of the score's axis that leave far-off trials out, and how many those are."""
    signed = sign_of(direction) * np.asarray(scores, dtype=float)
    signed = signed[np.isfinite(signed)]
    if not signed.size:
        return None, 0
    low, median, upper = np.quantile(signed, [0, 0.5, 0.75])
    limit = upper + 4 * (upper - low)
    outside = int((signed > limit).sum())
    if not outside or upper == low:
        return None, 0
    ends = (low - 0.05 * (limit - low), limit)
    return (ends if direction == "min" else (-limit, -ends[0])), outside


def _cut(outside):
    return f" {count(outside, 'trial')} far off the others left out of sight." if outside else ""


def section_progress(search):
    """Best so far against the number of trials."""
    if search.ranked.empty:
        return paragraph("No trial has a score, so there is no curve.")
    curve = results.best_so_far(search.table, search.direction)
    best, first = search.ranked.iloc[0], curve["score"].dropna().iloc[0]
    place = int((curve["best"] == curve["best"].iloc[-1]).to_numpy().argmax()) + 1
    title = f"Best {search.score}: {scored(best['score'])}, after {place} of {len(curve)} trials"
    ax = plots.best_so_far(curve, score=search.score, title=plots.plain(title))
    limits, outside = _window(curve["score"], search.direction)
    if limits:
        ax.set_ylim(*limits)
    alt = (
        f"Best {search.score} so far against the number of trials: from {scored(first)} "
        f"to {scored(best['score'])}, reached after {place} of {len(curve)} trials."
    )
    caption = (
        "Dots are the single trials, the line is the best of all trials up to there. A line that "
        "has long been flat says that more trials of the same kind bring little." + _cut(outside)
    )
    if search.rounds:
        caption += (
            " The trials differ in length: part of every step down is a longer training."
            if search.direction == "min"
            else " The trials differ in length: part of every step up is a longer training."
        )
    return picture(ax, alt, caption)


def section_curves(search):
    """Learning curves of the best trials."""
    history, rows = search.history, search.ranked
    if history is None:
        return paragraph(
            "The values of the single epochs are not recorded: plain KerasTuner keeps one number a "
            "trial, a tuner made by helpers.search.careful keeps every epoch."
        )
    metric = search.objective if search.objective in history else "val_loss"
    known = set(history["trial"][history[metric].notna()]) if metric in history else set()
    trials = [trial for trial in rows["trial"].head(SHOWN_TRIALS) if trial in known]
    own = history[history["trial"].isin(trials)]
    if not trials or own["epoch"].max() < 2:
        return paragraph("The trials have no learning curve: each is recorded as one value.")
    start = {row["trial"]: _first_epoch(row) for _, row in rows.iterrows()}
    direction = search.direction if metric == search.objective else "min"
    ax = plots.trial_curves(own, trials, metric=metric, direction=direction, start=start)
    ax.set_ylabel(plots.plain(in_words(metric)))
    limits, _ = _window(own[metric], direction)
    if limits:
        ax.set_ylim(*limits)
    alt = (
        f"{in_words(metric)} against the epoch for the {count(len(trials), 'best trial')}, "
        f"{', '.join(trials)}."
    )
    dashed = metric.startswith("val_") and metric.removeprefix("val_") in history
    caption = "Stars mark the best epochs."
    if dashed:
        caption += (
            " Dashed: the same on the training data. Where the dashed line goes on improving and "
            "the other does not, the model learns its training data by heart."
        )
    if any(start[trial] for trial in trials):
        caption += " A curve that begins later goes on from an earlier trial."
    return picture(ax, alt[0].upper() + alt[1:], caption) + _still_improving(search)


def _still_improving(search):
    best = search.ranked.iloc[0]
    if search.executions != 1 or not best["epochs"] > 1 or best["best_epoch"] < best["epochs"]:
        return ""
    return paragraph(
        f"Trial {best['trial']} was best at the last epoch that it was given: it may improve with "
        "more epochs."
    )


def section_importance(search):
    """Slices, parallel coordinates and importance, of trials of equal length."""
    rows = search.equal
    varying = [name for name in search.names if rows[name].nunique(dropna=True) > 1]
    if len(rows) < SHOWN_TRIALS or not varying:
        return paragraph(
            f"Left out: this needs at least {SHOWN_TRIALS} trials with a score whose "
            f"hyperparameters differ, and there are {len(rows)}."
        )
    parts = []
    if len(rows) < len(search.ranked):
        epochs = count(int(rows["tuner/epochs"].iloc[0]), "epoch")
        parts.append(
            paragraph(
                f"Trials of different length cannot be compared, so this section shows the "
                f"{len(rows)} trials with {epochs} only, the largest group of equal length. "
                "What holds for short trainings need not hold for long ones.",
                "warning",
            )
        )
    # In the order of the trials, as in the notebooks: the folds depend on it.
    chosen = search.table["trial"].isin(rows["trial"])
    found, sentence = _importance(search.table[chosen])
    if found is not None:
        order = found.table["hyperparameter"].tolist()
        varying = sorted(varying, key=lambda n: order.index(n) if n in order else len(order))
    parts += ["<h3>One hyperparameter at a time</h3>", _slices(search, rows, varying)]
    parts += ["<h3>All together</h3>", _parallel(search, rows, varying)]
    parts += ["<h3>Importance</h3>", paragraph(sentence, "" if _trusted(found) else "warning")]
    if found is not None:
        parts.append(_bars(found))
    return "\n".join(parts)


def _trusted(found):
    return found is not None and found.trusted


def _importance(rows):
    if len(rows) < insight.TRUSTED_TRIALS:
        return None, (
            f"Left out: fewer than {insight.TRUSTED_TRIALS} trials say too little about "
            f"importance, and there are {len(rows)}."
        )
    try:
        found = insight.importance(rows)
    except ValueError as error:
        return None, f"Left out. {error}"
    return found, found.sentence


def _slices(search, rows, varying):
    shown = varying[:SHOWN_SLICES]
    title = f"Best of {len(rows)} trials: trial {rows['trial'].iloc[0]}"
    figure = plots.slices(
        rows, direction=search.direction, score=search.score, names=shown, title=title
    )
    limits, outside = _window(rows["score"], search.direction)
    if limits:
        figure.axes[0].set_ylim(*limits)
    listed = ", ".join(shown)
    alt = f"{search.score} of each trial against each hyperparameter: {listed}."
    caption = (
        "Each dot is a trial, the black line a moving median, the star the best trial. Look for a "
        "slope: a cloud without one says that the hyperparameter hardly mattered here."
        + _cut(outside)
    )
    if len(varying) > len(shown):
        caption += f" {len(varying) - len(shown)} more hyperparameters varied and are not drawn."
    return picture(figure, alt[0].upper() + alt[1:], caption)


def _parallel(search, rows, varying):
    shown = varying[:SHOWN_AXES]
    table = rows.drop(columns=[name for name in search.names if name not in shown])
    shown = [name for name in search.names if name in shown]
    longest = max(len(name) for name in [*shown, search.score])
    width = min(14.0, max(9.0, 0.09 * longest * (len(shown) + 1)))
    _, ax = plots.figure(width=width, height=5.0)
    best = min(SHOWN_TRIALS, max(1, len(rows) // 3))
    plots.parallel_coordinates(table, ax, best=best, direction=search.direction, score=search.score)
    if 0.1 * longest * (len(shown) + 1) > width:
        ax.tick_params(axis="x", labelrotation=25)
    alt = (
        f"Each trial as a line across {', '.join(shown)} and the {search.score}; the best {best} "
        "are highlighted."
    )
    caption = (
        f"Each line is a trial, the best {best} in red; the best score is at the top. Where the "
        "red lines run close together, the good trials agree on a value."
    )
    if len(varying) > len(shown):
        caption += f" {len(varying) - len(shown)} more hyperparameters varied and are not drawn."
    return picture(ax, alt, caption)


def _bars(found):
    order = ", ".join(found.table["hyperparameter"])
    alt = f"Importance of each hyperparameter as bars, the most important first: {order}."
    caption = (
        "A bar shows how much worse a model of the scores (a random forest) predicts unseen trials "
        "when the values of this hyperparameter are shuffled among the trials in which it is "
        "active. R2 is how well that model predicts: 1 is perfect, 0 is useless. Without a good "
        "R2 the bars mean nothing."
    )
    rare = found.table[found.table["importance"].isna()]["hyperparameter"]
    if len(rare):
        caption += (
            f" No bar for {', '.join(rare)}: active in fewer than {insight.RARE_TRIALS} trials."
        )
    return picture(plots.importance(found), alt, caption)


def section_beside(search):
    """The search and others in one table."""
    together = {search.name: search, **search.beside}
    table = results.compare(
        {name: one.table for name, one in together.items()}, direction=search.direction
    )
    rows = []
    for row in table.to_dict("records"):
        numbers = [number(row[name]) for name in ("trials", "failed", "epochs", "seconds")]
        tuner = together[row["search"]].tuner or "not recorded"
        rows.append([row["search"], tuner, scored(row["best"]), *numbers])
    headers = ["search", "tuner", f"best {search.score}", "trials", "failed", "epochs", "seconds"]
    warnings_ = [
        "Each search is one run under one seed. That cannot show that one tuner is better than "
        "another: it takes several seeds each, and equal budgets."
    ]
    data = [_trained_on(one) for one in together.values()]
    if None in data:
        warnings_.append("Whether all used the same data is not recorded.")
    elif any(one != data[0] for one in data):
        warnings_.append("The searches did not all use the same data, so scores do not compare.")
    return rows_table(headers, rows, numbers=range(2, 7)) + paragraph(
        " ".join(warnings_), "warning"
    )


def _trained_on(search):
    fit = search.fingerprint.get("fit")
    if not isinstance(fit, dict) or not any("sha256" in str(value) for value in fit.values()):
        return None
    names = ("x", "y", "validation_data", "validation_split")
    return {name: fit[name] for name in names if name in fit}


def section_cost(search):
    """Epochs, seconds and proposal time."""
    costs = search.costs
    labels = {
        "epochs": "Epochs trained",
        "seconds": "Time (seconds)",
        "cpu_seconds": "Processor time, all cores (seconds)",
        "proposal_seconds": "Time to propose a trial (seconds)",
    }
    rows, missing = [], []
    for name, label in labels.items():
        known = costs[name].dropna()
        if known.empty:
            missing.append(label.split(" (")[0].lower())
            continue
        total = number(round(known.sum(), 3), 5)
        rows.append([label, total, number(known.median(), 3), number(known.max(), 3), len(known)])
    parts = []
    spent = costs["seconds"].dropna()
    if len(spent):
        parts.append(
            paragraph(
                f"The trainings took {duration(spent.sum())} in all, added up over the trials; "
                "with several workers side by side less time passed."
            )
        )
    if rows:
        headers = ["", "All trials", "Median trial", "Largest", "Trials known"]
        parts.append(rows_table(headers, rows, numbers=(1, 2, 3, 4)))
    if missing:
        parts.append(paragraph(f"Not recorded: {', '.join(missing)}.", "note"))
    return "\n".join(parts)


def section_limits(search):
    """How far the results can be trusted."""
    points = [
        f"The best {search.score} is optimistic. It was chosen because it is the best of "
        f"{count(len(search.ranked), 'score')}, so part of it is luck; on new data expect somewhat "
        "worse.",
        "The test data were not used by this report, and a search should not use them either. How "
        "good the chosen model is on data that nobody looked at is still open.",
    ]
    if between_trainings(search) is None:
        points.append(
            "The noise between trainings is not known. The same configuration under another seed "
            "gives another score, so neighbours in the ranking are not in a proven order."
        )
    else:
        points.append(
            "The noise between trainings was estimated from the repeated trainings of each trial. "
            "The best was chosen because it looked best, so the test is too ready to call it "
            "better rather than too slow."
        )
    if search.rounds:
        points.append(
            "Hyperband trains most trials for few epochs only. Scores of trials of different "
            "length are not equal: a trial low in the table may only have been stopped early."
        )
    metric = search.objective or ""
    if metric not in ("", "default_objective", "multi_objective", "score") and "val_" not in metric:
        points.append(
            f"The objective {metric} does not begin with val_: if it was measured on the training "
            "data, it says nothing about new data."
        )
    if search.fingerprint == {} and search.settings == {}:
        points.append(
            "Nothing recorded says which data the trials were trained on, or that all were trained "
            "on the same."
        )
    points.append("What the search found holds for this space, these data and this budget only.")
    return "<ul>" + "".join(f"<li>{text(point)}</li>" for point in points) + "</ul>"


def at_the_end(search):
    """Hyperparameters whose best value is the smallest or largest allowed: [(name, end)]."""
    found, best = [], search.ranked.iloc[0]
    for name in search.names:
        config = search.table.attrs["space"].get(name, {}).get("config", {})
        low, high, value = config.get("min_value"), config.get("max_value"), best[name]
        if low is None or high is None or low == high or value is None or value != value:
            continue
        if value in (low, high):
            found.append((name, "lower" if value == low else "upper"))
    return found


def section_next(search):
    """What to do next, and how to make this report again."""
    points = []
    if (search.table["status"] == "RUNNING").any():
        points.append(
            "If the search is no longer running: call search() again with the same arguments, it "
            "goes on with the unfinished trials. Then make the report again."
        )
    if search.ranked.empty:
        points.append(
            "Find out why the trials failed (below), correct it, and search again under a new "
            "project name."
        )
    else:
        best = search.ranked["trial"].iloc[0]
        points += [
            f"Train the configuration of trial {best} again under three to five seeds, and the "
            "model you would use otherwise under the same seeds. Compare the two, seed by seed.",
            "Then score the chosen model once, and only once, on the test data.",
        ]
        ends = [f"{name} (the {end} end)" for name, end in at_the_end(search)]
        if ends:
            points.append(
                f"The best value lies at an end of its range for {', '.join(ends)}: better ones "
                "may lie outside, so consider a wider range."
            )
    listed = "".join(f"<li>{text(point)}</li>" for point in points)
    command = f"python -m helpers.report {shlex.quote(search.name)}"
    recorded = (
        "To repeat the search, its script is needed; seed, data and versions, as far as they are "
        "recorded, stand under What was searched."
    )
    return (
        f"<ul>{listed}</ul>{paragraph(recorded)}<p>This report was made with "
        f"<code>{text(command)}</code>, called in the folder above the project directory.</p>"
    )


def section_trials(search):
    """All trials, best first."""
    table, space = search.table, search.table.attrs["space"]
    ids = search.ranked["trial"].tolist()
    others = table[~table["trial"].isin(ids)]
    extra = {"tuner/epochs": "epochs allowed", "tuner/bracket": "bracket"} if search.rounds else {}
    extra = {name: label for name, label in extra.items() if name in table}
    shown = [*search.names, *extra]
    known = [name for name in ("epochs", "seconds") if table[name].notna().any()]
    epoch = ["best_epoch"] if _epochs_matter(search) else []
    titles = {"best_epoch": "best epoch", "epochs": "epochs trained"} | extra
    headers = ["rank", "trial", search.score, *epoch, *shown, *known]
    numbers = {0, 2} | {
        index
        for index, name in enumerate(headers)
        if name in (*epoch, *known, *extra)
        or space.get(name, {}).get("class_name") in ("Int", "Float")
    }
    rows = []
    ranked = search.ranked.to_dict("records")
    for place, row in enumerate(ranked, start=1):
        row["best_epoch"] += _first_epoch(row)
        rows.append([place, row["trial"], scored(row["score"])])
        rows[-1] += [_shown(row[name], name, space) for name in (*epoch, *shown, *known)]
    for row in others.to_dict("records"):
        rows.append(["–", row["trial"], status_in_words(row)])
        rows[-1] += [_shown(row[name], name, space) for name in (*epoch, *shown, *known)]
        rows.append(reason(row, search))
    caption = "All trials, best first"
    if len(others):
        caption += ", those without a score last, with the reason"
    caption += ". A dash: not active, or not known."
    if search.rounds:
        caption += " Trials with different numbers of epochs allowed are not equal."
    headers = [titles.get(name, name) for name in headers]
    return rows_table(headers, rows, caption=caption, numbers=numbers, best=bool(ids), full=True)


def _shown(value, name, space):
    digits = 4 if name in ("seconds", "epochs") else 6
    return number(results.own_type(value, name, space), digits)


def status_in_words(row):
    """The status of a trial without a score."""
    words = {"RUNNING": "not finished", "UNREADABLE": "damaged", "COMPLETED": "no finite score"}
    return words.get(row["status"], str(row["status"]).lower())


def reason(row, search):
    """Why a trial has no score, in words."""
    if row["message"]:
        return row["message"]
    if row["status"] == "RUNNING":
        return "It was running when the report was made, or was interrupted."
    history = search.history
    if history is not None and search.objective in history:
        own = history[history["trial"] == row["trial"]][search.objective]
        if len(own) and own.isna().any():
            return f"Its {search.score} was not a number (NaN): the training diverged."
    if row["status"] == "COMPLETED":
        return "Its score is infinite or not a number: the training diverged."
    return "No reason is recorded; most often the score was not a number (NaN)."


def section_failures(search):
    """Trials without a score, grouped by reason."""
    others = search.table[~search.table["trial"].isin(search.ranked["trial"])]
    if others.empty:
        return paragraph("None: every trial ended with a score.")
    groups = {}
    for _, row in others.iterrows():
        groups.setdefault((status_in_words(row), reason(row, search)), []).append(row["trial"])
    rows = [[len(ids), state, why, ", ".join(ids)] for (state, why), ids in groups.items()]
    headers = ["trials", "state", "reason", "which"]
    return paragraph(
        f"Without a score: {count(len(others), 'trial')} of {len(search.table)}. If they have "
        "values in common, the search space may hold configurations that cannot work; what the "
        "search says about that part of the space is then open."
    ) + rows_table(headers, rows, numbers=(0,))


def section_words(_search):
    """Five words explained."""
    pairs = "".join(f"<dt>{word}</dt><dd>{text(meaning)}</dd>" for word, meaning in WORDS.items())
    return f"<dl>{pairs}</dl>"


SECTIONS = {
    "search": ("What was searched", section_search),
    "progress": ("How the search went", section_progress),
    "curves": ("The best trials, epoch by epoch", section_curves),
    "importance": ("Which hyperparameters mattered", section_importance),
    "beside": ("Beside other searches", section_beside),
    "cost": ("What it cost", section_cost),
    "limits": ("How far to trust this", section_limits),
    "next": ("What to do next", section_next),
    "trials": ("All trials", section_trials),
    "failures": ("Failed and unfinished trials", section_failures),
    "words": ("Five words", section_words),
}


# ---------------------------------------------------------------- the page


@contextlib.contextmanager
def _quiet():
    """No warnings about letters that the figures' font lacks, and matplotlib's settings kept."""
    import matplotlib

    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def page(source, *, title=None, direction=None, beside=(), today=None):
    """The report as HTML text.

    Args:
        source: a tuner, or the path of a project directory.
        title: title of the report; None takes the project's name.
        direction: "min" or "max", where the search does not record it.
        beside: other searches, tuners or paths, to compare with in one table.
        today: the date on the report, a ``datetime.date``; None is today.

    Raises:
        ReportError: no single project directory, or an unknown or contradicting direction.
    """
    search = read(source, title=title, direction=direction)
    search = read_beside(search, source, beside, direction)
    made = {key: one for key, one in SECTIONS.items() if key != "beside" or search.beside}
    today = today or datetime.date.today()
    with _quiet():
        parts = {key: (name, make(search)) for key, (name, make) in made.items()}
        answer = section_answer(search)
    links = "".join(f'<li><a href="#{key}">{name}</a></li>' for key, (name, _) in parts.items())
    body = "\n".join(
        f'<section id="{key}">\n<h2>{name}</h2>\n{content}\n</section>'
        for key, (name, content) in parts.items()
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{text(search.title)}</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<header>
<h1>{text(search.title)}</h1>
<p class="note">Hyperparameter search {text(search.name)}, report of {today.day} {today:%B %Y}</p>
{answer}
<nav aria-label="Contents"><ul>{links}</ul></nav>
</header>
<main>
{body}
</main>
<footer><p>Made by helpers.report of the course Hyperparameter tuning with KerasTuner.</p></footer>
</body>
</html>
"""


def _target(path, endings, what, overwrite):
    path = pathlib.Path(path)
    if path.suffix.lower() not in endings:
        raise ReportError(f"{path} does not end in {endings[0]}, as {what} should: name it so.")
    if path.is_dir():
        raise ReportError(f"{path} is a folder: give the name of a file.")
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} exists and is not overwritten: choose another name, or allow it "
            "(--overwrite; in Python overwrite=True)."
        )
    return path


def write(source, path=None, *, csv=None, title=None, direction=None, beside=(), overwrite=False):
    """Write the report of a search, one HTML file that needs nothing beside it.

    Args:
        source: a tuner, or the path of a project directory.
        path: where to, ending in .html; None is beside the project directory, as
            PROJECT-report.html (not in it: KerasTuner's overwrite deletes what is there).
        csv: where to write the trials as CSV too, or None.
        title: title of the report; None takes the project's name.
        direction: "min" or "max", where the search does not record it.
        beside: other searches, tuners or paths, to compare with in one table.
        overwrite: True replaces files that are there.

    Returns:
        The path of the report, a ``pathlib.Path``.

    Raises:
        ReportError: a mistake in what was asked for; nothing has been written.
        FileExistsError: a file exists and overwrite is False; nothing has been written.
    """
    folder = project_path(source)
    wanted = path or folder.with_name(f"{folder.name}-report.html")
    target = _target(wanted, (".html", ".htm"), "an HTML file", overwrite)
    table = None if csv is None else _target(csv, (".csv",), "a CSV file", overwrite)
    content = page(folder, title=title, direction=direction, beside=beside)
    target.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(target, content, mode=0o644)
    if table is not None:
        results.to_csv(folder, table, overwrite=overwrite)
    return target


def parser():
    """The command line's parser."""
    command = argparse.ArgumentParser(
        prog="python -m helpers.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add("directory", metavar="DIR", help="the project directory, directory/project_name")
    add("-o", "--output", metavar="FILE", help="the report; default PROJECT-report.html beside DIR")
    add("--csv", metavar="FILE", help="write all trials as a table for a spreadsheet too")
    add("--title", help="title of the report; default names the project")
    add(
        "--direction",
        choices=["min", "max"],
        help="whether a lower or a higher score is better, where the search does not record it",
    )
    add(
        "--beside",
        nargs="+",
        default=[],
        metavar="DIR",
        help="other searches, in one table with it",
    )
    add("--overwrite", action="store_true", help="replace files that are there")
    return command


def main(arguments=None):
    """Run the command; returns the exit code: 0, or 2 when something is wrong with the call."""
    options = parser().parse_args(arguments)
    try:
        made = write(
            options.directory,
            options.output,
            csv=options.csv,
            title=options.title,
            direction=options.direction,
            beside=options.beside,
            overwrite=options.overwrite,
        )
    except (ReportError, FileExistsError) as error:
        print(f"helpers.report: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"helpers.report: {error.strerror or error}: {error.filename}", file=sys.stderr)
        return 2
    print(f"Wrote {made}" + (f" and {options.csv}" if options.csv else "") + ".")
    return 0


if __name__ == "__main__":
    sys.exit(main())
