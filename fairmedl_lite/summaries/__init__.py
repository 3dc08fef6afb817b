"""What a fitted mixed model says of itself: effects, variance components, a verdict."""
