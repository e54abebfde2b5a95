"""The README tells the truth: its Python runs, and its commands exist."""

import doctest
import json
import re
from pathlib import Path

import pytest

from experiments import command, evaluate, files, measures, run, table
from experiments.configs import couae
from experiments.published import find

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.slow
def test_the_examples_print_what_the_readme_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = couae.get_config("grid:tiny")
    config.devices = 1
    run.train(config, "runs/grid-couae")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False, optionflags=flags)
    assert tried >= 10
    assert failed == 0


def test_the_examples_of_the_guide_to_the_mmd_print_what_it_shows():
    failed, tried = doctest.testfile(str(ROOT / "docs" / "mmd.md"), module_relative=False)
    assert tried >= 8
    assert failed == 0


def commands() -> list[tuple[str, list[str]]]:
    lines = re.findall(r"python -m experiments\.(\w+)([^`\n|#]*)", README)
    return [(module, words.split()) for module, words in lines]


@pytest.mark.parametrize(
    ("module", "words"), commands(), ids=lambda w: w if isinstance(w, str) else " ".join(w)
)
def test_every_command_of_the_readme_parses(module, words, tmp_path, monkeypatch):
    assert (ROOT / "experiments" / f"{module}.py").is_file()
    if module in ("list", "particles"):
        assert words == [] or files.read(words[0], words[1])
        return
    monkeypatch.chdir(tmp_path)
    if module == "table":
        assert table.parse(words).runs == [Path("RUN"), Path("RUN")]
        return
    if module == "evaluate":
        workdir = Path(next(word.partition("=")[2] for word in words if word.startswith("--workdir=")))
        workdir.mkdir(parents=True)
        plain = couae.get_config("digits").to_dict()
        written = plain | {"data": plain["data"] | {"fingerprints": [""]}}
        (workdir / "config.json").write_text(json.dumps(written))
        config = evaluate.parse(words)[1]
        assert set(config.eval.metrics) <= set(measures.MEASURES)
        return
    (tmp_path / "mine.py").write_text((ROOT / "experiments" / "configs" / "couae.py").read_text())
    config, folder, _ = command.parse(module, words)
    assert config.data.name == module
    assert folder.parts


def test_every_option_of_the_page_on_training_is_a_key_of_a_config():
    page = (ROOT / "docs" / "training.md").read_text()
    flags = re.findall(r"`(--config\.[^`]+)`", page)
    assert len(flags) >= 10
    for flag in flags:
        command.parse("mnist", ["--config=vae.py", flag])


def test_the_picture_is_there_and_light():
    guide = (ROOT / "docs" / "mmd.md").read_text()
    names = re.findall(r"!\[[^\]]*\]\((docs/[^)]+)\)", README)
    names += [f"docs/{name}" for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", guide)]
    assert len(names) >= 3
    for name in names:
        picture = (ROOT / name).read_bytes()
        assert picture[:4] == b"\x89PNG"
        assert len(picture) < 400_000


def test_numbers_of_the_grid_in_the_readme_are_the_ones_that_the_code_has():
    from coulomb_jax.data import grid

    assert f"{grid.entropy_bound():.3f}" in README
    assert find("grid", "couae", "prior", "log_likelihood")[0].value == -4.3
    assert "-4.3" in README
