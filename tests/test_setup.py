"""The set-up of the course: the lock, what is declared, the Makefile and environment.yml."""

import ast
import json
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.markers import Marker
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


def make_targets():
    """Return the names of the Makefile's targets."""
    return set(re.findall(r"^([a-z]+):(?!=)", MAKEFILE, flags=re.MULTILINE))


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
def test_the_lock_covers_what_pyproject_declares_on_every_machine(python, system, machine):
    here = environment(python, system, machine)
    versions = {r.name: str(r.specifier)[2:] for r, _ in locked() if applies(r, here)}
    for requirement in map(Requirement, declared()):
        if applies(requirement, here):
            assert requirement.name in versions, "run `make lock`"
            assert requirement.specifier.contains(versions[requirement.name]), "run `make lock`"


@pytest.mark.parametrize(("python", "system", "machine"), MACHINES)
def test_no_machine_gets_two_versions_of_a_package(python, system, machine):
    names = [r.name for r, _ in locked() if applies(r, environment(python, system, machine))]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(("python", "system", "machine"), MACHINES)
def test_tensorflow_is_the_cpu_build_where_there_is_one(python, system, machine):
    here = environment(python, system, machine)
    chosen = [r.name for r, _ in locked() if "tensorflow" in r.name and applies(r, here)]
    has_cpu_build = (system, machine) in {("linux", "x86_64"), ("win32", "AMD64")}
    assert chosen == ["tensorflow-cpu" if has_cpu_build else "tensorflow"]


def test_the_markers_of_the_two_tensorflows_exclude_each_other():
    markers = [Marker(str(r.marker)) for r in map(Requirement, declared()) if "flow" in r.name]
    assert len(markers) == 2
    for case in MACHINES:
        assert sum(marker.evaluate(environment(*case)) for marker in markers) == 1


def test_tensorboard_has_the_number_of_tensorflow():
    numbers = {r.name: str(r.specifier).rsplit(".", 1)[0] for r, _ in locked()}
    assert numbers["tensorboard"] == numbers["tensorflow"] == numbers["tensorflow-cpu"]


def imported():
    """Return the top-level packages that modules, tests and notebooks import, with one place."""
    sources = {
        path: path.read_text(encoding="utf-8")
        for path in [ROOT / "conftest.py", *ROOT.glob("helpers/*.py"), *ROOT.glob("tests/*.py")]
        if path.exists()
    }
    for path in ROOT.glob("notebooks/*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        lines = "".join("".join(c["source"]) + "\n" for c in cells if c["cell_type"] == "code")
        sources[path] = "".join(
            "\n" if re.match(r"\s*[%!]", line) else line for line in lines.splitlines(keepends=True)
        )
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
    own = {"helpers", *(path.stem for path in (ROOT / "tests").iterdir())}
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


def test_the_package_carries_its_data_files():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text)["tool"]["setuptools"]["package-data"]["helpers"] == ["files/**"]
    assert "Zalando SE" in (ROOT / "helpers/files/LICENSE-fashion-mnist.txt").read_text("utf-8")


def test_the_citation_has_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == helpers.__version__
    assert citation["license"] == PROJECT["license"] == "MIT"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "Makefile"])
def test_every_make_command_that_a_text_names_is_a_target(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"""[`"]make (?:[A-Z]+=\S+ )*([a-z]+)""", text))
    named |= set(re.findall(r"^(?:\$ )?make (?:[A-Z]+=\S+ )*([a-z]+)", text, flags=re.MULTILINE))
    assert named, f"{name} names no make command"
    assert named <= make_targets(), f"not in the Makefile: {sorted(named - make_targets())}"


def test_every_module_of_the_course_that_the_makefile_calls_exists():
    for name in re.findall(r"\$\(PY\) -m (helpers\.\w+|benchmarks)", MAKEFILE):
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), name


def test_every_command_of_the_makefile_sets_up_first():
    for target in ("lab", "run", "lint", "execute", "record", "bench", "slides", "lock"):
        assert re.search(rf"^{target}: \$\(READY\)$", MAKEFILE, flags=re.MULTILINE), target
    assert re.search(r"^test: lint$", MAKEFILE, flags=re.MULTILINE)


def test_ci_calls_make_test_and_nothing_else():
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert lines == ["#!/usr/bin/env bash", "set -e", "make test"]


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
