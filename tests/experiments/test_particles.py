"""Theorem 1 by counting, and the landscapes of Figure 1."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from coulomb_jax import mmd
from experiments import charges, particles

ROOT = Path(__file__).parents[2]
OPTIONS = {"particles": 8, "starts": 40, "steps": 4000, "seed": 3}


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("Gaussian", lambda r: math.exp(-r * r / 2)),
        ("inverse multiquadratic", lambda r: 1 / (1 + r * r)),
        ("Coulomb", lambda r: -r),
    ],
)
def test_the_regularizer_is_the_double_integral_over_the_difference_of_the_densities(name, formula):
    free = (1.3, -2.1)
    density = [(z, 1 / 3) for z in (-4.0, 0.0, 4.0)] + [(z, -1 / 2) for z in free]
    expected = sum(p * q * formula(abs(a - b)) for a, p in density for b, q in density)
    got = charges.regularizer(jnp.asarray(free), particles.IN_LINE[name])
    assert float(got) == pytest.approx(expected, rel=1e-5)


def test_minima_of_known_landscapes():
    x = charges.PLACES
    np.testing.assert_allclose(charges.minima((np.abs(x) - 3.0) ** 2), [[-3.0], [3.0]])
    np.testing.assert_allclose(charges.minima(np.maximum(np.abs(x - 1.0), 0.5)), [[1.0]])
    assert len(charges.minima(x)) == 0
    valley = (x[:, None] - 2.0) ** 2 + np.abs(x[None, :] + 5.0)
    np.testing.assert_allclose(charges.minima(valley), [[2.0, -5.0]])
    saddle = x[:, None] ** 2 - x[None, :] ** 2
    assert len(charges.minima(saddle)) == 0


def test_one_coulomb_charge_sees_one_minimum_and_a_pair_two_mirrored_ones():
    kernel = particles.IN_LINE["Coulomb"]
    np.testing.assert_allclose(charges.minima(charges.landscape(kernel, 1)), [[0.0]])
    np.testing.assert_allclose(charges.minima(charges.landscape(kernel, 2)), [[-4.0, 4.0], [4.0, -4.0]])


@pytest.mark.parametrize("name", ["Gaussian", "inverse multiquadratic"])
def test_the_other_kernels_hold_a_charge_at_each_fixed_one(name):
    kernel = particles.IN_LINE[name]
    single = charges.minima(charges.landscape(kernel, 1))
    np.testing.assert_allclose(single, [[-4.0], [0.0], [4.0]], atol=0.13)
    pairs = charges.minima(charges.landscape(kernel, 2))
    assert {tuple(4 * np.round(pair / 4)) for pair in pairs} >= {
        (a, b) for a in (-4, 0, 4) for b in (-4, 0, 4) if a != b
    }


def test_a_gaussian_pair_can_share_a_fixed_charge():
    """At -a and a around it: e^(-2a²)/2 - (2/3)·e^(-a²/2) is least at a² = ln(3)/1.5."""
    pairs = charges.minima(charges.landscape(particles.IN_LINE["Gaussian"], 2))
    a = math.sqrt(math.log(3) / 1.5)
    assert min(np.abs(pairs - [-a, a]).max(axis=1)) < 0.07


def test_a_step_goes_along_the_force_of_a_float64_double_loop():
    n, eps = 4, 1e-3
    start, targets = np.random.default_rng(0).normal(size=(2, n, 3)).astype(np.float32)
    expected, x, t = start.astype(np.float64), start.astype(np.float64), targets.astype(np.float64)
    for i in range(n):
        force = np.zeros(3)
        for j in range(n):
            if j != i:
                force += (x[i] - x[j]) / np.linalg.norm(x[i] - x[j]) ** 3 / (n * (n - 1))
            force -= (x[i] - t[j]) / np.linalg.norm(x[i] - t[j]) ** 3 / n**2
        reach = t.std() + np.linalg.norm(x[i] - t.mean(0))
        expected[i] += charges.FIRST * reach * force / np.abs(force).max()
    got = charges.flow(start, targets, mmd.coulomb(3, epsilon=eps), steps=1)[-1]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_a_flow_moves_with_the_origin_and_scales_with_the_unit():
    start, targets = jax.random.normal(jax.random.key(1), (2, 5, 3))
    way = charges.flow(start, targets, mmd.coulomb(3, epsilon=1e-3), steps=20, frames=4)
    moved = charges.flow(8 * start + 16, 8 * targets + 16, mmd.coulomb(3, epsilon=8e-3), steps=20, frames=4)
    assert way.shape == (4, 5, 3)
    np.testing.assert_allclose(moved, 8 * way + 16, atol=1e-3)


def test_points_have_landed_where_they_are_a_permutation():
    targets = jnp.asarray([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    assert charges.spacing(targets) == 1.0
    near = targets[jnp.asarray([2, 0, 1])] + 0.05
    assert charges.landed(near, targets, 0.1)
    assert not charges.landed(near, targets, 0.08)
    assert not charges.landed(near.at[0].set(near[1] + 0.01), targets, 0.1)
    assert not charges.landed(near.at[0].add(5.0), targets, 0.1)
    assert not charges.landed(jnp.zeros((3, 3)), targets, 0.1)


@pytest.mark.parametrize("seed", [3, 4])
def test_coulomb_particles_end_on_the_targets_from_everywhere(seed):
    found = particles.counts(particles.ends("coulomb", None, **OPTIONS | {"seed": seed}))
    assert found["exact"] >= 0.95 * OPTIONS["starts"]


@pytest.mark.parametrize(
    ("name", "width", "most"),
    [
        ("gaussian", 1.0, 0.2),
        ("gaussian", 0.25, 0.5),
        ("inverse_multiquadratic", 0.25, 0.85),
        ("inverse_multiquadratic", 0.125, 0.75),
    ],
)
def test_the_others_often_end_elsewhere(name, width, most):
    found = particles.counts(particles.ends(name, width, **OPTIONS))
    assert found["landed"] <= most * OPTIONS["starts"]
    assert found["landed"] + found["stuck"] + found["moving"] == OPTIONS["starts"]


@pytest.mark.parametrize(("name", "width"), [("gaussian", 0.5), ("inverse_multiquadratic", 0.25)])
def test_where_they_are_stuck_scipy_finds_a_minimum_in_float64(name, width):
    options = OPTIONS | {"steps": 10_000}
    found = particles.ends(name, width, **options)
    starts, targets = particles.draws(options["particles"], options["starts"], options["seed"])
    stuck = np.flatnonzero(found.resting & ~found.landed)[:8]
    assert len(stuck) == 8
    for k in stuck:
        t = np.asarray(targets[k], np.float64)
        h = width * float(mmd.median_heuristic(starts[k], targets[k]))
        end = np.asarray(found.points[k], np.float64)
        descent = scipy.optimize.minimize(unbiased, end.ravel(), (t, name, h), "BFGS", jac=True)
        lowest = descent.x.reshape(end.shape)
        assert np.linalg.norm(lowest - end, axis=-1).max() < particles.REST
        assert not charges.landed(lowest, t, charges.spacing(t) / 2)


def unbiased(flat, t, name, h):
    """A thousand times the part of the unbiased MMD² that moves, and its gradient, in numpy."""
    x, n = flat.reshape(t.shape), len(t)
    total, slope = 0.0, np.zeros_like(x)
    for y, weight in ((x, 1 / (n * (n - 1))), (t, -2 / n**2)):
        apart = x[:, None] - y[None]
        r2 = (apart**2).sum(-1)
        k = np.exp(-r2 / (2 * h * h)) if name == "gaussian" else h * h / (h * h + r2)
        pull = -k / (h * h) if name == "gaussian" else -2 * k * k / (h * h)
        if y is x:
            k, pull = k - np.eye(n), 2 * pull
        total += weight * k.sum()
        slope += weight * (pull[..., None] * apart).sum(1)
    return 1e3 * total, 1e3 * slope.ravel()


def command(*arguments, cwd):
    line = [sys.executable, "-m", "experiments.particles", *arguments]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    return subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_command_counts_and_draws(tmp_path):
    few = ("--particles=4", "--starts=10", "--steps=2000", "--workdir=out")
    run = command(*few, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["metrics"]["minima"]["Coulomb"] == {"one": 1, "two": 2}
    assert [(row["kernel"], row["width"]) for row in results["metrics"]["flows"]] == particles.CASES
    assert results["metrics"]["flows"][0]["landed"] >= 9
    for row in results["metrics"]["flows"]:
        assert any(line.split()[:1] == [row["kernel"]] for line in run.stdout.splitlines())
    for name in ("landscapes", "landings", "flows"):
        assert (tmp_path / "out" / "figures" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--steps=10"], "steps is a multiple of 4, not 10"),
        (["--particles=1"], "particles is at least 2, not 1"),
        (["--starts=many"], "starts=many"),
        (["--wrkdir=x"], "wrkdir"),
        (["extra"], "flags only, not extra"),
        (["--workdir=full"], "holds other files"),
    ],
)
def test_bad_input_is_refused_before_any_work(arguments, sentence, tmp_path, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("precious")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=sentence):
        particles.main(arguments)
    assert {p.name for p in tmp_path.rglob("*")} == {"full", "thesis.tex"}
