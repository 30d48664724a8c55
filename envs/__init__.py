"""StarCraft II proxy environments: numpy and numba, no torch."""

if __name__ != "perceiver_rl.envs":  # a second copy under another name would break isinstance
    raise ImportError(f"import perceiver_rl.envs, not {__name__}")
