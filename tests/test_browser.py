"""The course in a real browser: JupyterLab 4 and both kinds of slides, in headless Chromium."""

import re
import shutil

import browser
import nbformat
import pytest
from playwright.sync_api import expect, sync_playwright

from helpers import rerun
from tools import execute, slides

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not any(map(shutil.which, slides.CHROMIUM)), reason="no Chromium: apt-get install chromium"
    ),
]
NOTEBOOKS = rerun.available()
LESSONS = [name for name in NOTEBOOKS if name[0].isdigit()]
PATIENCE = 300_000  # milliseconds for anything that a page waits for
IMAGES = 200  # instead of the least value 0, which means all
TRIALS = re.compile(r"(\d+) of (\d+) trials")
# Of the slide that is shown: how far it, or a cell on it, is higher or wider than its place.
OVERFLOW = """() => {
  const slide = [...document.querySelectorAll("section section")].find((one) => one.offsetParent);
  slide.querySelectorAll("details").forEach((one) => (one.open = true));
  const parts = [slide, ...slide.querySelectorAll(".jp-Cell")];
  return Math.max(...parts.map((one) =>
    Math.max(one.scrollHeight - one.clientHeight, one.scrollWidth - one.clientWidth)));
}"""
PRESENT = "section > section.present"


def least(source, allowed):
    """The parameters cell with the least value that the check allows for every whole number."""
    for name, low in re.findall(r"(\w+)=\((\d+), ", allowed):
        low = IMAGES if name == "images" else 1 if name == "seed" else low
        if name != "batch_size":
            source = re.sub(rf"^{name}: int = \d+", f"{name}: int = {low}", source, flags=re.M)
    return source


def lowered(name):
    """A notebook with least values and no outputs."""
    notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code[0].source = least(code[0].source, code[1].source)
    for cell in code:
        cell.outputs, cell.execution_count = [], None
    return notebook


def texts(cells):
    """The outputs of cells as text."""
    for output in (one for cell in cells for one in cell.get("outputs", [])):
        yield "".join(output.get("text", "")) + str(output.get("data", ""))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A folder with a lowered copy of every notebook."""
    folder = tmp_path_factory.mktemp("course") / "notebooks"
    folder.mkdir()
    shutil.copy(slides.STYLE, folder)
    for name in NOTEBOOKS:
        nbformat.write(lowered(name), folder / f"{name}.ipynb")
    return folder


@pytest.fixture(scope="module")
def server(course, tmp_path_factory):
    """A JupyterLab on that folder, with a place of its own for results."""
    own = {"COURSE_OUTPUT": str(course.parent), "COURSE_PROGRESS": str(course / "progress.txt")}
    with browser.lab(course.parent, tmp_path_factory.mktemp("home"), **own) as running:
        yield running


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        running = slides.browser(playwright)
        yield running
        running.close()


def watched(chromium, server):
    """A page and the addresses outside of the machine that it asks for."""
    window, outside = chromium.new_page(viewport=slides.SCREEN), []
    window.set_default_timeout(PATIENCE)
    # JupyterLab puts an attachment's own name into the page before it fills in the picture.
    local = (server.base, "data:", "blob:", "file:", "attachment:")
    window.on("request", lambda one: one.url.startswith(local) or outside.append(one.url))
    return window, outside


@pytest.fixture(scope="module")
def tab(chromium, server):
    """JupyterLab in a page, opened once."""
    window, outside = watched(chromium, server)
    window.goto(server.page("lab"))
    window.wait_for_function("window.jupyterapp?.restored.then(() => true)")
    return window, outside


@pytest.fixture
def opened(tab):
    """Opens a notebook in JupyterLab; fails if the page asked for anything outside."""
    notebooks, (window, outside) = [], tab

    def opened(path):
        notebooks.append(browser.Notebook(window, path))
        return notebooks[-1]

    yield opened
    for notebook in notebooks:
        notebook.close()
    assert not outside


@pytest.fixture
def window(chromium, server):
    """An empty page; fails if it asked for anything outside."""
    window, outside = watched(chromium, server)
    yield window
    window.close()
    assert not outside


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebook_runs_in_jupyterlab_with_figures_and_progress(name, opened):
    notebook = opened(f"notebooks/{name}.ipynb")
    assert notebook.run_all()
    cells, stored = notebook.cells(), nbformat.read(NOTEBOOKS[name], as_version=4).cells
    outputs = [one for cell in cells for one in cell.get("outputs", [])]
    assert not [one for one in outputs if "error" in (one.output_type, one.get("name", "")[3:])]
    assert not [one for one in outputs if one.get("name") == "stderr"]
    seen = notebook.find(".jp-OutputArea img").evaluate_all(
        "all => all.map((one) => one.alt.length > 9 && one.naturalWidth > 99)"
    )
    assert len(seen) == sum(text.count("<img ") for text in texts(stored)) and all(seen)
    searches = any(map(TRIALS.search, texts(stored)))
    assert any(map(TRIALS.search, texts(cells))) is searches


def test_an_exercise_is_answered_by_typing_wrong_first_then_right(course, opened):
    start = '\nchecks.check("01-luck", luck_alone)'
    cells = nbformat.read(NOTEBOOKS["01_baseline_cnn"], as_version=4).cells
    task = next(cell for cell in cells if start in cell.source)
    task.outputs, task.execution_count = [], None
    imports = nbformat.v4.new_code_cell("from helpers import checks", id="imports")
    # Without the name of a kernel JupyterLab asks which one to take.
    made = nbformat.v4.new_notebook(cells=[imports, task], metadata=execute.METADATA)
    nbformat.write(made, course / "exercise.ipynb")
    notebook = opened("notebooks/exercise.ipynb")
    notebook.run("imports")
    notebook.run(task.id)
    expect(notebook.output(task.id)).to_contain_text("not answered yet", timeout=PATIENCE)
    for limit, said in (("sd", "not right yet"), ("1.96 * 2**0.5 * sd", "right: ")):
        notebook.run(task.id, f"def luck_alone(a, b, sd): return abs(a - b) <= {limit}\n{start}")
        expect(notebook.output(task.id)).to_contain_text(f"01-luck: {said}", timeout=PATIENCE)


def test_a_search_is_stopped_by_the_button_and_goes_on_when_run_again(course, opened):
    made = nbformat.read(NOTEBOOKS["03_random_search"], as_version=4)
    needed = ["parameters", "param-check", "data-load", "objective", "careful-tuner", "callbacks"]
    made.cells = [cell for cell in made.cells if cell.id in [*needed, "search"]]
    for cell in made.cells:
        cell.outputs = []
    source = re.sub(r"(max_trials: int =) \d+", r"\1 5", made.cells[0].source)
    made.cells[0].source = source.replace('directory: str = "log"', 'directory: str = "stopped"')
    nbformat.write(made, course / "stop.ipynb")
    notebook = opened("notebooks/stop.ipynb")
    for cell in (*needed, "search"):
        notebook.run(cell)
    output = notebook.output("search")
    expect(output).to_contain_text("2 of 5 trials", timeout=PATIENCE)
    notebook.find('[data-command="notebook:interrupt-kernel"]').click()
    expect(output).to_contain_text("KeyboardInterrupt", timeout=PATIENCE)
    ended = TRIALS.search(output.inner_text())
    (first,) = (course.parent / "stopped").rglob("trial_0/trial.json")
    written = first.stat().st_mtime_ns
    assert int(ended[1]) < 5
    notebook.window.wait_for_timeout(1000)  # a kernel aborts what comes while it handles an error
    notebook.run("search")
    expect(output).to_contain_text("5 of 5 trials", timeout=PATIENCE)
    expect(output).not_to_contain_text("KeyboardInterrupt")
    assert first.stat().st_mtime_ns == written
    assert len(list(first.parents[1].glob("trial_*/trial.json"))) == 5


def test_live_slides_fit_the_screen_and_their_cells_run(course, server, window):
    path = course / "slides.ipynb"
    shutil.copy(NOTEBOOKS["02_hypermodel"], path)
    number = slides.pack(path, window, splits=True)
    made = nbformat.read(path, as_version=4)
    code = [cell for cell in made.cells if cell.cell_type == "code"][:3]
    for cell in code:
        cell.outputs, cell.execution_count = [], None
    nbformat.write(made, path)
    window.goto(server.page("rise/notebooks/slides.ipynb"))
    window.wait_for_selector(PRESENT)
    window.wait_for_selector("#rise-custom-css", state="attached")
    window.wait_for_timeout(1000)
    overflow = {}
    for _ in range(number):
        slide = "#" + window.locator(PRESENT).get_attribute("id")
        overflow[slide] = window.evaluate(OVERFLOW)
        if window.locator(f"{slide} >> text=checks.parameters").count():
            for run in (1, 2, 3):
                cell = window.locator(f"{slide} .jp-CodeCell").nth(run - 1)
                cell.locator(".cm-content").click()
                window.keyboard.press("Escape")  # RISE runs cells in command mode only
                window.keyboard.press("Shift+Enter")
                prompt = cell.locator(".jp-InputPrompt")
                expect(prompt).to_contain_text(f"[{run}]", timeout=PATIENCE)
            # The run of the last cell has gone on to the next slide.
            expect(window.locator(slide)).to_contain_text("image shape (28, 28, 1)")
            window.keyboard.press("Shift+Space")
            expect(window.locator(slide)).to_be_visible()
            assert window.evaluate(OVERFLOW) <= 0
        window.keyboard.press("Space")
        window.wait_for_timeout(300)
    assert len(overflow) == number > 10
    assert not {slide: pixels for slide, pixels in overflow.items() if pixels > 0}


def test_the_pages_are_walked_through_and_no_slide_overflows(tmp_path, window):
    assert slides.main(["write", "--output", str(tmp_path)]) == 0
    overflow = {}
    for name in LESSONS:
        window.goto((tmp_path / f"{name}.html").as_uri())
        shown = window.locator("nav output")
        number = int(shown.inner_text().split(" / ")[1])
        assert number > 10, "not packed yet: python -m tools.slides pack --split"
        for place in range(1, number + 1):
            assert shown.inner_text() == f"{place} / {number}"
            overflow[name, place] = window.evaluate(OVERFLOW)
            window.keyboard.press("ArrowRight")
    for width, height in ((1920, 1080), (1024, 768)):
        window.set_viewport_size({"width": width, "height": height})
        for place in range(number):
            window.evaluate(f"show({place})")
            overflow[width, place] = window.evaluate(OVERFLOW)
    assert not {slide: pixels for slide, pixels in overflow.items() if pixels > 0}


def test_packing_again_changes_nothing(tmp_path, window):
    path = tmp_path / "02.ipynb"
    shutil.copy(NOTEBOOKS["02_hypermodel"], path)
    number = slides.pack(path, window, splits=True)
    before = path.read_bytes()
    assert slides.pack(path, window, splits=True) == number and path.read_bytes() == before
