"""JupyterLab in a headless Chromium, for tests: a server of its own, and notebooks in its pages."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).parents[1]
SETTINGS = {  # whole notebooks in the page; no question whether to fetch news
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}


@contextlib.contextmanager
def lab(folder, home, **environment):
    """Serve a folder as `make lab` does, with settings of its own in `home`; yields the address."""
    for plugin, values in SETTINGS.items():
        package, name = plugin.split(":")
        path = home / "lab" / "user-settings" / package / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    names = ("CONFIG", "DATA", "RUNTIME")
    given = os.environ | {f"JUPYTER_{name}_DIR": str(home) for name in names} | environment
    given["PATH"] = os.pathsep.join([str(pathlib.Path(sys.executable).parent), given["PATH"]])
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser"]
    command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={folder}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    server = subprocess.Popen(command, cwd=folder, env=given, start_new_session=True, **pipes)
    try:
        said = (re.search(r"http://127\S+?/lab\?token=\w+", line) for line in server.stdout)
        yield Server(next(filter(None, said)).group())
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


class Server:
    """The address of a running server."""

    def __init__(self, address):
        self.base, _, self.token = address.partition("/lab?token=")
        self.http = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def page(self, kind, path):
        """The address of a notebook in Lab (kind "lab/tree") or as slides ("rise")."""
        return f"{self.base}/{kind}/{path}?token={self.token}"

    def kernels(self):
        """The running kernels, as the server describes them."""
        with self.http.open(f"{self.base}/api/kernels?token={self.token}", timeout=60) as answer:
            return json.load(answer)

    def wait_for_kernel(self, seconds=120):
        """Wait until a page is connected to an idle kernel: what is run before that is lost."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if any(one["connections"] and one["execution_state"] == "idle" for one in self.kernels()):
                return
            time.sleep(0.2)
        raise TimeoutError("no kernel became idle")

    def end_kernels(self):
        for one in self.kernels():
            address = f"{self.base}/api/kernels/{one['id']}?token={self.token}"
            request = urllib.request.Request(address, method="DELETE")
            self.http.open(request, timeout=60).close()
