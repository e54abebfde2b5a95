"""Run folders: what is in them, and when one may be used again."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import jax

from coulomb_jax import __version__

MAY_CHANGE = (
    "eval.",
    "checkpoint.",
    "devices",
    "transport",
    "remat",
    "profile",
    "data.dir",
    "data.cache",
    "data.workers",
)
"""Keys that may differ when a run goes on: they do not change what is trained."""

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def claim(folder: Path, config: dict[str, Any]) -> None:
    """Makes a run folder, or makes sure that it is this run's.

    Raises:
      ValueError: it holds something else, or the run of another config; the message gives the difference.
    """
    written = folder / "config.json"
    if any(place.exists() and not place.is_dir() for place in (folder, *folder.parents)):
        raise ValueError(
            f"a run folder is a folder, but {folder} leads through a file; choose another --workdir"
        )
    if written.is_file():
        try:
            before = json.loads(written.read_text())
        except json.JSONDecodeError:
            before = None
        if not isinstance(before, dict):
            raise ValueError(
                f"{written} is no config of a run; choose another --workdir, or remove the folder"
            )
        refuse_changes(folder, before, json.loads(json.dumps(config)))
    elif folder.is_dir() and any(folder.iterdir()):
        raise ValueError(
            f"a run folder is new, empty or a run's, but {folder} holds other files and no "
            "config.json; choose another --workdir"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write(written, config)


def refuse_changes(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises ValueError where two configs differ in a key that matters."""
    old, new = flat(before), flat(now)
    changed = [
        f"  {key}: {old.get(key, 'absent')} in the folder, {new.get(key, 'absent')} now"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key) and not key.startswith(MAY_CHANGE)
    ]
    if changed:
        raise ValueError(
            f"{folder} is the run of another config; choose another --workdir, remove the folder, or "
            "undo the change:\n" + "\n".join(changed)
        )


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, with dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            leaves |= flat(value, f"{prefix}{key}.")
        else:
            leaves[prefix + key] = value
    return leaves


def environment() -> dict[str, Any]:
    """What the run runs on: versions, commit, devices."""
    here = Path(__file__).parent
    git = ("git", "-C", str(here), "describe", "--always", "--dirty")
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = "unknown"
    return {
        "python": platform.python_version(),
        "packages": {"coulomb-jax": __version__}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
        "commit": commit,
        "devices": [d.device_kind for d in jax.devices()],
        "processes": jax.process_count(),
    }


def write(path: Path, content: Any) -> None:
    """Writes JSON through a temporary file, so that a kill leaves the old or the new one."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    partial.replace(path)
