import subprocess
import sys

PROGRAM = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocked())
import jax
from coulomb_jax import mmd
x, y = jax.random.normal(jax.random.key(0), (2, 8, 2))
print(float(mmd.mmd2(x, y, mmd.coulomb(2))), float(mmd.mmd2_to_normal(x, mmd.energy())))
print(sorted(name for name in sys.modules if name.startswith("coulomb_jax.")))
"""
BLOCKED = {"flax", "optax", "orbax", "ml_collections", "absl", "sklearn", "matplotlib", "tqdm"}


def test_it_imports_and_runs_without_flax_optax_and_orbax():
    program = PROGRAM.format(blocked=BLOCKED)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    numbers, modules = done.stdout.strip().splitlines()
    assert len(numbers.split()) == 2
    own = {name.split(".")[1] for name in eval(modules)}
    assert own <= {"mmd", "version"}


def test_all_lists_what_can_be_used():
    from coulomb_jax import mmd

    assert sorted(mmd.__all__) == mmd.__all__
    for name in mmd.__all__:
        assert getattr(mmd, name).__doc__
