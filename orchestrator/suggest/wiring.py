"""The proposals of a study, put together from its settings: alike for a search, a simulation and a replay."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import SearchConfig
from orchestrator.objectives import min_accuracy
from orchestrator.suggest.costing import Costing, Prediction
from orchestrator.suggest.pool import CandidatePool
from orchestrator.suggest.presets import preset_points
from orchestrator.suggest.proposals import Ledger, Proposals
from orchestrator.suggest.sampler import OptunaSampler
from orchestrator.suggest.stored import StoredResults


def proposals_of(
    store: Ledger,
    config: SearchConfig,
    *,
    predictions: Mapping[str, Prediction],
    stored: StoredResults | None = None,
) -> Proposals:
    """Proposals that write into ``store``.

    Args:
        predictions: of what is timed, by the name of the figure.
    """
    costing = Costing(task=config.task, latency=config.latency, predictions=predictions)

    def pool() -> CandidatePool:
        return CandidatePool(
            config.space,
            costing.table,
            objectives=[objective.name for objective in config.objectives],
            constraints=config.constraints,
            seed=derive_seed(config.study.seed, "pool"),
            presets=preset_points(config.space, config.task),
        )

    sampler = OptunaSampler(
        space=config.space,
        objectives=config.objectives,
        seed=config.study.seed,
        name=config.study.sampler,
        pool=pool,
        min_accuracy=min_accuracy(config.constraints),
        priors=stored.priors if stored else (),
        is_timed=not config.study.reproducible,
    )
    return Proposals(
        store=store,
        sampler=sampler,
        space=config.space,
        constraints=config.constraints,
        costing=costing,
        num_trials=config.budget.trials,
        seed=config.study.seed,
        stored=stored,
        lag=config.lag,
    )
