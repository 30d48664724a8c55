"""Checks every jaxtyping annotation while the tests run; users pay nothing for them."""

from jaxtyping import install_import_hook

install_import_hook(
    [f"perceiver_rl.{part}" for part in ("nn", "entities", "heads", "sb3")],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",
)
