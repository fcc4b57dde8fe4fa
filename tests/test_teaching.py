"""TEACHING.md adds up, the handout's code runs, the pictures are those that the code draws."""

import ast
import base64
import html
import io
import json
import pathlib
import re
import shutil
import subprocess

import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import exercises, rerun
from tools import diagrams, execute, teaching, verdicts

TEXT = teaching.TEACHING.read_text(encoding="utf-8")
HANDOUT = pathlib.Path(__file__).parents[1] / "docs" / "handout.html"
LESSONS = {name[:2]: path for name, path in rerun.available().items() if name[:2].isdigit()}
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


def lesson(number):
    return nbformat.read(LESSONS[number], as_version=4)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=float)


# Pictures


@pytest.mark.parametrize("name", diagrams.PICTURES)
def test_a_picture_is_drawn_with_the_bytes_that_docs_has(name):
    drawn = diagrams.draw(name, "svg")
    assert drawn == diagrams.draw(name, "svg")
    assert drawn == (diagrams.FIGURES / f"{name}.svg").read_bytes()
    assert b"<text" not in drawn  # which another machine would set in another font


@pytest.mark.parametrize("name", diagrams.PICTURES)
def test_a_notebook_shows_its_picture(name):
    picture = diagrams.PICTURES[name]
    (cell,) = [cell for cell in lesson(picture.notebook[:2]).cells if cell.id == picture.cell]
    stored = pixels(base64.b64decode(cell.attachments[f"{name}.png"]["image/png"]))
    drawn = pixels(diagrams.draw(name, "png"))
    assert stored.shape == drawn.shape
    assert abs(stored - drawn).mean() < 1  # of 255: another rasterizer may smooth otherwise


@pytest.mark.parametrize("name", diagrams.PICTURES)
def test_a_picture_goes_to_its_place_once_and_stays(name):
    from nbconvert import HTMLExporter

    picture = diagrams.PICTURES[name]
    notebook = lesson(picture.notebook[:2])
    others = [cell for cell in notebook.cells if cell.id != picture.cell]
    notebook.cells = list(others)
    diagrams.attach(notebook, name)
    once = nbformat.writes(notebook)
    diagrams.attach(notebook, name)
    assert nbformat.writes(execute.clean(notebook)) == once
    assert [cell for cell in notebook.cells if cell.id != picture.cell] == others
    ids = [cell.id for cell in notebook.cells]
    assert ids[ids.index(picture.after) + 1] == picture.cell
    nbformat.validate(notebook)
    notebook.cells = [notebook.cells[ids.index(picture.cell)]]
    page, _ = HTMLExporter().from_notebook_node(notebook)
    (tag,) = re.findall(r"<img[^>]*data:image/png[^>]*>", page)
    assert html.unescape(re.search(r'alt="([^"]*)"', tag)[1]) == picture.alt


# Minutes


def tables(text):
    """(heading above, rows as lists of cells) of each table in Markdown."""
    found, heading, rows = [], "", []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.split("|")[1:-1]])
        elif rows:
            found.append((heading, rows[2:]))
            rows = []
        if line.startswith("#"):
            heading = line
    return found


SCHEDULES = [(h, rows) for h, rows in tables(TEXT) if re.search(r"\(\d+ minutes\)", h)]


@pytest.mark.parametrize("heading, rows", SCHEDULES, ids=[h.strip("# ") for h, _ in SCHEDULES])
def test_a_schedule_adds_up_and_names_sections_that_exist(heading, rows):
    assert sum(int(row[0]) for row in rows) == int(re.search(r"\((\d+) minutes\)", heading)[1])
    for row in rows:
        for entry in row[1].split("; "):
            number, _, section = entry.partition(" · ")
            if entry != "break" and entry != "lunch":
                assert section in teaching.sections(lesson(number)), entry


def section_of(exercise):
    """The section in which an exercise stands, as schedules name it."""
    heading = ""
    for cell in lesson(exercise[:2]).cells:
        if cell.cell_type == "markdown":
            heading = [heading, *re.findall(r"^## (.*?) *$", cell.source, flags=re.MULTILINE)][-1]
        elif f'check("{exercise}"' in cell.source:
            return f"{exercise[:2]} · {heading}"


@pytest.mark.parametrize("heading, rows", SCHEDULES, ids=[h.strip("# ") for h, _ in SCHEDULES])
def test_exercises_of_a_schedule_stand_in_the_sections_of_their_row(heading, rows):
    for _, sections, how in rows:
        in_the_room, _, at_home = how.partition("home: ")
        for name in re.findall("`(.*?)`", in_the_room):
            assert section_of(name) in sections.split("; "), name
        assert {*re.findall("`(.*?)`", at_home)} <= exercises.known().keys()


def test_there_are_schedules_for_all_occasions():
    minutes = [int(re.search(r"\((\d+) minutes\)", heading)[1]) for heading, _ in SCHEDULES]
    assert minutes == [90, 210, 390, *[120] * 5]


@pytest.mark.parametrize("number", LESSONS)
def test_the_minutes_of_the_sections_are_those_that_the_notebook_states(number):
    notebook, kept = lesson(number), teaching.rows(TEXT)
    own = {section: cells for (nb, section), cells in kept.items() if nb == number}
    found = teaching.sections(notebook)
    assert list(own) == list(found)
    read, exercised = teaching.stated(notebook)
    assert sum(int(cells[0]) for cells in own.values()) == read
    for column, of_all in (
        (1, [one[1] for one in found.values()]),
        (2, [one[2] for one in found.values()]),
    ):
        assert [int(cells[column] or 0) for cells in own.values()] == of_all
    assert sum(int(cells[1] or 0) for cells in own.values()) == exercised
    assert any("**Stop" in cells[-1] for cells in own.values())


def test_minutes_are_shared_out_whole():
    assert teaching.shared_out(10, [1, 1, 1]) == [4, 3, 3]
    assert teaching.shared_out(7, [0, 100, 1]) == [0, 7, 0]


def test_notes_stay_and_those_of_a_section_that_has_gone_are_named(tmp_path):
    copy = tmp_path / "TEACHING.md"
    copy.write_text(TEXT, encoding="utf-8")
    assert teaching.write(copy) == {}
    assert teaching.rows(copy.read_text(encoding="utf-8")).keys() == teaching.rows(TEXT).keys()
    notes = [cells[-1] for cells in teaching.rows(copy.read_text(encoding="utf-8")).values()]
    assert notes == [cells[-1] for cells in teaching.rows(TEXT).values()]
    copy.write_text(TEXT.replace("| Run it |", "| Ran it |"), encoding="utf-8")
    assert list(teaching.write(copy)) == [("03", "Ran it")]
    assert "| Ran it |" not in copy.read_text(encoding="utf-8")


def test_every_exercise_has_its_wrong_answers():
    (rows,) = [rows for heading, rows in tables(TEXT) if heading == "### Exercises"]
    questions = json.loads(exercises.QUESTIONS.read_text(encoding="utf-8"))
    assert {row[0] for row in rows} == exercises.known().keys() - questions.keys()
    assert all(row[1] and row[2] for row in rows)


def test_links_lead_somewhere():
    headings = re.findall(r"^#+ (.*)$", TEXT, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        file, _, anchor = target.partition("#")
        assert (teaching.TEACHING.parent / file).exists() if file else anchor in anchors, target


# Handout


@pytest.mark.slow
def test_the_code_of_the_handout_runs(tmp_path, monkeypatch, eager):
    monkeypatch.chdir(tmp_path)
    page = HANDOUT.read_text(encoding="utf-8")
    blocks = map(html.unescape, re.findall(r"<pre><code>(.*?)</code></pre>", page, flags=re.DOTALL))
    code, count = re.subn(r"(TRIALS, EPOCHS = \d+), \d+, \d+", r"\1, 2, 1", "\n".join(blocks))
    assert count == 1
    rng = np.random.default_rng(1)
    names = {f"x_{part}": rng.integers(0, 256, (6, 8, 8, 1)) for part in ("train", "val", "test")}
    names |= {f"y_{part}": np.eye(3)[[0, 1, 2] * 2] for part in ("train", "val", "test")}
    exec(code, names)
    assert set(names["table"]["status"]) == {"COMPLETED"} and len(names["table"]) == 2
    assert len(names["models"]) == 3 and (tmp_path / "tuned.keras").exists()
    first = names["tuner"]  # the same again goes on, and has nothing left to do
    again = names["SeededRandomSearch"](
        names["build"], objective=first.oracle.objective, max_trials=2, seed=1000,
        directory="log", project_name="first_1000",
    )  # fmt: skip
    assert again.remaining_trials == 0


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium, which prints the page, is not installed")
def test_the_handout_is_one_page(tmp_path):
    pdf = tmp_path / "handout.pdf"
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    options += ["--disable-background-networking", "--no-first-run", "--no-pdf-header-footer"]
    command = [CHROMIUM, *options, f"--print-to-pdf={pdf}", HANDOUT.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert re.findall(rb"/Type /Pages\b.*?/Count (\d+)", pdf.read_bytes(), re.DOTALL) == [b"1"]


def test_the_handout_needs_nothing_but_itself():
    page = HANDOUT.read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=|<link|@import|url\(", page)


# Verdicts


def test_the_table_says_what_the_csv_says(tmp_path):
    table = verdicts.read()
    assert verdicts.written(table) in TEXT
    assert set(table["seed"]) <= set(verdicts.SEEDS)
    assert (table.groupby("seed").size() == 4).all()
    copy = tmp_path / "TEACHING.md"
    copy.write_text(TEXT.replace(verdicts.written(table), "old"), encoding="utf-8")
    verdicts.write(copy)
    assert copy.read_text(encoding="utf-8") == TEXT


def test_a_verdict_follows_from_the_interval():
    assert [verdicts.verdict(*ends) for ends in ((0.1, 0.2), (-0.2, -0.1), (-0.1, 0.2))] == [
        "better",
        "worse",
        "open",
    ]


def test_seeds_that_are_there_are_not_run_again(tmp_path, monkeypatch):
    ran = []

    def found(seed, **values):
        ran.append(seed)
        numbers = {name: 0.5 for name in ("difference", "low", "high", "low_both", "high_both")}
        return [{"seed": seed, "step": step} | numbers for step in ("dropout", "search")]

    monkeypatch.setattr(verdicts, "found", found)
    path = tmp_path / "verdicts.csv"
    verdicts.run([2000], path)
    verdicts.run([1000, 2000, 3000], path)
    assert ran == [2000, 1000, 3000]
    assert pd.read_csv(path)["seed"].tolist() == [1000, 1000, 2000, 2000, 3000, 3000]


def test_notebook_05_computes_what_the_verdicts_ask_for():
    cells = lesson("05").cells
    end = [cell.id for cell in cells].index(verdicts.LAST)
    code = "\n".join(cell.source for cell in cells[: end + 1] if cell.cell_type == "code")
    made = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Store)}  # fmt: skip
    imported = re.findall(r"^import (\w+)$", code, flags=re.MULTILINE)
    asked = {node.id for node in ast.walk(ast.parse(verdicts.ASK)) if isinstance(node, ast.Name)
             and isinstance(node.ctx, ast.Load)}  # fmt: skip
    inner = {"print", "step", "gain"}
    assert asked - inner <= made | {*imported}
