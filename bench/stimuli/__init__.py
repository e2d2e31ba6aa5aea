"""Sets of natural images and sounds, with ids, labels and content hashes."""
