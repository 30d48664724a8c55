"""Settings of the ``compare`` command."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from .cloning_config import CloningConfig
from .config import (
    OPPONENTS,
    Backend,
    EnvConfig,
    EvaluateConfig,
    Option,
    PolicyConfig,
    PPOConfig,
    TrainConfig,
    at_least,
    in_unit_interval,
    require,
)
from .imitate_config import ImitateConfig
from .seeds import EVAL_SEED
from .strict_yaml import from_mapping

Stage = Literal["imitation", "tuning", "scratch"]


def _two_arms() -> dict[str, PolicyConfig]:
    # One selection head for both, so that a difference is the encoder's.
    return {"perceiver": PolicyConfig(), "transformer": PolicyConfig(encoder="transformer")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioConfig:
    """One scenario of a comparison; what is None or empty is as in the whole comparison."""

    id: str = "perceiver_rl/Battle-8m-v0"
    """Registered id of the environment."""
    opponent: str | None = None
    """Whom agents train against, and whose games against the teacher are imitated."""
    opponents: tuple[str, ...] = ()
    """Opponents of the evaluation."""
    controls: tuple[str, ...] = ()
    """Players without learning."""
    stages: tuple[Stage, ...] = ()
    """How agents are trained."""
    teacher: str | None = None
    """Whose games are imitated."""
    episodes: int | None = None
    """Games that are imitated."""
    steps: int | None = None
    """Environment steps of each run of PPO."""
    ppo: dict[str, Option] = field(default_factory=dict)
    """Settings of PPO from scratch that differ here."""
    games: int | None = None
    """Evaluation games of each agent against each opponent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareConfig:
    """Train several arms over several seeds, play paired games, and report win rates."""

    name: str = "compare"
    """Folder of the results inside `runs`."""
    runs: Path = Path("runs")
    """Folder of all runs."""
    stages: tuple[Stage, ...] = ("scratch",)
    """How agents are trained: cloned from a teacher's games (imitation), cloned and then trained
    with PPO (tuning), trained with PPO alone (scratch)."""
    steps: int = 500_000
    """Environment steps of each run of PPO."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Training seeds of every arm."""
    arms: dict[str, PolicyConfig] = field(default_factory=_two_arms)
    """The policies to compare, by name."""
    match: Literal["width", "parameters", "flops"] = "width"
    """What the encoders have in common: the width of an entity, as the presets have; or the number
    of parameters or FLOPs of the Transformer, to which the Perceiver is sized."""
    scenarios: dict[str, ScenarioConfig] = field(default_factory=dict)
    """Several scenarios, by name; empty: the one of `env`."""
    backend: Backend = "proxy"
    """What is trained and played on: the proxy, the stand-in for the game, or the game (sc2)."""
    opponents: tuple[str, ...] = OPPONENTS
    """Opponents of the evaluation: names of scripts, `control:SCRIPT` for one that plays through
    the action space as agents do, or `policy:CHECKPOINT`."""
    controls: tuple[str, ...] | None = None
    """Players without learning that are evaluated over the same games; None: all scripts that can
    play in the environment."""
    games: int = 200
    """Evaluation games of each agent against each opponent."""
    two_sided: bool = False
    """Meet `control:...` and `policy:...` from both sides of battles that allow it."""
    eval_seed: int = EVAL_SEED
    """Seed of evaluation game 0; training never uses seeds this high."""
    deterministic: bool = True
    """Evaluate the most probable action; sampling adds the noise that training explores with."""
    margin: float = 0.05
    """Win rates that differ by less are the same; for scores, a share of the score."""
    workers: int = 2
    """Training runs that go on side by side, each in its own process."""
    torch_threads: int = 1
    """Threads of torch in each worker."""
    teacher: str = "elite"
    """Whose games are imitated."""
    episodes: int = 500
    """Games that are imitated."""
    env: EnvConfig = field(default_factory=EnvConfig)
    cloning: CloningConfig = field(default_factory=CloningConfig)
    """How games are imitated."""
    ppo: PPOConfig = field(default_factory=PPOConfig)
    tuning: PPOConfig = field(default_factory=lambda: PPOConfig(learning_rate=3.0e-4))
    """PPO that goes on with a clone."""

    def __post_init__(self) -> None:
        at_least(
            1,
            workers=self.workers,
            arms=len(self.arms),
            seeds=len(self.seeds),
            stages=len(self.stages),
        )
        in_unit_interval(margin=self.margin)
        for what, values in (("seeds", self.seeds), ("stages", self.stages)):
            require(len(set(values)) == len(values), f"{what} must be distinct, not {values}")
        for name in (*self.arms, *self.scenarios):
            require(
                bool(name) and not set(name) & set("/\\: "),
                f"{name!r} cannot be the name of a folder: leave out spaces, colons and slashes",
            )
        for single in self.singles().values():
            single.evaluation()
            for seed in self.seeds:
                single.trainings(next(iter(self.arms)), seed)

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return self.runs / self.name

    def singles(self) -> dict[str, CompareConfig]:
        """Return a comparison per scenario, by its name; of the one of ``env``, the name is ""."""
        if not self.scenarios:
            return {"": self}
        return {name: self._single(name, each) for name, each in self.scenarios.items()}

    def _single(self, name: str, scenario: ScenarioConfig) -> CompareConfig:
        env = replace(self.env, id=scenario.id, opponent=scenario.opponent or self.env.opponent)
        return replace(
            self,
            name=f"{self.name}/{name}",
            scenarios={},
            env=env,
            opponents=scenario.opponents or self.opponents,
            controls=scenario.controls or self.controls,
            stages=scenario.stages or self.stages,
            teacher=scenario.teacher or self.teacher,
            episodes=scenario.episodes or self.episodes,
            steps=scenario.steps or self.steps,
            ppo=from_mapping(PPOConfig, scenario.ppo, self.ppo),
            games=scenario.games or self.games,
        )

    def trainings(self, arm: str, seed: int) -> dict[Stage, TrainConfig | ImitateConfig]:
        """Return the settings of an agent's runs by stage; what is tuned is cloned before."""
        stages: list[Stage] = [stage for stage in self.stages if stage != "imitation"]
        result: dict[Stage, TrainConfig | ImitateConfig] = {}
        if {"imitation", "tuning"} & set(self.stages):
            result["imitation"] = self.imitate_config(arm, seed)
        return result | {stage: self.train_config(arm, seed, stage) for stage in stages}

    def train_config(self, arm: str, seed: int, stage: Stage) -> TrainConfig:
        """Return the settings of one run of PPO; the comparison completes its folder's name."""
        return TrainConfig(
            name=_run_name(arm, seed, stage),
            runs=self.folder,
            steps=self.steps,
            seed=seed,
            torch_threads=self.torch_threads,
            backend=self.backend,
            env=self.env,
            policy=self.arms[arm],
            ppo=self.tuning if stage == "tuning" else self.ppo,
        )

    def imitate_config(self, arm: str, seed: int) -> ImitateConfig:
        """Return the settings of one cloning; all arms and seeds share the games."""
        return ImitateConfig(
            name=_run_name(arm, seed, "imitation"),
            runs=self.folder,
            seed=seed,
            torch_threads=self.torch_threads,
            backend=self.backend,
            demonstrations=self.folder / "demonstrations",
            teacher=self.teacher,
            episodes=self.episodes,
            env=self.env,
            policy=self.arms[arm],
            cloning=self.cloning,
            ppo=self.tuning,
        )

    def evaluation(self) -> EvaluateConfig:
        """Return the settings of every agent's evaluation."""
        return EvaluateConfig(
            env=self.env.id,
            backend=self.backend,
            opponents=self.opponents,
            games=self.games,
            two_sided=self.two_sided,
            eval_seed=self.eval_seed,
            deterministic=self.deterministic,
            options=dict(self.env.options),
        )


def _run_name(arm: str, seed: int, stage: Stage) -> str:
    return f"{arm}-seed{seed}" if stage == "scratch" else f"{arm}-seed{seed}-{stage}"
