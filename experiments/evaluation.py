"""A run's models before its measures: numbers, `results.json`, figures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict
from tqdm import tqdm

from coulomb_jax.data.source import Source
from coulomb_jax.metrics.likelihood import kde_log_likelihood
from coulomb_jax.model import Model
from experiments import features, folder, gallery, measures
from experiments.published import find
from experiments.results import report, summary
from experiments.subject import Subject


class Evaluation:
    """A run's models before its measures.

    Args:
      models: one a repetition.
      sources: the data of each.
      options: `config.eval`.
      seeds: one a repetition.
      drawers: by the name of a further sampler, the models with it.
    """

    def __init__(
        self,
        models: Sequence[Model],
        sources: Sequence[Source],
        options: ConfigDict,
        seeds: Sequence[int],
        drawers: Mapping[str, Sequence[Model]] | None = None,
    ):
        self.options = options
        self.names = measures.chosen(options.metrics, sources[0])
        needed = any(measures.MEASURES[name].features for name in self.names)
        store = features.open_store(options, sources[0]) if needed else None
        self.features = store
        self.subjects = [
            Subject(model, source, options, seed, store)
            for model, source, seed in zip(models, sources, seeds, strict=True)
        ]
        self.drawers = {
            name: [s.drawing(model) for s, model in zip(self.subjects, drawing, strict=True)]
            for name, drawing in (drawers or {}).items()
        }

    def run(
        self,
        before: Mapping[str, Any],
        step: int,
        keep: Callable[[list[dict[str, float]], dict[str, Any]], None] = lambda *found: None,
    ) -> tuple[list[dict[str, float]], dict[str, Any]]:
        """Measures what was not measured before.

        Args:
          before: the earlier contents of `results.json`, empty where there are none.
          step: that the models were trained to; numbers of another are forgotten.
          keep: is given what will be returned after every measure, which may take minutes.

        Returns:
          Metrics of each repetition, and by measure, net of features and sampler, as in fid_lenet/gmm, the
          protocol of its numbers and under "numbers" their names.
        """
        done = before if before.get("step") == step else {}
        per_model = [dict(one) for one in done.get("repetitions", [{} for _ in self.subjects])]
        protocols = {
            label: protocol
            for label, protocol in done.get("protocols", {}).items()
            if not per_model[0].keys().isdisjoint(protocol.get("numbers", ()))
        }
        work = [
            (name, sampler, subjects)
            for name in self.names
            for sampler, subjects in (("", self.subjects), *self._others(name))
        ]
        with tqdm(work, unit="measure", disable=None) as bar:
            for name, sampler, subjects in bar:
                label = name + self._ending(name, sampler)
                bar.set_description_str(label)
                protocol = self._protocol(name)
                kept = protocols.get(label)
                if kept and kept == protocol | {"numbers": kept["numbers"]}:
                    continue
                measured = [measures.MEASURES[name].run(subject) for subject in subjects]
                found = [self._named(name, sampler, values) for values in measured]
                for values, new in zip(per_model, found, strict=True):
                    values |= new
                protocols[label] = protocol | {"numbers": sorted(found[0])}
                keep(per_model, protocols)
        return per_model, protocols

    def _others(self, name: str):
        return self.drawers.items() if measures.MEASURES[name].drawn else ()

    def _named(self, measure: str, sampler: str, values: Mapping[str, float]) -> dict[str, float]:
        """Numbers by their full names."""
        ending = self._ending(measure, sampler)
        return {f"{name}{ending}": value for name, value in values.items()}

    def _ending(self, measure: str, sampler: str) -> str:
        """Of the net where one is compared by and it is not Inception, and of the sampler."""
        net = self.features.suffix if measures.MEASURES[measure].features else ""
        return f"{net}/{sampler}" if sampler else net

    def _protocol(self, name: str) -> dict[str, Any]:
        measure, subject = measures.MEASURES[name], self.subjects[0]
        protocol = {key: self.options[key] for key in measure.options}
        protocol |= {"test": len(subject.test)} if "samples" in measure.options else {}
        protocol |= measure.used(subject)
        return protocol | (dict(self.features.protocol) if measure.features else {})


def conclude(
    workdir: Path,
    config: Mapping[str, Any],
    options: ConfigDict,
    models: Sequence[Model],
    sources: Sequence[Source],
    *,
    step: int,
    title: str,
    drawers: Mapping[str, Sequence[Model]] | None = None,
    timing: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Measures a run, merges the numbers into its `results.json`, draws its figures and prints both.

    The file is written after every measure: an evaluation that is stopped goes on where it was.

    Args:
      workdir: the run folder.
      config: of the run, as plain values.
      options: `config.eval` of this evaluation.
      models: one a repetition.
      sources: the data of each.
      step: that they were trained to.
      title: of the figures.
      drawers: by the name of a further sampler, the models with it.
      timing: of the training; None to keep what is written.

    Returns:
      The contents of `results.json`.
    """
    written = workdir / "results.json"
    before = json.loads(written.read_text()) if written.is_file() else {}
    seeds = [config["seed"] + r for r in range(config["repetitions"])]
    evaluation = Evaluation(models, sources, options, seeds, drawers)
    limits, began = ceiling(sources[0]), time.perf_counter()

    def keep(per_model: list[dict[str, float]], protocols: Mapping[str, Any]) -> dict[str, Any]:
        means, spread = summary(per_model)
        took = {}
        if per_model != before.get("repetitions"):
            took["evaluate_seconds"] = round(time.perf_counter() - began, 2)
        results = {
            "step": step,
            "metrics": means,
            "standard_deviations": spread,
            "repetitions": per_model,
            "references": limits | published(config, sources[0], means),
            "protocol": {
                "data": sources[0].name,
                "data_details": sources[0].details or {},
                "fingerprints": sorted({s.fingerprint for s in sources}),
                "train": len(sources[0].train),
                "test": len(sources[0].test),
            },
            "protocols": protocols,
            "timing": dict(timing or before.get("timing", {})) | took,
        }
        folder.write(written, results)
        return results

    per_model, protocols = evaluation.run(before, step, keep)
    results = keep(per_model, protocols)
    print(report(results))
    print(f"results: {written}", flush=True)
    others = {name: subjects[0] for name, subjects in evaluation.drawers.items()}
    shown = gallery.draw(
        evaluation.subjects[0],
        workdir / "figures",
        title,
        per_model[0],
        sampler=config["sampler"]["name"],
        others=others,
    )
    print(f"figures: {', '.join(str(path) for path in shown)}")
    return results


def published(config: Mapping[str, Any], source: Source, metrics: Sequence[str]) -> dict[str, Any]:
    """What the papers report of the system on these data, for every metric that was measured."""
    if source.name != config["data"]["name"]:
        return {}
    found = {}
    for name in metrics:
        metric, _, sampler = name.partition("/")
        system, own = config["family"]["name"], config["sampler"]["name"]
        for one in find(config["data"]["name"], system, sampler or own, metric):
            variant = one.system.partition(":")[2].replace("_", " ")
            label = f"{name} [{one.paper}{', ' + variant if variant else ''}]"
            found[label] = one.value if one.deviation is None else (one.value, one.deviation)
    return found


def ceiling(source: Source) -> dict[str, float]:
    """What no model can beat, where the law of the data is known."""
    if source.truth is None:
        return {}
    score = kde_log_likelihood(source.truth, source.test)
    return {
        "log_likelihood_bound": source.entropy_bound,
        "log_likelihood_ceiling": score.log_likelihood,
    }
