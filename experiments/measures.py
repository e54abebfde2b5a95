"""What can be measured of a trained model: each measure a function of a `Subject`, found by its name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from coulomb_jax import mmd
from coulomb_jax.data.source import Source
from coulomb_jax.metrics import frechet, kid, latent, manifold, neighbours, sharpness
from coulomb_jax.metrics.clustering import clustering_accuracy
from coulomb_jax.metrics.likelihood import kde_log_likelihood
from coulomb_jax.metrics.reconstruction import generalization_bound
from coulomb_jax.naming import nearest
from experiments.subject import Subject, kernel, spread_out, stretched

PICTURES, LABELS = "pictures", "labels"
TESTED = {"permutations": 199}  # so that no p-value is below 1 / 200


class Measure(NamedTuple):
    """One way to measure.

    Attributes:
      run: gives numbers by name.
      drawn: they are of what a sampler draws, and so are taken once a sampler.
      needs: what the data must have, `PICTURES` or `LABELS`; None for any data.
      features: it compares features of pictures; behind the names of its numbers stands the net's.
      options: keys of `config.eval` that it reads: they are its protocol.
      used: what stands in the protocol besides, or instead: the numbers it works with on these data.
    """

    run: Callable[[Subject], dict[str, float]]
    drawn: bool = False
    needs: str | None = None
    features: bool = False
    options: tuple[str, ...] = ()
    used: Callable[[Subject], dict[str, int]] = lambda s: {}


def reconstruction(s: Subject) -> dict[str, float]:
    """Squared error summed over coordinates in the data's units: mean and largest, test and training.

    For a loss with an MMD also xi of theorem 2 of [sansone2019], in the loss's unit, and by how much its mean
    over as many training examples may differ from its expectation, except once in twenty times.
    """
    test = s.errors(s.source.test)
    train = s.errors(spread_out(s.source.train, len(s.source.test)))
    values = {
        "reconstruction_error": float(test.mean()),
        "reconstruction_error_train": float(train.mean()),
        "reconstruction_error_max": float(test.max()),
        "reconstruction_error_train_max": float(train.max()),
    }
    loss = s.model.family.mmd_loss
    if loss is not None:
        scaled = (loss.recon_scale * train, loss.recon_scale * test)
        values["xi"] = float(max(part.max() for part in scaled))
        if loss.weight > 0 and math.isfinite(loss.kernel.bound):
            bound = generalization_bound(*scaled, kernel_bound=loss.kernel.bound, weight=loss.weight)
            values["deviation_bound"] = bound.deviation
    return values


def latent_mmd2(s: Subject) -> dict[str, float]:
    """MMD² between codes of test examples and what the sampler draws, and its standard error."""
    z = s.codes(s.options.codes)
    drawn, law = jnp.asarray(s.drawn(len(z))), kernel(s.options.kernel, z.shape[1])
    value, error = mmd.mmd2_with_error(jnp.asarray(z), drawn, law)
    return {"latent_mmd2": float(value), "latent_mmd2_error": float(error)}


def latent_test(s: Subject) -> dict[str, float]:
    """Whether the codes of test examples follow what the sampler draws: the p-value of an MMD test."""
    z = s.codes(s.options.codes)
    result = latent.prior_test(s.key("test"), z, s.drawn(len(z)), **TESTED)
    return {"latent_p_value": float(result.p_value)}


def latent_dimensions(s: Subject) -> dict[str, float]:
    """Active dimensions, NAC over them with its floor, and the distance of the marginals from N(0, 1)."""
    means = s.test_codes
    active = latent.active_dimensions(means)
    marginals = latent.normality(s.codes(len(means)))
    values = {
        "active_dimensions": float(active.sum()),
        "latent_ks_max": float(marginals.statistics.max()),
        "latent_ks_p_value": marginals.p_value,
    }
    if active.sum() > 1:
        correlation = latent.absolute_correlation(means, active=active)
        values |= {"nac": correlation.nac, "nac_floor": correlation.floor}
    return values


def log_likelihood(s: Subject) -> dict[str, float]:
    """Of test examples under a kernel density estimate of generated ones, in nats."""
    generated, test = (s.units(x).reshape(len(x), -1) for x in (s.samples, s.source.test))
    score = kde_log_likelihood(generated.astype(np.float32), test.astype(np.float32))
    return {
        "log_likelihood": score.log_likelihood,
        "log_likelihood_best_on_test": score.log_likelihood_best_on_test,
        "bandwidth": score.bandwidth,
        "bandwidth_best_on_test": score.bandwidth_best_on_test,
    }


def fid(s: Subject) -> dict[str, float]:
    """Frechet distance to test examples: of samples, and once of reconstructions and interpolations."""
    values = {"fid": s.frechet(s.sample_features)}
    if s.own:
        values["fid_reconstructions"] = s.frechet(s.features(s.reconstructions))
        values["fid_interpolations"] = s.frechet(s.features(s.interpolations()))
    return values


def fid_interval(s: Subject) -> dict[str, float]:
    """Where 95 % of Frechet distances of samples as many as these, and of test sets, would lie.

    Both sets are resampled: 100 times, and 20 times where there are more than 512 features. The ends are
    quantiles; of so few as 20 resamples 1.96 standard errors away.
    """
    interval = frechet.frechet_interval(s.seed, s.sample_features, s.test_features, resamples=resamples(s))
    return {"fid_low": interval.low, "fid_high": interval.high, "fid_standard_error": interval.standard_error}


def resamples(s: Subject) -> int:
    """Of an interval: at Inception's 2,048 features a resample takes seconds."""
    return 100 if s.features.dim <= 512 else 20


def fid_legacy(s: Subject) -> dict[str, float]:
    """The Frechet distance of [prathosh2021]'s code: each generated picture is first stretched.

    Real pictures are not stretched. It makes models with little contrast look better; never a headline.
    """
    values = {"fid_legacy": s.frechet(s.features(stretched(s.samples)))}
    if s.own:
        values["fid_legacy_reconstructions"] = s.frechet(s.features(stretched(s.reconstructions)))
    return values


def kernel_distance(s: Subject) -> dict[str, float]:
    """KID of samples against test examples, over all pairs, with its standard error."""
    value, error = kid.kid(s.sample_features, s.test_features)
    return {"kid": value, "kid_error": error}


def features_mmd(s: Subject) -> dict[str, float]:
    """MMD² of features under a Gaussian kernel, and the p-value of samples following the data's law."""
    few = s.options.codes
    generated, real = (spread_out(x, few) for x in (s.sample_features, s.test_features))
    result = kid.features_mmd(s.key("features_mmd"), generated, real, **TESTED)
    return {
        "features_mmd2": result.mmd2,
        "features_mmd2_error": result.standard_error,
        "features_p_value": result.p_value,
    }


def prd(s: Subject) -> dict[str, float]:
    """F_8, which weighs recall, and F_1/8, which weighs precision, of [sajjadi2018]."""
    score = s.precision_recall()
    return {"prd_f8_recall": score.recall, "prd_f1_8_precision": score.precision}


def coverage(s: Subject) -> dict[str, float]:
    """Improved precision and recall, density and coverage, by nearest neighbours among features.

    Of as many samples as test examples: more of either would fill the balls of the other.
    """
    return manifold.manifold_scores(*s.equally_many())._asdict()


def picture_sharpness(s: Subject) -> dict[str, float]:
    """Mean variance of the Laplace filter's response, of samples, and once of test examples."""
    values = {"sharpness": float(sharpness.sharpness(s.samples).mean())}
    if s.own:
        values["sharpness_test"] = float(sharpness.sharpness(s.test).mean())
    return values


def memorisation(s: Subject) -> dict[str, float]:
    """How much nearer samples lie to the training set than test examples do, in the data's own space."""
    result = neighbours.memorisation(s.samples, s.test, s.source.train)
    return {
        "memorisation_ratio": result.median_ratio,
        "memorisation_suspect": result.share_suspect,
        "memorisation_copied": result.share_copied,
    }


def features_memorisation(s: Subject) -> dict[str, float]:
    """The same among features, where a blurred picture is not near to many: of all training examples."""
    result = neighbours.memorisation(s.sample_features, s.test_features, s.train_features)
    return {
        "features_memorisation_ratio": result.median_ratio,
        "features_memorisation_suspect": result.share_suspect,
    }


def clustering(s: Subject) -> dict[str, float]:
    """Accuracy in percent of the model's clusters on the test set, one to one and by majority."""
    accuracy = clustering_accuracy(s.clusters(), np.asarray(s.source.test_labels))
    return {
        "clustering_hungarian": 100.0 * accuracy.hungarian,
        "clustering_majority": 100.0 * accuracy.majority,
    }


def few_codes(s: Subject) -> dict[str, int]:
    """How many codes are compared where `eval.codes` are asked for."""
    return {"codes": min(s.options.codes, len(s.source.test))}


def equally_many(s: Subject) -> dict[str, int]:
    """How many samples, and as many test examples, are compared where the two sets must be of a size."""
    return {"compared": min(s.options.samples, len(s.test))}


def all_train(s: Subject) -> dict[str, int]:
    """Among how many training examples the nearest is looked for."""
    return {"train": len(s.source.train)}


SAMPLED = ("samples",)
OF_PICTURES = {"drawn": True, "needs": PICTURES, "features": True, "options": SAMPLED}
MEASURES = {
    "reconstruction": Measure(
        reconstruction,
        used=lambda s: {
            "test": len(s.source.test),
            "train": min(len(s.source.train), len(s.source.test)),
        },
    ),
    "latent_mmd2": Measure(latent_mmd2, drawn=True, options=("codes", "kernel"), used=few_codes),
    "latent_test": Measure(latent_test, drawn=True, options=("codes",), used=lambda s: few_codes(s) | TESTED),
    "latent_dimensions": Measure(latent_dimensions, used=lambda s: {"codes": len(s.test)}),
    "log_likelihood": Measure(log_likelihood, drawn=True, options=SAMPLED),
    "fid": Measure(fid, **OF_PICTURES | {"options": ("samples", "interpolation")}),
    "fid_interval": Measure(fid_interval, **OF_PICTURES, used=lambda s: {"resamples": resamples(s)}),
    "fid_legacy": Measure(fid_legacy, **OF_PICTURES),
    "kid": Measure(kernel_distance, **OF_PICTURES),
    "features_mmd": Measure(
        features_mmd,
        **OF_PICTURES | {"options": ("samples", "codes")},
        used=lambda s: {
            "compared_samples": min(s.options.codes, s.options.samples),
            "compared_test": min(s.options.codes, len(s.test)),
            **TESTED,
        },
    ),
    "prd": Measure(prd, **OF_PICTURES, used=equally_many),
    "coverage": Measure(coverage, **OF_PICTURES, used=equally_many),
    "sharpness": Measure(picture_sharpness, drawn=True, needs=PICTURES, options=SAMPLED),
    "memorisation": Measure(memorisation, drawn=True, options=SAMPLED, used=all_train),
    "clustering": Measure(clustering, needs=LABELS, used=lambda s: {"test": len(s.source.test)}),
    # The last of "all": where there are many training examples, their features take the longest.
    "features_memorisation": Measure(features_memorisation, **OF_PICTURES, used=all_train),
}


def chosen(names: Sequence[str], source: Source) -> list[str]:
    """The measures that a list of names asks for of a data set.

    Args:
      names: of `MEASURES`; "auto" for what costs seconds: reconstruction, the latent MMD, sharpness of
        pictures, and the log-likelihood of points in the plane; "all" for all that the data allow.
      source: the data.

    Raises:
      ValueError: no such measure, with the nearest names, or one that the data do not allow.
    """
    pictures, labels = source.range is not None, source.test_labels is not None
    possible = [
        name
        for name, measure in MEASURES.items()
        if {None: True, PICTURES: pictures, LABELS: labels}[measure.needs]
    ]
    found: list[str] = []
    for name in names:
        if name == "auto":
            found += ["reconstruction", "latent_mmd2", *(["sharpness"] if pictures else ["log_likelihood"])]
        elif name == "all":
            found += possible
        elif name not in MEASURES:
            raise ValueError(nearest("measure", name, (*MEASURES, "auto", "all")))
        elif name not in possible:
            raise ValueError(
                f"the measure {name} takes {MEASURES[name].needs}, which {source.name} has not; leave it out"
            )
        else:
            found.append(name)
    return list(dict.fromkeys(found))
