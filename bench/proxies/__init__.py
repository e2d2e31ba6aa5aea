"""Stand-ins for human observers: perceptual distances and the forced choices built on them."""
