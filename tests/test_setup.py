"""The set-up of the course: the lock, what is declared, the Makefile and environment.yml."""

import ast
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement

import helpers

ROOT = pathlib.Path(__file__).parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
DECLARED = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
ENTRIES = re.sub(r"\s*#.*", "", LOCK).replace("\\\n", " ").split("\n")
LOCKED = [Requirement(one.partition("--hash=")[0].strip()) for one in ENTRIES if one.strip()]
SYSTEMS = [  # sys_platform, platform_machine, platform_system, os_name
    ("linux", "x86_64", "Linux", "posix"),
    ("linux", "aarch64", "Linux", "posix"),
    ("darwin", "arm64", "Darwin", "posix"),
    ("win32", "AMD64", "Windows", "nt"),
]
MARKERS = ("sys_platform", "platform_machine", "platform_system", "os_name")


def test_the_lock_has_hashes_for_all_and_names_no_source():
    assert len(LOCKED) > 100
    assert all("--hash=sha256:" in entry for entry in ENTRIES if entry.strip())
    assert "://" not in LOCK  # no index, no address, no file


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: "-".join(system[:2]))
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_every_machine_gets_one_version_of_all_that_pyproject_declares(python, system):
    here = dict(zip(MARKERS, system, strict=True))
    here |= {"python_version": python, "python_full_version": f"{python}.9"}
    here |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}

    def chosen(requirements):
        return [one for one in requirements if not one.marker or one.marker.evaluate(here)]

    versions = {one.name: str(one.specifier)[2:] for one in chosen(LOCKED)}
    assert len(versions) == len(chosen(LOCKED))
    built_with = SETTINGS["build-system"]["requires"]  # `make lab` builds without asking again
    for requirement in chosen(map(Requirement, DECLARED + built_with)):
        assert requirement.specifier.contains(versions[requirement.name]), "run `make lock`"
    has_cpu_build = system[:2] in {("linux", "x86_64"), ("win32", "AMD64")}
    assert ("tensorflow-cpu" in versions) is has_cpu_build
    assert ("tensorflow" in versions) is not has_cpu_build


def test_every_package_that_is_imported_is_declared():
    names = {"sklearn": "scikit-learn", "yaml": "pyyaml", "PIL": "pillow", "IPython": "ipython"}
    known = {Requirement(one).name.replace("-", "_") for one in DECLARED}
    known |= {"helpers", "tools", *(path.stem for path in (ROOT / "tests").rglob("*"))}
    known |= sys.stdlib_module_names
    sources = {path: path.read_text(encoding="utf-8") for path in ROOT.glob("[ht]*/**/*.py")}
    for path in ROOT.glob("notebooks/*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        sources[path] = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    for path, source in sources.items():
        for node in ast.walk(ast.parse(source, str(path))):
            found = [alias.name for alias in getattr(node, "names", [])]
            if isinstance(node, ast.ImportFrom):
                found = [node.module]
            for package in (name.split(".")[0] for name in found if isinstance(name, str)):
                package = names.get(package, package).replace("-", "_")
                assert package in known, f"{package} in {path.name}"


def test_conda_and_citation_agree_with_the_package():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    pip = {"pip": ["--no-require-hashes", "-r requirements.lock", "-e ."]}
    assert conda["dependencies"] == ["python=3.11", "pip>=26.2", pip]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == helpers.__version__
    assert citation["license"] == PROJECT["license"] == "MIT"


@pytest.mark.parametrize("name", ["README.md", "TEACHING.md", "CONTRIBUTING.md", "Makefile"])
def test_every_command_that_a_text_names_exists(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):(?!=)", MAKEFILE, flags=re.MULTILINE))
    named = set(re.findall(r"""(?:^|[`"])make (?:[A-Z]+=\S+ )*([a-z]+)""", text, re.MULTILINE))
    assert named and named <= targets, f"not in the Makefile: {sorted(named - targets)}"
    for module in re.findall(r"-m ((?:helpers|tools)\.\w+)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_every_command_of_the_makefile_sets_up_first():
    for target in ("lab", "run", "lint", "execute", "record", "bench", "slides", "lock"):
        assert re.search(rf"^{target}: \$\(READY\)$", MAKEFILE, flags=re.MULTILINE), target


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no make")
def test_make_lab_opens_notebook_00_for_this_user_and_only_with_the_token(tmp_path):
    folders = {f"JUPYTER_{name}_DIR": str(tmp_path) for name in ("CONFIG", "DATA", "RUNTIME")}
    # -o: never set up here, whatever the times of the files.
    command = ["make", "-o", ".venv/ready", "lab", f"PY={sys.executable}"]
    command += ["LAB_ARGS=--no-browser --ServerApp.port=0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    server = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | folders, start_new_session=True, **pipes
    )
    http = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        said = (re.search(r"http://(\S+?)/(lab\S+)\?(token=\w+)", line) for line in server.stdout)
        address, page, token = next(filter(None, said)).groups()
        assert address.startswith("127.0.0.1:") and page.endswith("00_start_here.ipynb")
        contents = f"http://{address}/api/contents/notebooks/00_start_here.ipynb"
        for _ in range(100):  # it listens a moment after it has said so
            with contextlib.suppress(ConnectionError, urllib.error.URLError):
                answer = http.open(f"{contents}?{token}", timeout=60)
                break
            time.sleep(0.2)
        assert json.load(answer)["content"]["cells"]
        with pytest.raises(urllib.error.HTTPError, match="403"):
            http.open(contents, timeout=60)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


def test_importing_helpers_imports_no_heavy_package():
    names = sorted(f"helpers.{path.stem}" for path in (ROOT / "helpers").glob("[!_]*.py"))
    heavy = {"tensorflow", "keras", "keras_tuner", "matplotlib", "pandas", "sklearn"}
    code = f"import helpers, {', '.join(names)}, sys; print(*{heavy} & set(sys.modules))"
    run = [sys.executable, "-c", code]
    assert subprocess.check_output(run, cwd=ROOT, text=True).strip() == ""
