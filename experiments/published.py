"""The numbers of the papers, as printed there: what `experiments.table` sets beside ours."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """One number of a table.

    Attributes:
      paper: its key in docs/references.bib.
      dataset: as this package names it.
      system: the family that it is the number of, "family:variant" where the paper has several.
      sampler: what the codes were drawn by.
      metric: as `results.json` names it.
      value: the number.
      deviation: its standard deviation over repetitions, where the paper gives one.
    """

    paper: str
    dataset: str
    system: str
    sampler: str
    metric: str
    value: float
    deviation: float | None = None


def find(dataset: str, system: str, sampler: str, metric: str) -> list[Published]:
    """All that was published of a system by any of the papers, in the order of the tables below."""
    wanted = (dataset, system.partition(":")[0], sampler, metric)
    return [p for p in RECORDS if (p.dataset, p.system.partition(":")[0], p.sampler, p.metric) == wanted]


def _table(paper, metrics, datasets, rows):
    """The records of a table: a row a system, in it one cell a data set, in that one number a metric.

    Behind a "+" is the sampler that all of a row, and behind a "/" the one that a metric was taken with.
    """
    for system, *cells in rows:
        name, _, row_sampler = system.partition("+")
        for dataset, cell in zip(datasets, cells, strict=True):
            for metric, value in zip(metrics, cell, strict=True):
                metric, _, sampler = metric.partition("/")
                if value is not None:
                    yield Published(paper, dataset, name, sampler or row_sampler or "prior", metric, value)


FOUR_WAYS = ("fid", "fid/gmm", "fid_reconstructions", "fid_interpolations")
RECORDS: tuple[Published, ...] = (
    Published("sansone2019", "grid", "vae", "prior", "log_likelihood", -4.4, 0.2),
    Published("sansone2019", "grid", "wae_mmd", "prior", "log_likelihood", -6.4, 1.1),
    Published("sansone2019", "grid", "couae", "prior", "log_likelihood", -4.3, 0.1),
    Published("sansone2019", "celeba", "vae", "prior", "fid", 63.0),
    Published("sansone2019", "celeba", "wae_mmd", "prior", "fid", 55.0),
    Published("sansone2019", "celeba", "couae", "prior", "fid", 47.0),
    # Table 1: the nets of another paper under the first seven, those of MaskAAE under the last.
    *_table(
        "prathosh2021",
        ("fid",),
        ("mnist", "fashion_mnist", "cifar10", "celeba"),
        (
            ("vae:cross_entropy", (16.6,), (43.6,), (106.0,), (53.3,)),
            ("vae:fixed", (52.0,), (84.6,), (160.5,), (55.9,)),
            ("vae:learned", (54.5,), (60.0,), (76.7,), (60.5,)),
            ("vae_flow", (54.8,), (62.1,), (81.2,), (65.7,)),
            ("wae_mmd", (115.0,), (101.7,), (80.9,), (62.9,)),
            ("wae_gan", (12.4,), (31.5,), (93.1,), (66.5,)),
            ("vae+second_vae", (12.6,), (29.3,), (72.9,), (44.4,)),
            ("mask_aae", (10.5,), (28.4,), (71.9,), (40.5,)),
        ),
    ),
    # Table 3.
    *_table(
        "prathosh2021",
        ("fid_reconstructions", "fid"),
        ("mnist", "cifar10", "celeba"),
        (
            ("vae", (65.10, 57.04), (176.5, 169.1), (62.36, 72.48)),
            ("vae:beta", (7.91, 24.31), (43.86, 83.59), (30.06, 50.66)),
            ("vamp_vae", (11.01, 49.75), (107.33, 161.02), (49.71, 64.26)),
            ("vae_iop", (8.01, 32.61), (92.17, 141.92), (41.52, 57.30)),
            ("wae_gan", (8.06, 13.30), (42.39, 72.90), (29.34, 39.58)),
            ("rae:autoencoder+gmm", (8.69, 12.14), (41.45, 70.97), (30.16, 43.89)),
            ("rae+gmm", (6.15, 7.30), (40.48, 69.24), (29.05, 35.30)),
            ("vae_flow", (8.62, 20.17), (43.87, 73.28), (36.31, 42.39)),
            ("inj_flow", (7.40, 35.96), (40.11, 78.78), (27.93, 47.70)),
            ("inj_flow+gmm", (7.40, 9.93), (40.11, 68.26), (27.93, 40.23)),
            ("vae+second_vae", (6.38, 7.41), (47.03, 86.15), (29.38, 37.85)),
            ("mask_aae", (8.46, 10.52), (58.40, 71.90), (35.75, 40.49)),
            ("flex_ae", (4.33, 4.69), (39.91, 62.66), (20.47, 24.72)),
        ),
    ),
    *_table(
        "saseendran2021",
        FOUR_WAYS,
        ("fashion_mnist",),
        (
            ("vae", (50.50, 36.22, 33.33, 44.12)),
            ("wae_mmd", (39.66, 28.01, 24.84, 35.01)),
            ("cv_vae", (57.57, 38.28, 35.10, 47.73)),
            ("vae+second_vae", (46.47, None, 31.93, 41.06)),
            ("rae", (47.26, 29.59, 24.54, 34.77)),
            ("gmm_dae", (33.70, 26.62, 19.56, 29.17)),
        ),
    ),
    *_table(
        "saseendran2021",
        FOUR_WAYS,
        ("svhn",),
        (
            ("vae", (61.01, 58.23, 59.13, 50.29)),
            ("wae_mmd", (58.08, 34.87, 29.62, 27.16)),
            ("cv_vae", (51.01, 54.19, 48.53, 47.65)),
            ("vae+second_vae", (45.84, None, 44.27, 40.23)),
            ("rae", (42.35, 35.12, 31.04, 27.30)),
            ("gmm_dae", (37.42, 36.46, 31.27, 24.87)),
        ),
    ),
    *_table(
        "saseendran2021",
        FOUR_WAYS,
        ("celeba",),
        (
            ("vae", (68.01, 61.63, 52.55, 58.39)),
            ("wae_mmd", (58.91, 49.17, 41.14, 47.08)),
            ("cv_vae", (57.61, 52.72, 45.32, 50.87)),
            ("vae+second_vae", (53.12, None, 44.78, 47.64)),
            ("rae", (52.33, 48.23, 41.61, 46.58)),
            ("gmm_dae", (49.79, 44.79, 39.48, 47.13)),
        ),
    ),
    Published("saseendran2021", "mnist", "joint_vae", "prior", "clustering_hungarian", 78.33),
    Published("saseendran2021", "fashion_mnist", "joint_vae", "prior", "clustering_hungarian", 51.51),
    Published("saseendran2021", "mnist", "gmm_dae", "prior", "clustering_hungarian", 85.53),
    Published("saseendran2021", "fashion_mnist", "gmm_dae", "prior", "clustering_hungarian", 56.24),
)
