"""What the scores of a load say: Signalbox beside the floor, beside each peer, and beside its targets."""

from collections.abc import Mapping
from statistics import median

from bench.contenders import FLOOR, FORM, LARGE, PEERS, RAW, SMALL, Load, Score
from bench.figures import Figure, above, at_least, below, broken_off, plain

AHEAD = 1.0  # times what a peer does
OF_THE_FLOOR = {LARGE: 0.6}  # that a raw push is to reach
SMALL_A_SECOND = 60.0
FLAT = 64.0  # megabytes that the server may grow by while it takes in a large package


def figures_of(load: Load, scores: Mapping[str, Score], missing: Mapping[str, str]) -> list[Figure]:
    """The figures of one load.

    scores   by contender; the floor's under `FLOOR`
    missing  contenders that did not take part at all, with the reason
    """
    name = f"registry.{load.name}"
    absent = {**missing, **{who: f"{score.failure!r}" for who, score in scores.items() if score.failure}}
    for ours in (RAW, FORM):
        if ours in absent:
            return [broken_off(f"{name}.{ours}", RuntimeError(absent[ours]))]
    peers = [who for who in PEERS if who in scores or who in missing]
    figures = [*_beside_the_floor(load, name, scores)]
    figures += [_beside(load, f"{name}.raw.ahead-of", who, scores, absent, AHEAD) for who in peers]
    figures.append(plain(f"{name}.fetch", _fetched(load, scores[RAW], scores[FORM]), _unit(load, "downloads")))
    figures += [_beside(load, f"{name}.fetch.beside", who, scores, absent, None) for who in peers]
    return [*figures, *_memory(name, scores, absent)] if load.is_large else figures


def _beside_the_floor(load: Load, name: str, scores: Mapping[str, Score]) -> list[Figure]:
    unit, floor = _unit(load, "pushes"), _pushed(load, scores[FLOOR])
    raw, form = scores[RAW], scores[FORM]
    figures = [
        at_least(f"{name}.raw", _pushed(load, raw), unit, floor, OF_THE_FLOOR.get(load.name), _told(raw)),
        at_least(f"{name}.form", _pushed(load, form), unit, floor, note=_told(form)),
    ]
    if load.name == SMALL:
        figures.append(above(f"{name}.raw.a-second", _pushed(load, raw), unit, SMALL_A_SECOND))
    return figures


def _beside(
    load: Load,
    name: str,
    peer: str,
    scores: Mapping[str, Score],
    absent: Mapping[str, str],
    times: float | None,
) -> Figure:
    """Ours with the peer's own in the place of the floor: pushes where a target is given, otherwise downloads."""
    name = f"{name}-{peer}"
    if times is None:
        ours, unit = _fetched(load, scores[RAW], scores[FORM]), _unit(load, "downloads")
    else:
        ours, unit = _pushed(load, scores[RAW]), _unit(load, "pushes")
    if peer in absent:
        return Figure(name, None, unit, None, None, times, None, f"not measured: {absent[peer]}")
    theirs = scores[peer]
    if times is None:
        return at_least(name, ours, unit, _fetched(load, theirs))
    return at_least(name, ours, unit, _pushed(load, theirs), times, f"the peer: {_told(theirs)}")


def _memory(name: str, scores: Mapping[str, Score], absent: Mapping[str, str]) -> list[Figure]:
    note = "how much more than before the processes held, at most, while the large package came in"
    return [
        below(f"{name}.memory.raw", max(scores[RAW].growth), "MB", FLAT, note),
        below(f"{name}.memory.form", max(scores[FORM].growth), "MB", FLAT),
        *(
            plain(f"{name}.memory.{who}", max(scores[who].growth), "MB")
            for who in PEERS
            if who in scores and who not in absent
        ),
    ]


def _pushed(load: Load, score: Score) -> float:
    """Pushes a second, or megabytes of the large package."""
    return (load.megabytes or 1) / score.push


def _fetched(load: Load, *scores: Score) -> float:
    return (load.megabytes or 1) / median(took for score in scores for took in score.fetches)


def _unit(load: Load, what: str) -> str:
    return "MB/s" if load.is_large else f"{what}/s"


def _told(score: Score) -> str:
    return f"server's own CPU {median(score.cpu) * 1000:,.1f} ms a push"
