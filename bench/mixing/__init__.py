"""Speech in noise: backgrounds, signal-to-noise ratios, mixtures, drawn from seed and id."""
