"""What the samples of a run say."""
