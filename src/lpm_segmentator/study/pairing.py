"""Pair what belongs together by a key: water and fat, image and mask, reference and prediction."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Pairs", "pair"]

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Pairs(Generic[A, B]):
    """Pairs, and what is left over.

    Attributes
    ----------
    matched : tuple of tuple
        One item of either side each.
    left, right : tuple
        Items without a partner.
    ambiguous : tuple of tuple
        Items of either side that share a key which one of the sides has several times.
    """

    matched: tuple[tuple[A, B], ...]
    left: tuple[A, ...]
    right: tuple[B, ...]
    ambiguous: tuple[tuple[tuple[A, ...], tuple[B, ...]], ...]


def pair(
    left: Iterable[A],
    right: Iterable[B],
    *,
    left_key: Callable[[A], Hashable],
    right_key: Callable[[B], Hashable],
) -> Pairs[A, B]:
    """Pair items whose keys are equal; a key that a side has several times pairs nothing.

    Examples
    --------
    >>> pair(["a1", "b1"], ["A2", "C2"], left_key=lambda s: s[0], right_key=lambda s: s[0].lower())
    Pairs(matched=(('a1', 'A2'),), left=('b1',), right=('C2',), ambiguous=())
    """
    groups: dict[Hashable, tuple[list[A], list[B]]] = {}
    for one in left:
        groups.setdefault(left_key(one), ([], []))[0].append(one)
    for other in right:
        groups.setdefault(right_key(other), ([], []))[1].append(other)
    matched, ambiguous = [], []
    lone_left: list[A] = []
    lone_right: list[B] = []
    for ones, others in groups.values():
        if len(ones) == len(others) == 1:
            matched.append((ones[0], others[0]))
        elif ones and others:
            ambiguous.append((tuple(ones), tuple(others)))
        else:
            lone_left += ones
            lone_right += others
    return Pairs(tuple(matched), tuple(lone_left), tuple(lone_right), tuple(ambiguous))
