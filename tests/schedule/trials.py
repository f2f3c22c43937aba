"""Made-up trials for properties: enough COMPLETED ones that rules do stop something, with ties everywhere."""

from __future__ import annotations

from hypothesis import strategies as st

from orchestrator.schedule.progress import Progress

RUNG = 4
OTHER_EPOCHS = (1, 2, 3, 5, 9, 12)

# Accuracies are multiples of one validation image; a short list makes ties.
HITS = st.integers(0, 287)
COSTS = st.tuples(st.integers(1, 6).map(float), st.integers(1, 6).map(float))


@st.composite
def _peer(draw: st.DrawFn) -> Progress:
    """Most ends follow the rung, so that a line says something; every fourth is anybody's guess."""
    costs, at_rung, other = draw(COSTS), draw(HITS), draw(st.dictionaries(st.sampled_from(OTHER_EPOCHS), HITS))
    curve = {epoch: hits / 287 for epoch, hits in other.items()}
    kind = draw(st.integers(0, 7))
    if kind > 0:
        curve[RUNG] = at_rung / 287
    end = draw(HITS) if kind == 1 else min(287, 150 + at_rung // 3 + draw(st.integers(0, 6)))
    return Progress(costs=costs, accuracy_at=curve, final_accuracy=None if kind in (2, 3) else end / 287)


histories = st.lists(_peer(), max_size=30)
candidates = st.tuples(COSTS, HITS).map(lambda drawn: Progress(costs=drawn[0], accuracy_at={RUNG: drawn[1] / 287}))
