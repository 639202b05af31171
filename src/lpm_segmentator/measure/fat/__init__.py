"""Fat in muscle: from Dixon pairs, from intensities, and what can go wrong with either."""
