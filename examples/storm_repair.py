"""After a storm: which repair crews go to which fault of the power grid?

Entities are crews and faults. An action sends a set of free crews to one fault, or waits until a
crew is free. Sending takes no time; when no crew is free, time runs until one is. The reward is
minus the household-hours without power, in ten thousands. Needs numpy, Gymnasium and the contract.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from perceiver_rl.spaces import (
    ActionType,
    Column,
    EntitySpace,
    UnitActionSpace,
    observation_space,
)

CREWS, FAULTS = 6, 12
SIZE, SPEED = 20.0, 20.0  # km across, km/h
CROWDING = 0.6  # k crews at one fault do the work of k ** 0.6
WAIT, SEND = 0, 1
COLUMNS = [
    Column("is_crew", "binary"),
    Column("x", low=0, high=SIZE, unit="km"),
    Column("y", low=0, high=SIZE, unit="km"),
    Column("households", low=0, high=1, unit="thousand"),
    Column("work", low=0, high=8, unit="crew-hour"),
    Column("crews", low=0, high=CREWS, unit="crew"),  # of a fault: sent there so far
    Column("is_free", "binary"),
]


class StormRepair(gym.Env[dict[str, NDArray[Any]], NDArray[np.int64]]):
    """Six crews, eight to twelve faults; an episode ends when every household has power."""

    action_space: UnitActionSpace
    observation_space: spaces.Dict  # type: ignore[assignment]  # gymnasium's Dict is not generic

    def __init__(self) -> None:
        rows = CREWS + FAULTS
        types = [ActionType("wait"), ActionType("send", selects=True, target="unit")]
        self.action_space = UnitActionSpace(types, rows)
        self.observation_space = observation_space(EntitySpace(COLUMNS, rows), self.action_space)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Draw crews and faults."""
        super().reset(seed=seed)
        rng, count = self.np_random, int(self.np_random.integers(8, FAULTS + 1))
        self.hours = 0.0
        self.lost = 0.0  # thousand household-hours
        self.crew_at = rng.uniform(0, SIZE, (CREWS, 2))
        self.fault_at = rng.uniform(0, SIZE, (FAULTS, 2))
        self.households = rng.uniform(0.02, 1.0, FAULTS)
        self.work = np.exp(rng.uniform(np.log(0.5), np.log(8.0), FAULTS))
        self.work[count:] = 0.0  # no fault
        self.job = np.full(CREWS, -1)  # the fault that a crew is sent to
        self.departure, self.arrival = np.zeros(CREWS), np.zeros(CREWS)
        return self.observe(), {}

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """``[FAULTS]``: which faults still cut households off."""
        return self.work > 0

    @property
    def is_free(self) -> NDArray[np.bool_]:
        """``[CREWS]``: which crews can be sent."""
        return self.job < 0

    def observe(self) -> dict[str, NDArray[Any]]:
        """Return the observation: crews first, then faults."""
        rows = np.zeros((CREWS + FAULTS, len(COLUMNS)), np.float32)
        sent = np.bincount(self.job[~self.is_free], minlength=FAULTS)
        rows[:CREWS, 0] = 1
        rows[:CREWS, 1:3] = self.crew_at
        rows[:CREWS, 6] = self.is_free
        rows[CREWS:, 1:3] = self.fault_at
        rows[CREWS:, 3:6] = np.stack([self.households, self.work, sent], axis=1)
        present = np.concatenate([np.ones(CREWS, bool), self.is_open])
        targets = np.zeros((2, CREWS + FAULTS), np.int8)
        targets[SEND, CREWS:] = self.is_open
        return {
            "entities": rows * present[:, None],
            "entity_mask": present.astype(np.int8),
            "action_type_mask": np.array([not self.is_free.all(), self.is_free.any()], np.int8),
            "selectable_mask": np.concatenate([self.is_free, np.zeros(FAULTS)]).astype(np.int8),
            "target_mask": targets,
        }

    def step(
        self, action: NDArray[np.int64]
    ) -> tuple[dict[str, NDArray[Any]], float, bool, bool, dict[str, Any]]:
        """Send crews, then let time run if nothing else can be decided now."""
        order = self.action_space.decode(action)
        lost = self.lost
        if order.action_type == SEND and order.target_unit is not None:
            crews, fault = list(order.selected), order.target_unit - CREWS
            distance = np.linalg.norm(self.fault_at[fault] - self.crew_at[crews], axis=1)
            self.job[crews] = fault
            self.departure[crews] = self.hours
            self.arrival[crews] = self.hours + distance / SPEED
        if order.action_type == WAIT or not self.is_free.any():
            self.run_to_next_repair()
        finished = not self.is_open.any()
        reward = (lost - self.lost) / 10  # returns of about -2 suit a value network
        return self.observe(), reward, finished, False, {"lost": self.lost}

    def run_to_next_repair(self) -> None:
        """Let time run until a fault is repaired; its crews are free wherever they are then."""
        ends = {int(fault): self.repaired_at(fault) for fault in np.unique(self.job[~self.is_free])}
        first = min(ends, key=lambda fault: ends[fault])
        end = ends[first]
        self.lost += float(self.households[self.is_open].sum()) * (end - self.hours)
        for fault in ends:
            self.work[fault] -= self.done_until(fault, end)
        self.work[first] = 0.0
        crews = self.job == first
        travelled = (end - self.departure) / np.maximum(self.arrival - self.departure, 1e-9)
        part = np.clip(travelled, 0, 1)[crews, None]
        self.crew_at[crews] += part * (self.fault_at[first] - self.crew_at[crews])
        self.job[crews] = -1
        self.hours = end

    def done_until(self, fault: int, end: float) -> float:
        """Return the work done on a fault from now to a time."""
        times = np.clip(np.sort(self.arrival[self.job == fault]), self.hours, end)
        spans = np.diff(np.append(times, end))
        return float(spans @ np.arange(1, len(times) + 1) ** CROWDING)

    def repaired_at(self, fault: int) -> float:
        """Return when the crews that are on their way or at work will have finished."""
        times = np.maximum(np.sort(self.arrival[self.job == fault]), self.hours)
        speeds = np.arange(1, len(times) + 1) ** CROWDING
        done = np.concatenate([[0.0], np.cumsum(np.diff(times) * speeds[:-1])])
        last = int(np.searchsorted(done, self.work[fault], side="right")) - 1
        return float(times[last] + (self.work[fault] - done[last]) / speeds[last])


def greedy(env: StormRepair, crews: int = 1) -> NDArray[np.int64]:
    """Send the nearest free crews to the fault that cuts off the most households.

    Faults to which somebody has been sent are left to them; when there is no other, the rule waits.
    """
    unattended = env.is_open & ~np.isin(np.arange(FAULTS), env.job)
    if not unattended.any():
        return np.zeros(3 + CREWS + FAULTS, np.int64)  # wait
    fault = int(np.where(unattended, env.households, -1.0).argmax())
    distance = np.linalg.norm(env.crew_at - env.fault_at[fault], axis=1)
    distance[~env.is_free] = np.inf
    return _send(np.argsort(distance)[: min(crews, int(env.is_free.sum()))], fault)


def careful(env: StormRepair) -> NDArray[np.int64]:
    """Send the crew to the fault that together bring most households per hour of travel and work.

    Where every fault has somebody, the same decides whom a free crew helps.
    """
    unattended = env.is_open & ~np.isin(np.arange(FAULTS), env.job)
    faults = unattended if unattended.any() else env.is_open
    distance = np.linalg.norm(env.crew_at[:, None] - env.fault_at[None], axis=2)
    worth = env.households / np.maximum(distance / SPEED + env.work, 1e-9)
    worth[~env.is_free] = worth[:, ~faults] = -1.0
    crew, fault = np.unravel_index(worth.argmax(), worth.shape)
    return _send(np.array([crew]), int(fault))


def _send(crews: NDArray[np.integer[Any]], fault: int) -> NDArray[np.int64]:
    action = np.zeros(3 + CREWS + FAULTS, np.int64)
    action[0] = SEND
    action[1 + crews] = 1
    action[-2] = CREWS + fault
    return action
