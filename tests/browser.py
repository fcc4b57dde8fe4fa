"""JupyterLab in a headless Chromium, for tests: a server of its own, and notebooks in its pages."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import nbformat

SETTINGS = {  # every cell in the page, not only those that are seen; no question about news
    "@jupyterlab/notebook-extension": {"tracker": {"windowingMode": "none"}},
    "@jupyterlab/apputils-extension": {
        "notification": {"fetchNews": "false", "checkForUpdates": False}
    },
}
PANEL = "window.jupyterapp?.shell.currentWidget"


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
        self.http = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def page(self, kind, path):
        """The address of a notebook in Lab ("lab/tree") or as slides ("rise")."""
        return f"{self.base}/{kind}/{path}?token={self.token}"

    def _api(self, path, method):
        address = f"{self.base}/api/{path}?token={self.token}"
        return self.http.open(urllib.request.Request(address, method=method), timeout=120)

    def end_kernels(self):
        """End every notebook's kernel."""
        with self._api("sessions", "GET") as answer:
            for one in json.load(answer):
                self._api(f"sessions/{one['id']}", "DELETE").close()


class Notebook:
    """A notebook that is open in a page of JupyterLab and has an idle kernel."""

    def __init__(self, window, server, path):
        self.window = window
        window.goto(server.page("lab/tree", path))
        # What is run before the kernel is connected and idle is lost.
        window.wait_for_function(f"{PANEL}?.sessionContext?.session?.kernel?.status === 'idle'")

    def cells(self):
        """The cells as they are now."""
        return nbformat.from_dict(self.window.evaluate(f"{PANEL}.content.model.toJSON()")).cells

    def run_all(self):
        """Run every cell; False when one failed."""
        return self.window.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")

    def place(self, cell_id):
        """The cell on the page."""
        number = [cell.id for cell in self.cells()].index(cell_id)
        return self.window.locator(".jp-Notebook .jp-Cell").nth(number)

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
