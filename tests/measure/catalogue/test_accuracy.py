from __future__ import annotations

from lpm_segmentator.measure import ACCURACY


def test_the_columns_are_those_of_the_published_tables() -> None:
    names = [quantity.name for quantity in ACCURACY]
    assert names == [
        *("dice", "jaccard", "hd95_mm", "assd_mm", "nsd_1mm", "nsd_2mm"),
        *("reference_volume_ml", "prediction_volume_ml"),
        *("volume_difference_ml", "volume_difference_percent"),
        *("csa_mean_difference_mm2", "fat_ratio_difference"),
    ]
    assert len(names) == len(set(names))
    wide = {q.name: q.wide_name for q in ACCURACY if q.name != q.wide_name}
    assert wide == {"dice": "dsc", "reference_volume_ml": None, "prediction_volume_ml": None}


def test_agreement_is_not_compared_again() -> None:
    assert not any(quantity.is_compared for quantity in ACCURACY)
