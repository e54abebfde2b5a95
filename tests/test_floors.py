"""The layers of the package, read off its syntax trees: who may import whom."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "coulomb_jax"
NUMERIC = {"jax", "jaxtyping", "numpy", "scipy"}
# What each part may import of ours, and what of others beside the standard library.
FLOORS = {
    "naming.py": (set(), set()),
    "version.py": (set(), set()),
    "family.py": (set(), set()),
    "mmd": ({"mmd"}, NUMERIC),
    "density": ({"density", "mmd"}, NUMERIC),
    "nets": ({"nets", "family", "naming"}, NUMERIC | {"flax"}),
    "data": (
        {"data", "naming"},
        {"numpy", "scipy", "PIL", "sklearn", "tensorflow_datasets", "array_record", "tqdm"},
    ),
    "metrics": ({"metrics", "density", "mmd"}, NUMERIC),
    "families": ({"families", "density", "mmd", "family", "naming", "nets"}, NUMERIC),
    "samplers": ({"samplers", "density", "mmd", "family", "naming", "nets"}, NUMERIC),
    "train": (
        {"train", "model", "nets", "data", "family", "naming"},
        NUMERIC | {"optax", "orbax", "tensorboardX", "tqdm", "grain"},
    ),
    "exported.py": ({"version"}, NUMERIC | {"jaxlib"}),
    "model.py": ({"nets", "family", "exported", "samplers"}, NUMERIC),
    "saved.py": ({"train", "model", "families", "samplers", "nets", "family", "naming"}, NUMERIC),
    "__init__.py": ({"model", "saved", "version"}, set()),
}


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def imported(path: Path) -> list[tuple[int, str]]:
    """Line and dotted name of everything a file imports, inside functions too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively; write coulomb_jax...."
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_imports_only_what_its_floor_allows(path):
    ours, others = FLOORS[part(path)]
    for line, name in imported(path):
        top, *rest = name.split(".")
        where = f"{path.relative_to(ROOT)}:{line} imports {name}"
        if top == "coulomb_jax":
            assert rest, where
            assert rest[0] in ours, (
                f"{where}, but {part(path)} may import {sorted(ours)} of ours; move the code"
            )
        elif top not in sys.stdlib_module_names:
            assert top in others, f"{where}, but {part(path)} may import {sorted(others)}; move the code"


def test_families_import_no_other_family():
    for path in (PACKAGE / "families").glob("*.py"):
        for line, name in imported(path):
            if name.startswith("coulomb_jax.families"):
                shared = name.split(".")[2:3]
                assert shared in (["terms"], ["likelihoods"]), (
                    f"{path}:{line} imports {name}; share through these"
                )


def test_only_experiments_know_ml_collections():
    for path in PACKAGE.rglob("*.py"):
        assert "ml_collections" not in path.read_text(), path


def test_mmd_needs_no_flax_optax_orbax():
    blocked = "import sys\nfor name in ('flax', 'optax', 'orbax'): sys.modules[name] = None\n"
    program = blocked + "from coulomb_jax import mmd; import jax.numpy as jnp; x = jnp.eye(3)\n"
    program += "print(mmd.mmd2(x, -x, mmd.coulomb(3)))"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_every_citation_is_in_the_bibliography():
    keys = set(re.findall(r"@\w+\{(\w+),", (ROOT / "docs" / "references.bib").read_text()))
    for path in [*PACKAGE.rglob("*.py"), *(ROOT / "experiments").rglob("*.py")]:
        cited = set(re.findall(r"\[([a-z]+(?:19|20)\d\d)\]", path.read_text()))
        assert cited <= keys, f"{path.relative_to(ROOT)} cites {cited - keys}, not in docs/references.bib"


def test_no_file_grew_past_three_hundred_lines():
    for path in [*PACKAGE.rglob("*.py"), *(ROOT / "experiments").rglob("*.py")]:
        lines = len(path.read_text().splitlines())
        assert lines <= 300, f"{path.relative_to(ROOT)} has {lines} lines; split it"
