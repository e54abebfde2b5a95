"""Compilation of what is called outside of any transformation."""

import functools
import inspect
import numbers

import jax
import numpy as np


def compiled(core):
    """Decorator: run ``core`` under jit when it is called eagerly, and in line when it is traced.

    Step by step, an eager call compiles each of its hundred operations on first use, which takes
    seconds, and holds every n x n intermediate. Inside the caller's own jit, on the other hand,
    a kernel's known parameters must stay known: closed forms and tables are chosen by them.

    Args:
        core: a function of pytrees of arrays and numbers; anything else in its arguments, such
            as a plain function for a kernel, makes it run step by step. Keyword-only arguments
            are part of the program: hashable, and each value compiles anew.
    """
    parameters = inspect.signature(core).parameters.values()
    static = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    under_jit = jax.jit(core, static_argnames=static)

    @functools.wraps(core)
    def run(*arguments, **options):
        leaves = jax.tree_util.tree_leaves(arguments)
        if all(_is_known(leaf) for leaf in leaves):
            return under_jit(*arguments, **options)
        return core(*arguments, **options)

    return run


def _is_known(leaf):
    if isinstance(leaf, jax.core.Tracer):
        return False
    return isinstance(leaf, jax.Array | np.ndarray | numbers.Real)
