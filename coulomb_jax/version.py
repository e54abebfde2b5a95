"""The package's version, in the one place that pyproject.toml and run folders read it from."""

__version__ = "0.1.0"
