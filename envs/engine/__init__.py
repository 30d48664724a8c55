"""The batched engine: unit statistics, packed state and the kernels that advance it."""
