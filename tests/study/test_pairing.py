from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.study.pairing import pair

KEYS = st.lists(st.integers(0, 5), max_size=8)


@given(KEYS, KEYS)
def test_everything_is_paired_left_over_or_ambiguous_once(left, right):
    ones = list(enumerate(left))
    others = list(enumerate(right))
    result = pair(ones, others, left_key=lambda i: i[1], right_key=lambda i: i[1])
    back = [a for a, _ in result.matched] + list(result.left)
    back += [one for group, _ in result.ambiguous for one in group]
    assert sorted(back) == ones
    back = [b for _, b in result.matched] + list(result.right)
    back += [other for _, group in result.ambiguous for other in group]
    assert sorted(back) == others
    for one, other in result.matched:
        assert one[1] == other[1]
        assert Counter(left)[one[1]] == Counter(right)[one[1]] == 1
