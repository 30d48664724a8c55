"""The ``inspect`` command: a game of a checkpoint as a page that shows what its network does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from perceiver_rl.envs import BatchedEnv

from .errors import UserError
from .inspect_config import InspectConfig
from .inspection_page import write_page
from .inspection_record import Episode, record_episode
from .models import load_policy
from .players import Contender, contender


def inspect_agent(config: InspectConfig, console: Console | None = None) -> Episode:
    """Play a game, write the page, and return the game.

    Raises:
        UserError: If nobody is named to play, or the agent has no network.
        CheckpointError: If the checkpoint does not fit the environment.
        ContractError: If a name is wrong.
        OSError: If the page cannot be written.
    """
    if not config.agent:
        raise UserError("name an agent to inspect: a checkpoint or a run folder")
    who = contender(config.agent)
    if who.checkpoint is None or who.description is None:
        raise UserError(f"{who.name!r} is a script and has no network to inspect; watch shows it")
    batch = who.game(config.env, config.opponent, config.options)
    spaces = batch.observation_space, batch.action_space
    policy = load_policy(who.checkpoint, who.description, *spaces)
    episode = record_episode(policy, batch, config.seed, config.deterministic, config.steps)
    write_page(config.output, episode, batch.action_space, _about(config, who, batch, episode))
    console = console or Console()
    console.print(f"page: {config.output}", highlight=False, soft_wrap=True)
    return episode


def _about(
    config: InspectConfig, who: Contender, batch: BatchedEnv, episode: Episode
) -> Mapping[str, Any]:
    assert who.description is not None  # only checkpoints are inspected
    policy = who.description.settings.policy
    steps = len(episode.frames) - 1
    outcome = str(episode.info.get("outcome", "")) or f"stopped after {steps} steps"
    if "score" in episode.info:
        outcome = f"score {episode.info['score']}"
    return {
        "agent": who.name,
        "scenario": batch.scenario.name,
        "opponent": batch.opponent if batch.scenario.enemy else "none",
        "seed": episode.seed,
        "actions": "most probable" if config.deterministic else "sampled",
        "outcome": outcome,
        "encoder": policy.encoder,
        "selection": policy.selection,
        "preset": policy.preset,
        "trained for": f"{who.description.num_timesteps:,} steps",
    }
