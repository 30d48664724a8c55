"""Exporting a policy to ONNX: for a game engine, a browser, or anything else without Python."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from perceiver_rl.files import replacing
from perceiver_rl.heads import PointerSelection, UnitActionHead
from perceiver_rl.nn import Module
from perceiver_rl.sb3.mixin import EntityPolicyMixin
from perceiver_rl.sb3.observations import sampled

MAX_POINTER_ENTITIES = 32
NOISE = "noise"


def export_onnx(policy: EntityPolicyMixin, path: str | Path, *, sampling: bool = False) -> None:
    """Write a policy as an ONNX file; the size of the batch stays open, all others are fixed.

    Inputs are the observation's keys with the types of its space (``observation`` for a plain Box),
    outputs ``action`` ``[B, ...]``, as the policy's ``predict`` returns it, and ``value`` ``[B]``.
    With ``sampling`` there is one more input, ``noise`` ``[B, K]``: numbers drawn uniformly from
    (0, 1), which decide the action. So the caller owns the randomness, and the same noise gives the
    same action everywhere. Without it the action is the greedy one.

    Masks are respected as in torch. The pointer's loop is unrolled over all entities, which is why
    it is exported up to ``MAX_POINTER_ENTITIES`` entities only.

    Args:
        policy: An entity policy that is not recurrent.
        path: The file; it is the old one or the new one, never a part.
        sampling: Whether noise decides. Needs a ``UnitActionSpace``.

    Raises:
        ValueError: If the policy cannot be exported; says why.
        ImportError: If the extra ``onnx`` is not installed.
    """
    _check(policy, sampling)
    try:
        import onnxscript  # noqa: F401  # what torch.onnx needs
    except ImportError as error:
        raise ImportError("export_onnx needs: pip install 'perceiver-rl[onnx]'") from error
    was_training = policy.training
    policy.set_training_mode(False)
    try:
        content = _export(policy, sampling)
    finally:
        policy.set_training_mode(was_training)
    with replacing(Path(path)) as file:
        file.write(content)


def sample_with_noise(
    policy: EntityPolicyMixin, observation: Mapping[str, Tensor] | Tensor, noise: Tensor
) -> Tensor:
    """Return the actions ``[B, ...]`` that an exported policy takes for this noise ``[B, K]``."""
    with torch.no_grad(), _Injected(noise):
        return _decide(policy, observation, deterministic=False)[0]


def noise_width(policy: EntityPolicyMixin) -> int:
    """Return K, how many numbers decide about one action."""
    with torch.no_grad(), _Injected(None) as mode:
        _decide(policy, _example(policy), deterministic=False)
    return mode.used


def _check(policy: EntityPolicyMixin, sampling: bool) -> None:
    if not isinstance(policy, EntityPolicyMixin):
        raise ValueError(f"export_onnx exports entity policies, not {type(policy).__name__}")
    if hasattr(policy, "lstm_actor"):
        raise ValueError("a recurrent policy cannot be exported: its memory would have no place")
    head = policy.action_net
    if not isinstance(head, UnitActionHead):
        if sampling:
            raise ValueError(
                f"sampling=True needs a UnitActionSpace, not {policy.action_space};"
                " export the greedy policy"
            )
    elif isinstance(head.selection, PointerSelection) and head.num_entities > MAX_POINTER_ENTITIES:
        raise ValueError(
            f"the pointer would be unrolled over {head.num_entities} entities, at most"
            f" {MAX_POINTER_ENTITIES} are exported; use selection='independent'"
        )


class _Injected(TorchFunctionMode):
    """Takes random numbers from given noise, and loops to their end whatever the data are.

    Args:
        noise: ``[B, K]`` in (0, 1); None only counts what is used.
    """

    def __init__(self, noise: Tensor | None) -> None:
        super().__init__()
        self.noise = noise
        self.used = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is torch.rand_like:
            return self._take(args[0])
        if func is Tensor.__bool__:  # "is any row still picking?": the graph has no way out
            return True
        if func is torch.where and _all_bool(args):  # onnxruntime has no such kernel
            condition, yes, no = args
            return (condition & yes) | (~condition & no)
        return func(*args, **(kwargs or {}))

    def _take(self, like: Tensor) -> Tensor:
        width = like.shape[-1]
        begin, self.used = self.used, self.used + width
        if self.noise is None:
            return torch.full_like(like, 0.5)
        return self.noise[:, begin : self.used].clone()


def _all_bool(values: Sequence[Any]) -> bool:
    return all(isinstance(value, Tensor) and value.dtype == torch.bool for value in values)


class _Greedy(Module):
    """What is exported without noise."""

    def __init__(self, policy: EntityPolicyMixin) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, observation: Any) -> tuple[Tensor, Tensor]:
        """Return the greedy action and the value."""
        with _Injected(None):
            return _decide(self.policy, observation, deterministic=True)


class _Sampling(_Greedy):
    """What is exported with noise."""

    def forward(self, observation: Any, noise: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Return the action that the noise decides, and the value."""
        with _Injected(noise):
            return _decide(self.policy, observation, deterministic=False)


def _decide(policy: Any, observation: Any, deterministic: bool) -> tuple[Tensor, Tensor]:
    features = policy.extract_features(observation)
    shared = policy.share_features_extractor
    actor, critic = (features, features) if shared else features
    distribution = policy._get_action_dist_from_latent(policy.mlp_extractor.forward_actor(actor))
    value = policy.value_net(policy.mlp_extractor.forward_critic(critic)).squeeze(-1)
    return distribution.get_actions(deterministic=deterministic), value


def _example(policy: EntityPolicyMixin) -> Any:
    """Return a batch of two observations, by which the graph is traced."""
    batch = sampled(policy.observation_space, 2)
    if isinstance(batch, dict):
        return {key: part.to(policy.device) for key, part in batch.items()}
    return batch.to(policy.device)


def _export(policy: EntityPolicyMixin, sampling: bool) -> bytes:
    example = _example(policy)
    open_batch = {0: torch.export.Dim("batch")}
    names = list(example) if isinstance(example, dict) else ["observation"]
    shapes: dict[str, Any] = {
        "observation": dict.fromkeys(example, open_batch)
        if isinstance(example, dict)
        else open_batch
    }
    arguments = {"observation": example}
    if sampling:
        arguments[NOISE] = torch.rand(2, noise_width(policy), device=policy.device)
        shapes[NOISE] = open_batch
        names.append(NOISE)
    module = (_Sampling if sampling else _Greedy)(policy)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the exporter, about its own insides
        program = torch.onnx.export(
            module,
            (),
            kwargs=arguments,
            dynamo=True,
            dynamic_shapes=shapes,
            input_names=names,
            output_names=["action", "value"],
            verbose=False,
        )
    assert program is not None  # with dynamo=True
    return program.model_proto.SerializeToString()
