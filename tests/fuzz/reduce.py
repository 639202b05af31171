"""Reduce damage: undo as many of its changes as possible while the fault remains."""

from __future__ import annotations

from collections.abc import Callable

from fuzz.mutate import packed, unpacked

_MOST_TRIALS = 100


def reduced(original: bytes, damaged: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Return content nearer to the original that still fails; `damaged` itself at worst.

    Compressed files are reduced in what they hold.
    """
    try:
        plain, changed = unpacked(original), unpacked(damaged)
    except (OSError, EOFError):
        plain, changed = original, damaged
    is_packed = changed is not damaged

    def fails_as_file(data: bytes) -> bool:
        return fails(packed(data) if is_packed else data)

    if plain == changed or not fails_as_file(changed):
        return damaged
    if len(plain) == len(changed):
        result = _of_equal_length(plain, changed, fails_as_file)
    else:
        result = _of_other_length(plain, changed, fails_as_file)
    return packed(result) if is_packed else result


def _of_equal_length(plain: bytes, changed: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Restore ranges of the bytes that differ, the largest first."""
    kept = [i for i in range(len(plain)) if plain[i] != changed[i]]
    step, trials = max(1, len(kept) // 2), 0
    while kept and trials < _MOST_TRIALS:
        for start in range(0, len(kept), step):
            fewer = kept[:start] + kept[start + step :]
            trials += 1
            if fails(_with(plain, changed, fewer)):
                kept = fewer
                break
        else:
            if step == 1:
                break
            step = max(1, step // 2)
    return _with(plain, changed, kept)


def _with(plain: bytes, changed: bytes, places: list[int]) -> bytes:
    result = bytearray(plain)
    for place in places:
        result[place] = changed[place]
    return bytes(result)


def _of_other_length(plain: bytes, changed: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Shorten what stands in place of the original between the ends that both have."""
    head = next(
        (i for i, (a, b) in enumerate(zip(plain, changed, strict=False)) if a != b),
        min(len(plain), len(changed)),
    )
    most = min(len(plain), len(changed)) - head
    tail = next((i for i in range(most) if plain[-1 - i] != changed[-1 - i]), most)
    middle = changed[head : len(changed) - tail]
    end = changed[len(changed) - tail :]
    step, trials = max(1, len(middle) // 2), 0
    while middle and trials < _MOST_TRIALS:
        for start in range(0, len(middle), step):
            shorter = middle[:start] + middle[start + step :]
            trials += 1
            if fails(changed[:head] + shorter + end):
                middle = shorter
                break
        else:
            if step == 1:
                break
            step = max(1, step // 2)
    return changed[:head] + middle + end
