import subprocess
import sys

import numpy as np
import pytest

from coulomb_jax import data


def test_the_data_sets_are_the_modules_with_a_load():
    assert data.names() == [
        "celeba",
        "cifar10",
        "digits",
        "embedding",
        "fashion_mnist",
        "grid",
        "images",
        "mnist",
        "svhn",
        "synthetic",
    ]


@pytest.mark.parametrize(
    ("wrong", "right"), [("fasion_mnist", "fashion_mnist"), ("mnits", "mnist"), ("Grid", "grid")]
)
def test_an_unknown_name_is_answered_with_the_nearest(wrong, right):
    with pytest.raises(ValueError, match=f"did you mean .*{right}"):
        data.load(wrong)


@pytest.mark.parametrize("name", ["idx", "source", "batches", "pictures", "prepared", "../x", ""])
def test_other_modules_and_paths_are_no_data_sets(name):
    with pytest.raises(
        ValueError, match="valid names: celeba, cifar10, digits, embedding, fashion_mnist, grid"
    ):
        data.load(name)


def test_an_unknown_option_is_answered_with_the_valid_ones():
    with pytest.raises(ValueError, match=r"grid 'varience'; did you mean variance\?"):
        data.load("grid", varience=0.2)
    with pytest.raises(ValueError, match="option of the data set digits 'limit'; valid names: none"):
        data.load("digits", limit=3)


def test_options_are_listed_with_their_defaults():
    assert data.options("mnist") == {"dir": None, "limit": None, "side": 28, "fit": "pad"}
    assert data.options("grid")["spacing"] == 10.5


def test_the_seed_reaches_synthetic_sets_and_only_those():
    assert data.load("grid", seed=1).fingerprint != data.load("grid", seed=2).fingerprint
    assert data.load("digits", seed=1).fingerprint == data.load("digits", seed=2).fingerprint


def test_options_reach_the_data_set():
    source = data.load("grid", points=50, test_points=7, spacing=1.0)
    assert source.train.shape == (50, 2)
    assert source.test.shape == (7, 2)
    assert np.abs(source.train).max() < 2 + 6 * 0.1**0.5


def test_data_need_neither_jax_nor_flax_nor_tensorflow():
    blocked = ["jax", "flax", "optax", "orbax", "tensorflow", "tensorflow_datasets"]
    program = (
        f"import sys\nfor name in {blocked}: sys.modules[name] = None\n"
        "import coulomb_jax.data.batches\nfrom coulomb_jax import data\n"
        "print(data.names(), len(data.load('grid').train), len(data.load('digits').train))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith("500 1501\n")
