"""Settings of the commands; these dataclasses are the only place where defaults stand.

A YAML file holds differences from them, and the command line overrides both. No torch here, so that
help and configuration errors come at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from .errors import ConfigError
from .seeds import EVAL_SEED, FOLLOW_UP_SEED, MAX_ENVS, MAX_SEED

Option = bool | int | float | str
Backend = Literal["proxy", "standin", "sc2"]
"""What plays: our engine, our engine behind the game's API through PySC2, or StarCraft II."""
OPPONENTS = ("random", "attack-nearest", "focus-fire")


def require(ok: bool, message: str) -> None:
    """Check a setting.

    Raises:
        ConfigError: If it is not as it must be.
    """
    if not ok:
        raise ConfigError(message)


def at_least(least: float, **values: float) -> None:
    """Check that settings are no smaller than the least value.

    Raises:
        ConfigError: Names the one that is.
    """
    for name, value in values.items():
        require(value >= least, f"{name} must be at least {least}, not {value}")


def in_unit_interval(**values: float) -> None:
    """Check that settings are shares.

    Raises:
        ConfigError: Names the one that is not.
    """
    for name, value in values.items():
        require(0.0 <= value <= 1.0, f"{name} must lie between 0 and 1, not {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvConfig:
    """The environment that an agent trains in."""

    id: str = "perceiver_rl/Battle-3m-v0"
    """Registered id of the environment; of a whole game (sc2-...) with a backend that plays it."""
    opponent: str = "attack-nearest"
    """Name of a scripted opponent, or `policy:CHECKPOINT` for a trained one; in whole games the
    built-in opponent's difficulty."""
    num_envs: int = 64
    """Games that run side by side."""
    options: dict[str, Option] = field(default_factory=dict)
    """Further options of the environment, for example `reward win`."""

    def __post_init__(self) -> None:
        at_least(1, num_envs=self.num_envs)
        require(
            self.num_envs <= MAX_ENVS, f"num_envs must be at most {MAX_ENVS}, not {self.num_envs}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConfig:
    """The network: how entities are read and how units are selected."""

    encoder: Literal["perceiver", "transformer", "mlp"] = "perceiver"
    """Entity encoder: Perceiver IO, AlphaStar's Transformer, or the per-entity control."""
    selection: Literal["independent", "pointer"] = "independent"
    """Selection head: one decision per unit from its own query, or one unit after the other."""
    preset: Literal["tiny", "alphastar"] = "tiny"
    """Sizes of the network: `tiny` learns on a CPU in minutes, `alphastar` is the paper's."""
    encoder_kwargs: dict[str, Option] = field(default_factory=dict)
    """Sizes of the encoder that differ from the preset's, for example `num_latents 8`."""
    head_kwargs: dict[str, Option] = field(default_factory=dict)
    """Sizes of the action head that differ from the preset's."""
    share_features_extractor: bool = True
    """One encoder for actor and critic, or one each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOConfig:
    """Proximal policy optimization, as stable-baselines3 names its settings."""

    learning_rate: float = 1.0e-3
    """Adam's step size at the start."""
    schedule: Literal["constant", "linear"] = "linear"
    """Keep the learning rate, or let it fall to zero over the run."""
    n_steps: int = 64
    """Steps of each game between two updates."""
    batch_size: int = 512
    """Samples in a minibatch."""
    n_epochs: int = 4
    """Passes over each rollout."""
    gamma: float = 0.97
    """Discount per step."""
    gae_lambda: float = 0.9
    """Bias against variance of the advantage: 0 is one-step, 1 is the whole return."""
    clip_range: float = 0.2
    """How far the probability ratio may move within an update."""
    ent_coef: float = 0.002
    """Weight of the entropy bonus."""
    vf_coef: float = 0.5
    """Weight of the value loss."""
    max_grad_norm: float = 0.5
    """Gradients longer than this are shortened to it."""
    target_kl: float | None = None
    """Stop an update when the policy has moved this far; None never stops."""

    def __post_init__(self) -> None:
        at_least(1, n_steps=self.n_steps, n_epochs=self.n_epochs)
        at_least(2, batch_size=self.batch_size)  # advantages are normalized within a minibatch
        in_unit_interval(gamma=self.gamma, gae_lambda=self.gae_lambda)
        require(self.learning_rate > 0, f"learning_rate must be positive, not {self.learning_rate}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Train one agent with PPO against a scripted opponent."""

    name: str = ""
    """Folder of the run inside `runs`; empty: named after the configuration file and the seed."""
    runs: Path = Path("runs")
    """Folder of all runs."""
    steps: int = 500_000
    """Environment steps in total, over all games."""
    seed: int = 0
    """Seeds the network, the sampling and the games."""
    torch_threads: int = 1
    """Threads of torch; more than one helps large networks only and makes runs differ."""
    device: str = "auto"
    """Where the network lives: auto, cpu or cuda."""
    checkpoint_every: int = 100_000
    """Environment steps between two checkpoints."""
    backend: Backend = "proxy"
    """What the agent trains on: the proxy, the stand-in for the game, or the game (sc2)."""
    from_checkpoint: Annotated[Path | None, tyro.conf.arg(aliases=["--from"])] = None
    """Checkpoint whose weights the network starts with, for instance one of `imitate`."""
    env: EnvConfig = field(default_factory=EnvConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)

    def __post_init__(self) -> None:
        at_least(
            1,
            steps=self.steps,
            checkpoint_every=self.checkpoint_every,
            torch_threads=self.torch_threads,
        )
        require(
            0 <= self.seed <= MAX_SEED,
            f"seed must lie between 0 and {MAX_SEED}, not {self.seed}: larger seeds would reach"
            " the games of the evaluation",
        )
        rollout = self.ppo.n_steps * self.env.num_envs
        require(
            rollout % self.ppo.batch_size == 0,
            f"ppo.batch_size={self.ppo.batch_size} must divide ppo.n_steps * env.num_envs ="
            f" {rollout}, so that every minibatch is whole",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainCommand(TrainConfig):
    """Train one agent with PPO against a scripted opponent."""

    resume: Path | None = None
    """Run folder to continue to the configured total; its config.yaml gives the settings."""

    def config(self) -> TrainConfig:
        """Return the settings of the run, without the order to resume."""
        names = TrainConfig.__dataclass_fields__
        return TrainConfig(**{name: getattr(self, name) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConfig:
    """Play evaluation games over fixed, paired seeds and report win rates."""

    agents: tyro.conf.Positional[tuple[str, ...]] = ()
    """Checkpoint files, run folders, or names of controls (random, no-op, attack-nearest...)."""
    env: str | None = None
    """Environment; None: the one that the first checkpoint was trained in."""
    backend: Backend = "proxy"
    """What is played on: the proxy, the stand-in for the game, or the game (sc2)."""
    opponents: tuple[str, ...] = OPPONENTS
    """Opponents to play against: names of scripts, or `policy:CHECKPOINT`."""
    controls: tuple[str, ...] | None = None
    """Scripts that play the same games beside the agents; None: beside checkpoints, all scripts
    that can play in the environment."""
    games: int = 200
    """Games against each opponent; game k has the same seed for every agent."""
    eval_seed: int = EVAL_SEED
    """Seed of game 0; training never uses seeds this high."""
    deterministic: bool = True
    """Play the most probable action; sampling adds the noise that training explores with."""
    batch: int = 100
    """Games that run side by side; sampled actions depend on it, the games' seeds do not."""
    options: dict[str, Option] = field(default_factory=dict)
    """Further options of the environment; empty: those of the first checkpoint."""
    two_sided: bool = False
    """Meet `control:...` and `policy:...` from both sides of battles that allow it."""
    output: Path | None = None
    """JSON file; None: evaluation.json beside the first checkpoint, or in `runs`."""

    def __post_init__(self) -> None:
        at_least(1, games=self.games, batch=self.batch, opponents=len(self.opponents))
        at_least(EVAL_SEED, eval_seed=self.eval_seed)
        require(
            not (self.two_sided and self.games % 2),
            f"games must be even to be played from both sides, not {self.games}",
        )
        require(
            self.eval_seed + self.games <= FOLLOW_UP_SEED,
            f"eval_seed must lie below {FOLLOW_UP_SEED}, where training goes on",
        )


def named_after(config: TrainConfig, stem: str) -> TrainConfig:
    """Return the settings with a name; one that is not empty stays."""
    return config if config.name else replace(config, name=f"{stem}-seed{config.seed}")
