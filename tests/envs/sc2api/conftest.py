"""A client of the stand-in: it says what it wants and gets the answer or the error."""

from __future__ import annotations

import socket
from typing import Any

import pytest

pytest.importorskip("s2clientprotocol")
pytest.importorskip("websockets")

from perceiver_rl.envs.sc2api.protocol import api
from perceiver_rl.envs.sc2api.session import Session


class Client:
    """Talks to a session of its own, through the bytes that would be sent."""

    def __init__(self) -> None:
        self.session = Session()
        self.status = 0
        self._count = 0

    def respond(self, **request: Any) -> Any:
        """The response to a request, errors and all."""
        self._count += 1
        message = api.Request(id=self._count, **request).SerializeToString()
        reply = self.session.handle(message)
        assert reply is not None
        response = api.Response.FromString(reply)
        assert response.id == self._count
        self.status = response.status
        return response

    def ask(self, name: str, content: Any = None, /, **fields: Any) -> Any:
        """The answer to a request that must succeed; by default its message has these fields."""
        if content is None:
            content = getattr(api, "Request" + name.title().replace("_", ""))(**fields)
        response = self.respond(**{name: content})
        assert not response.error, response.error
        return getattr(response, name)

    def play(self, name: str, seed: int = 0, **options: Any) -> None:
        """Create and join a game alone."""
        create = api.RequestCreateGame(random_seed=seed)
        create.local_map.map_path = f"{name}.SC2Map"
        create.player_setup.add(type=1)
        create.player_setup.add(type=2, race=1, difficulty=1)
        self.ask("create_game", create)
        options = {"raw": True, "score": True, **options}
        self.ask("join_game", race=1, options=api.InterfaceOptions(**options))

    def observe(self) -> Any:
        """The present observation, with its actions and results."""
        return self.ask("observation")

    def units(self, alliance: int | None = None) -> list[Any]:
        """The units in the present observation."""
        units = self.observe().observation.raw_data.units
        return [unit for unit in units if alliance in (None, unit.alliance)]

    def command(self, ability: int, tags: list[int], **target: Any) -> int:
        """The result of one raw command: ``at=(x, y)`` or ``on=tag``."""
        request = api.RequestAction()
        command = request.actions.add().action_raw.unit_command
        command.ability_id = ability
        command.unit_tags.extend(tags)
        command.queue_command = target.get("queued", False)
        if "at" in target:
            command.target_world_space_pos.x, command.target_world_space_pos.y = target["at"]
        if "on" in target:
            command.target_unit_tag = target["on"]
        return int(self.ask("action", request).result[0])

    def step(self, count: int = 8) -> int:
        """Let loops pass; returns the loop."""
        return int(self.ask("step", count=count).simulation_loop)


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
