"""JupyterLab in a headless Chromium, for tests: a server of its own, and notebooks in its pages."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys

import nbformat

SETTINGS = {  # every cell in the page, not only those that are seen; no question about news
    "@jupyterlab/notebook-extension": {"tracker": {"windowingMode": "none"}},
    "@jupyterlab/apputils-extension": {
        "notification": {"fetchNews": "false", "checkForUpdates": False}
    },
}
OPEN = """async (path) => {
  window.notebook = await jupyterapp.commands.execute("docmanager:open", { path });
  return notebook.id;
}"""


@contextlib.contextmanager
def lab(folder, home, **environment):
    """Serve a folder with JupyterLab, whose own files go to `home`; yields the Server."""
    for package, plugins in SETTINGS.items():
        for plugin, values in plugins.items():
            path = home / "lab" / "user-settings" / package / f"{plugin}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values), encoding="utf-8")
    names = ("CONFIG", "DATA", "RUNTIME")
    given = os.environ | {f"JUPYTER_{name}_DIR": str(home) for name in names} | environment
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser"]
    command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={folder}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    log = home / "server.log"
    with open(log, "w", encoding="utf-8") as file:
        pipes = {"stdout": file, "stderr": subprocess.STDOUT}
        server = subprocess.Popen(command, cwd=folder, env=given, start_new_session=True, **pipes)
    try:
        yield Server(_address(server, log))
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _address(server, log):
    """Where the server says that it listens."""
    while server.poll() is None:
        if said := re.search(r"http://127\S+?/lab\?token=\w+", log.read_text(encoding="utf-8")):
            return said.group()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(0.2)
    raise RuntimeError(log.read_text(encoding="utf-8"))


class Server:
    """A running server."""

    def __init__(self, address):
        self.base, _, self.token = address.partition("/lab?token=")

    def page(self, path):
        """The address of a page, such as "lab" or "rise/notebooks/NAME.ipynb"."""
        return f"{self.base}/{path}?token={self.token}"


class Notebook:
    """A notebook that is open in a page of JupyterLab and has an idle kernel."""

    def __init__(self, window, path):
        self.window = window
        self.panel = f"#{window.evaluate(OPEN, path)}"
        # What is run before the kernel is connected and idle is lost.
        window.wait_for_function("notebook.sessionContext.session?.kernel?.status === 'idle'")

    def close(self):
        """End the kernel."""
        self.window.evaluate("notebook.sessionContext.shutdown()")

    def cells(self):
        """The cells as they are now."""
        return nbformat.from_dict(self.window.evaluate("notebook.content.model.toJSON()")).cells

    def run_all(self):
        """Run every cell; False when one failed."""
        return self.window.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")

    def find(self, selector):
        """Parts of this notebook on the page."""
        return self.window.locator(f"{self.panel} {selector}")

    def place(self, cell_id):
        """A cell on the page."""
        number = [cell.id for cell in self.cells()].index(cell_id)
        return self.find(".jp-Notebook .jp-Cell").nth(number)

    def run(self, cell_id, text=None):
        """Click into a cell, type a text instead of its own if one is given, press Shift+Enter."""
        self.place(cell_id).locator(".cm-content").click()
        if text is not None:
            self.window.keyboard.press("Control+A")
            self.window.keyboard.type(text)
        self.window.keyboard.press("Shift+Enter")

    def output(self, cell_id):
        """Where the outputs of a cell stand."""
        return self.place(cell_id).locator(".jp-OutputArea")
