"""Perceiver IO entity encoders and unit-selection policies for stable-baselines3."""
