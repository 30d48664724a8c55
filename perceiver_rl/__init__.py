"""Perceiver IO entity encoders and unit-selection policies for stable-baselines3."""

from perceiver_rl._register import register_environments

register_environments()
