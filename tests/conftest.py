"""Strict settings for every test: what jax lets pass in production is an error here."""

import os
import tempfile

import jax
import pytest

# Prepared data and compiled programs are kept for this run of the tests alone: data by each worker, programs
# by all and by the commands they start, since what takes longest to compile is compiled for several tests.
_cache = tempfile.TemporaryDirectory()
os.environ["COULOMB_CACHE"] = _cache.name
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _cache.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
# Eight devices on any machine; what runs on one says so.
jax.config.update("jax_num_cpu_devices", 8)


@pytest.fixture(autouse=True, scope="module")
def _programs_end_with_their_module():
    """A compiled program holds memory maps, and a process may hold 65,530: thousands of tests reach that."""
    yield
    jax.clear_caches()
