import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from experiments import figures


def drawings():
    """One call of each kind, at the sizes of a run."""
    random = np.random.default_rng(0)
    grid = 10.5 * random.integers(-2, 3, (10_000, 2)) + 0.3 * random.standard_normal((10_000, 2))
    stray = random.uniform(-25, 25, (10_000, 2))
    codes = random.standard_normal((10_000, 64))
    lines = [{"step": i, "a/x": [0.9**i, 1.0], "a/y": [-1.0, 0.1]} for i in range(1, 500)]
    faces = random.uniform(size=(8, 8, 28, 28, 1))
    sizes = 2 ** np.arange(1, 8)
    return {
        "ways": lambda p: figures.interpolation_grid(p, faces, value_range=(0, 1), title="a"),
        "moved": lambda p: figures.attribute_grid(
            p, faces, [f"a{i}" for i in range(8)], range(-3, 5), value_range=(0, 1)
        ),
        "near": lambda p: figures.neighbour_grid(
            p, faces[:, 0], faces[:, 1:], faces[:, 1:, 0, 0, 0], value_range=(0, 1)
        ),
        "prd": lambda p: figures.precision_recall_curves(
            p, {"a": (np.linspace(0, 1), np.linspace(1, 0))}, {"a": (0.5, 0.6)}
        ),
        "covariance": lambda p: figures.latent_covariance(p, np.cov(codes.T), samples=10_000),
        "sizes": lambda p: figures.value_against_size(
            p, {"a": (sizes, sizes + 64 / sizes, sizes / 9)}, "latent size", "FID"
        ),
        "plane": lambda p: figures.samples_in_plane(p, grid, stray, title="a", caption="b"),
        "codes1": lambda p: figures.codes_and_prior(p, codes[:, :1], codes[:, 1:2]),
        "codes2": lambda p: figures.codes_and_prior(p, codes[:, :2], codes[:, 2:4], title="a"),
        "codes5": lambda p: figures.codes_and_prior(p, codes[:, :5], codes[:, 5:10]),
        "codes64": lambda p: figures.codes_and_prior(p, codes, codes[::-1]),
        "curves": lambda p: figures.training_curves(p, lines, title="a"),
        "images": lambda p: figures.image_grid(p, codes[:64].reshape(64, 8, 8, 1), value_range=(-3, 3)),
    }


NAMES = ["plane", "codes1", "codes2", "codes5", "codes64", "curves", "images"]
NAMES += ["ways", "moved", "near", "prd", "covariance", "sizes"]


@pytest.mark.parametrize("name", NAMES)
def test_files_are_light_valid_and_the_same_each_time(tmp_path, name, opened):
    draw = drawings()[name]
    first, second = tmp_path / "new" / "folder" / "1.png", tmp_path / "2.png"
    draw(first)
    draw(second)
    image = opened(first)
    assert image.std() > 5
    assert min(image.shape[:2]) > 500
    assert max(image.shape[:2]) < 2000
    assert first.stat().st_size < 300_000
    assert first.read_bytes() == second.read_bytes()


def test_threads_do_not_disturb_one_another(tmp_path):
    draw = [drawings()[name] for name in ("codes1", "curves")] * 2
    alone, together = ([tmp_path / f"{kind}{i}.png" for i in range(4)] for kind in "at")
    for function, path in zip(draw, alone):
        function(path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda function, path: function(path), draw, together))
    assert [p.read_bytes() for p in alone] == [p.read_bytes() for p in together]


def test_neither_pyplot_nor_jax_is_imported():
    code = "import sys, experiments.figures; print('jax' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False"]
