"""Settings of the ``imitate`` command."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .cloning_config import CloningConfig
from .config import Backend, EnvConfig, Option, PolicyConfig, PPOConfig, TrainConfig
from .demonstrations_config import RecordConfig
from .errors import ConfigError
from .seeds import MAX_SEED


@dataclass(frozen=True, slots=True, kw_only=True)
class ImitateConfig:
    """Train one agent on a teacher's games; the same command continues a run that was stopped."""

    name: str = "imitate"
    """Folder of the run inside `runs`."""
    runs: Path = Path("runs")
    """Folder of all runs."""
    seed: int = 0
    """Seeds the network and the order of the minibatches; the demonstrations have their own."""
    torch_threads: int = 1
    """Threads of torch."""
    device: str = "auto"
    """Where the network lives: auto, cpu or cuda."""
    backend: Backend = "proxy"
    """What the teacher plays on: the proxy, the stand-in for the game, or the game (sc2)."""
    demonstrations: Path | None = None
    """Folder of the recorded games; None: `demonstrations` inside the run's folder."""
    teacher: str = "elite"
    """Whose games are recorded: a control, a checkpoint file or a run folder."""
    episodes: int = 500
    """Games to record."""
    record_seed: int = 0
    """Block of the training seeds that the recorded games come from."""
    env: EnvConfig = field(default_factory=lambda: EnvConfig(id="perceiver_rl/Battle-8m-v0"))
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    cloning: CloningConfig = field(default_factory=CloningConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= MAX_SEED:
            raise ConfigError(f"seed must lie between 0 and {MAX_SEED}, not {self.seed}")
        if self.torch_threads < 1:
            raise ConfigError(f"torch_threads must be at least 1, not {self.torch_threads}")
        self.recording()
        self.checkpoint_config()

    @property
    def folder(self) -> Path:
        """Where the run's files go."""
        return self.runs / self.name

    @property
    def demonstrations_folder(self) -> Path:
        """Where the recorded games lie."""
        return self.demonstrations or self.folder / "demonstrations"

    def recording(self) -> RecordConfig:
        """Return which games are recorded."""
        options: dict[str, Option] = dict(self.env.options)
        return RecordConfig(
            env=self.env.id,
            backend=self.backend,
            opponent=self.env.opponent,
            teacher=self.teacher,
            episodes=self.episodes,
            seed=self.record_seed,
            options=options,
        )

    def checkpoint_config(self) -> TrainConfig:
        """Return the settings that the checkpoint carries, by which PPO would go on with it."""
        return TrainConfig(
            name=self.name,
            runs=self.runs,
            seed=self.seed,
            torch_threads=self.torch_threads,
            device=self.device,
            backend=self.backend,
            env=self.env,
            policy=self.policy,
            ppo=self.ppo,
        )
