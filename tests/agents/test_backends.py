"""Games that the proxy does not play: their names, what they refuse, voids played again."""

from typing import Any

import numpy as np
import pytest

from perceiver_rl.agents import backends
from perceiver_rl.agents.backends import (
    backend_of,
    backend_of_games,
    check_games,
    map_of,
    open_games,
    opponents_on,
    spaces_on,
)
from perceiver_rl.agents.config import OPPONENTS, EvaluateConfig, TrainConfig
from perceiver_rl.agents.errors import UserError
from perceiver_rl.agents.play import play_to_the_end
from perceiver_rl.agents.players import Contender
from perceiver_rl.agents.statistics import Games, pool
from perceiver_rl.agents.strict_yaml import to_mapping
from perceiver_rl.agents.tasks import fingerprint
from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.batched_step import BatchedStep
from perceiver_rl.spaces import ContractError

ROACHES = "perceiver_rl/DefeatRoaches-v0"
WHOLE_GAME = "perceiver_rl/sc2-Simple64-v0"


def test_maps_are_the_mini_games() -> None:
    assert map_of(ROACHES, "sc2") == "DefeatRoaches"
    assert map_of("MoveToBeacon", "standin") == "MoveToBeacon"
    assert map_of("perceiver_rl/sc2-DefeatRoaches-v0", "sc2") == "DefeatRoaches"
    assert map_of("perceiver_rl:perceiver_rl/sc2-Simple64-v0", "sc2") == "Simple64"
    with pytest.raises(UserError, match=r"--backend sc2 plays the seven mini-games.*Battle-3m"):
        map_of("perceiver_rl/Battle-3m-v0", "sc2")


def test_whole_games_are_no_proxies() -> None:
    with pytest.raises(ContractError, match=r"stand-in plays it \(--backend sc2\|standin\)"):
        check_games("proxy", WHOLE_GAME, ("elite",), {})


def test_the_map_brings_the_opponent() -> None:
    assert opponents_on("sc2", ROACHES, OPPONENTS) == ("no-op",)
    assert opponents_on("sc2", ROACHES, ("no-op",)) == ("no-op",)
    assert opponents_on("proxy", "perceiver_rl/Battle-3m-v0", ("elite",)) == ("elite",)
    with pytest.raises(UserError, match="the map brings the opponent, 'no-op'.*elite"):
        opponents_on("standin", ROACHES, ("elite",))


def test_whole_games_are_played_against_the_built_in_opponent_by_its_difficulty() -> None:
    assert opponents_on("sc2", WHOLE_GAME, OPPONENTS) == ("very_easy",)
    assert opponents_on("sc2", WHOLE_GAME, ("attack-nearest",)) == ("very_easy",)
    assert opponents_on("sc2", WHOLE_GAME, ("elite", "hard")) == ("elite", "hard")
    with pytest.raises(UserError, match="did you mean 'hard'"):
        opponents_on("sc2", WHOLE_GAME, ("hardd",))


def test_a_whole_game_has_its_difficulty_from_the_opponent_alone() -> None:
    pytest.importorskip("pysc2")
    with open_games("standin", WHOLE_GAME, 2, {"race": "terran"}, "elite") as games:
        assert [each.game.options.level for each in games.games] == ["very_hard"] * 2
        assert games.games[0].game.options.race == "terran"
    with pytest.raises(UserError, match="opponent's name, not an option"):
        check_games("standin", WHOLE_GAME, ("elite",), {"difficulty": "easy"})
    observations, actions = spaces_on("standin", WHOLE_GAME, {"max_entities": 64})
    shape = observations["entities"].shape
    assert shape is not None
    assert shape[0] == actions.max_entities == 64


def test_records_name_the_backend() -> None:
    assert backend_of(BatchedEnv(ROACHES, 1)) == "proxy"
    games = Games(outcomes="", returns=(1.0,), lengths=(2,), backend="stand-in")
    assert Games.from_summary(games.summary()) == games
    assert backend_of_games([{"no-op": games}]) == "stand-in"
    assert backend_of_games([]) == "proxy"


def test_games_of_different_backends_are_not_pooled() -> None:
    ours = Games(outcomes="", returns=(1.0,), lengths=(2,))
    theirs = Games(outcomes="", returns=(1.0,), lengths=(2,), backend="sc2-4.10")
    assert pool([theirs, theirs]).backend == "sc2-4.10"
    with pytest.raises(ValueError, match="proxy.*sc2-4.10"):
        pool([ours, theirs])


def test_results_of_the_proxy_keep_their_fingerprint_and_others_have_one_of_their_own() -> None:
    settings = to_mapping(TrainConfig())
    without = {key: value for key, value in settings.items() if key != "backend"}
    assert fingerprint(settings) == fingerprint(without)
    assert fingerprint({**settings, "backend": "sc2"}) != fingerprint(without)


class Games3:
    """Three-step games with a reward of 1 per step, of which the first is void once."""

    num_envs = 2
    backend = "stand-in"
    observation_space = action_space = None

    def __init__(self) -> None:
        self.steps = 0
        self.batches: list[list[int]] = []

    def __enter__(self) -> "Games3":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def reset(self, seeds: list[int]) -> dict[str, Any]:
        self.batches.append(list(seeds))
        self.left = np.full(len(seeds), 3)
        self.steps = 0
        return {}

    def step(self, actions: Any) -> BatchedStep:
        self.steps += 1
        running = self.left > 0
        self.left -= running
        infos: list[dict[str, Any]] = [{"score": 1} for _ in self.left]
        reward = running.astype(np.float32)
        if self.steps == 2:
            self.left[0], reward[0], infos[0] = 3, 0, {"void": True}
        ended = running & (self.left == 0)
        return BatchedStep({}, reward, ended, np.zeros_like(ended), infos)


class Idle:
    def act(self, observation: Any) -> Any:
        return None


def test_a_game_that_was_void_counts_from_its_new_beginning() -> None:
    games = play_to_the_end(Games3(), Idle(), [1, 2])
    assert games.returns == (3.0, 3.0)
    assert games.lengths == (3, 3)
    assert games.backend == "stand-in"


def test_games_are_played_in_batches_of_as_many_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Games3()
    monkeypatch.setattr(backends, "open_games", lambda *_, **__: opened)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(Contender, "player", lambda *_: Idle())
    config = EvaluateConfig(backend="standin", games=5, eval_seed=1_000_000_000)
    done: list[int] = []
    games = backends.play_on_backend(Contender("no-op"), ROACHES, "no-op", config, done.append)
    assert [[seed - 1_000_000_000 for seed in batch] for batch in opened.batches] == [
        [0, 1],
        [2, 3],
        [4],
    ]
    assert games.count == 5
    assert done == [2, 2, 1]


def test_options_that_the_game_does_not_have_are_errors_before_anything_is_played() -> None:
    pytest.importorskip("pysc2")
    with pytest.raises(UserError, match="--backend sc2: unknown option of the game 'rewards'"):
        backends.open_games("sc2", ROACHES, 1, {"rewards": "score"})
    backends.check_games("standin", ROACHES, ("no-op",), {"reward": "score", "timeout": 60})
