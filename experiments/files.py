"""Config files by name or path."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from ml_collections import ConfigDict

from coulomb_jax.naming import nearest

CONFIGS = Path(__file__).parent / "configs"


def names() -> list[str]:
    """The config files that come with the package."""
    return sorted(p.name for p in CONFIGS.glob("*.py") if p.stem not in ("__init__", "base"))


def read(spec: str, dataset: str) -> tuple[str, ConfigDict]:
    """The config that `--config=spec` asks for.

    Args:
      spec: "couae.py" of the package or a path to one's own file, with ":preset" behind it or not.
      dataset: the data set to configure for.

    Returns:
      A name for its runs, "couae" or "couae-preset", and what `get_config("dataset" or "dataset:preset")`
      of the file gives.

    Raises:
      ValueError: no such file or preset, with the nearest valid names.
    """
    name, _, preset = spec.partition(":")
    module = load(find(name))
    if not hasattr(module, "get_config"):
        raise ValueError(
            f"a config file defines get_config(setting), but {name} does not; start from a copy of "
            f"{CONFIGS / 'couae.py'}"
        )
    if not preset:
        return Path(name).stem, module.get_config(dataset)
    return f"{Path(name).stem}-{preset}", module.get_config(f"{dataset}:{preset}")


def find(name: str) -> Path:
    """The file of a name or path; a file of one's own comes before the package's."""
    for path in (Path(name).expanduser(), CONFIGS / name, CONFIGS / f"{name}.py"):
        if path.is_file() and path.suffix == ".py":
            return path
    raise ValueError(nearest("config file", name, names()))


def load(path: Path) -> ModuleType:
    """Imports a file that need not be on the path."""
    spec = importlib.util.spec_from_file_location(f"config_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ValueError(f"{path} is not Python: {error.msg}, line {error.lineno}; mend it") from error
    return module
