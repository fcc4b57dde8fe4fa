"""The set-up of the course: the lock, what is declared, the Makefile and environment.yml."""

import ast
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request

import pytest
import yaml
from packaging.requirements import Requirement

import helpers

ROOT = pathlib.Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def declared():
    """Return every requirement of pyproject.toml as text, the extra included."""
    return PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]


def locked():
    """Return the lock's requirements, each with the list of its hashes."""
    text = re.sub(r"\s*#.*", "", LOCK).replace("\\\n", " ")
    entries = [line.split("--hash=") for line in text.splitlines() if line.strip()]
    return [(Requirement(first.strip()), [h.strip() for h in rest]) for first, *rest in entries]


def environment(python="3.11", system="linux", machine="x86_64"):
    """Return the marker environment of a machine."""
    return {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": system,
        "platform_machine": machine,
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[system],
        "os_name": "nt" if system == "win32" else "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }


def applies(requirement, machine):
    """Return whether a requirement's marker holds on a machine."""
    return requirement.marker is None or requirement.marker.evaluate(machine)


MACHINES = [
    (python, system, machine)
    for python in ("3.11", "3.12", "3.13")
    for system, machine in (
        ("linux", "x86_64"),
        ("linux", "aarch64"),
        ("darwin", "arm64"),
        ("win32", "AMD64"),
    )
]


def test_every_locked_requirement_is_pinned_and_has_hashes():
    assert len(locked()) > 100
    for requirement, hashes in locked():
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), requirement


def test_the_lock_names_no_index_no_address_and_no_file():
    assert "://" not in LOCK
    assert not re.search(r"^\s*-(?!-hash=)", LOCK, flags=re.MULTILINE)
    assert not any(requirement.url for requirement, _ in locked())


@pytest.mark.parametrize(("python", "system", "machine"), MACHINES)
def test_every_machine_gets_one_version_of_all_that_pyproject_declares(python, system, machine):
    here = environment(python, system, machine)
    chosen = [r for r, _ in locked() if applies(r, here)]
    versions = {r.name: str(r.specifier)[2:] for r in chosen}
    assert len(versions) == len(chosen)
    for requirement in map(Requirement, declared()):
        if applies(requirement, here):
            assert requirement.specifier.contains(versions[requirement.name]), "run `make lock`"
    has_cpu_build = (system, machine) in {("linux", "x86_64"), ("win32", "AMD64")}
    assert ("tensorflow-cpu" in versions, "tensorflow" in versions) == (
        has_cpu_build,
        not has_cpu_build,
    )


def test_tensorboard_has_the_number_of_tensorflow():
    numbers = {r.name: str(r.specifier).rsplit(".", 1)[0] for r, _ in locked()}
    assert numbers["tensorboard"] == numbers["tensorflow"] == numbers["tensorflow-cpu"]


def imported():
    """Return the top-level packages that modules, tests and notebooks import, with one place."""
    paths = [ROOT / "conftest.py"]
    for folder in ("helpers", "tools", "tests"):
        paths += (ROOT / folder).rglob("*.py")
    sources = {path: path.read_text(encoding="utf-8") for path in paths}
    for path in ROOT.glob("notebooks/*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources[path] = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    found = {}
    for path, source in sources.items():
        for node in ast.walk(ast.parse(source, str(path))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0]: path.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found[node.module.split(".")[0]] = path.name
    return found


def test_every_package_that_is_imported_is_declared():
    names = {"sklearn": "scikit-learn", "yaml": "pyyaml", "PIL": "pillow", "IPython": "ipython"}
    own = {"helpers", "tools", *(path.stem for path in (ROOT / "tests").rglob("*"))}
    known = {requirement.name.replace("-", "_") for requirement in map(Requirement, declared())}
    for package, place in imported().items():
        if package not in sys.stdlib_module_names | own:
            assert names.get(package, package).replace("-", "_") in known, f"{package} in {place}"


def test_the_build_back_end_is_in_the_lock():
    names = {requirement.name for requirement, _ in locked()}
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for entry in tomllib.loads(text)["build-system"]["requires"]:
        assert Requirement(entry).name in names


def test_every_dependency_has_a_comment_that_says_why():
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    for name in declared():
        position = lines.index(f'    "{name}",')
        assert lines[position - 1].strip().startswith("# "), f"{name}: no comment above it"


def test_the_supported_pythons_are_the_same_everywhere():
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in MAKEFILE


def test_the_conda_environment_is_the_lock_and_the_package():
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert content["name"] == PROJECT["name"]
    conda = [entry for entry in content["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict)]
    assert conda == ["python=3.11", "pip>=26.2"]
    assert pip == ["--no-require-hashes", "-r requirements.lock", "-e ."]


def test_the_citation_has_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == helpers.__version__
    assert citation["license"] == PROJECT["license"] == "MIT"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "Makefile"])
def test_every_command_that_a_text_names_exists(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):(?!=)", MAKEFILE, flags=re.MULTILINE))
    named = set(re.findall(r"""(?:^|[`"])make (?:[A-Z]+=\S+ )*([a-z]+)""", text, re.MULTILINE))
    assert named and named <= targets, f"not in the Makefile: {sorted(named - targets)}"
    for module in re.findall(r"-m ((?:helpers|tools)\.\w+)", text):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module


def test_every_command_of_the_makefile_sets_up_first_and_ci_calls_make_test():
    for target in ("lab", "run", "lint", "execute", "record", "bench", "slides", "lock"):
        assert re.search(rf"^{target}: \$\(READY\)$", MAKEFILE, flags=re.MULTILINE), target
    assert re.search(r"^test: lint$", MAKEFILE, flags=re.MULTILINE)
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()[-1] == "make test"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no make")
def test_make_lab_opens_notebook_00_for_this_user_and_only_with_the_token(tmp_path):
    folders = ("CONFIG", "DATA", "RUNTIME")
    environment = os.environ | {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in folders}
    server = subprocess.Popen(
        # -o: never set up here, whatever the times of the files.
        ["make", "-o", ".venv/ready", "lab", f"PY={sys.executable}"]
        + ["LAB_ARGS=--no-browser --ServerApp.port=0"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    http = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        matches = (
            re.search(r"http://(\S+?)/(lab\S+)\?(token=\w+)", line) for line in server.stdout
        )
        address, page, token = next(filter(None, matches)).groups()
        assert address.startswith("127.0.0.1:") and page.endswith("00_start_here.ipynb")
        host, port = address.split(":")
        deadline = time.monotonic() + 60
        with socket.socket() as probe:  # it listens a moment after it has said so
            while probe.connect_ex((host, int(port))) and time.monotonic() < deadline:
                time.sleep(0.2)
        with http.open(f"http://{address}/{page}?{token}", timeout=60) as answer:
            assert answer.status == 200 and "login" not in answer.url
        contents = f"http://{address}/api/contents/notebooks/00_start_here.ipynb"
        with http.open(f"{contents}?{token}", timeout=60) as answer:
            assert json.load(answer)["content"]["cells"]
        with pytest.raises(urllib.error.HTTPError, match="403"):
            http.open(contents, timeout=60)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


def test_importing_helpers_imports_no_heavy_package():
    names = sorted(f"helpers.{path.stem}" for path in (ROOT / "helpers").glob("[!_]*.py"))
    heavy = ["tensorflow", "keras", "keras_tuner", "matplotlib", "pandas", "sklearn"]
    code = (
        "import importlib, sys\n"
        f"for name in {['helpers', *names]}:\n"
        "    importlib.import_module(name)\n"
        f"    found = [heavy for heavy in {heavy} if heavy in sys.modules]\n"
        "    assert not found, f'{name} imports {found}'\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
