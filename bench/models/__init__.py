"""A model's description made real: networks opened at their stages, weights, checks."""
