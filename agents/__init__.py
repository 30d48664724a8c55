"""Training, evaluation and comparison of agents, and the ``perceiver-rl`` command."""

if __name__ != "perceiver_rl.agents":  # a second copy under another name would break isinstance
    raise ImportError(f"import perceiver_rl.agents, not {__name__}")
