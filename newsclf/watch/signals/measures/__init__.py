"""What is measured of news beside its mean sentiment, and the clock by which news grows old."""
