"""Strict settings for every test: what jax lets pass in production is an error here."""

import os
import tempfile

import jax
import pytest

# Prepared data and compiled programs are kept for this run of the tests alone.
_cache = tempfile.TemporaryDirectory()
os.environ["COULOMB_CACHE"] = _cache.name

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
# Eight devices on any machine; what runs on one says so.
jax.config.update("jax_num_cpu_devices", 8)


@pytest.fixture(autouse=True, scope="module")
def _programs_end_with_their_module():
    """A compiled program holds memory maps, and a process may hold 65,530: thousands of tests reach that."""
    yield
    jax.clear_caches()
