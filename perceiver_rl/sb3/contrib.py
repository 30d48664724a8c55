"""Entity policies for the algorithms of sb3-contrib: MaskablePPO and RecurrentPPO."""

from __future__ import annotations

from typing import Any, ClassVar

from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from torch import Tensor, nn

from perceiver_rl.sb3.actor import ActorFeatures
from perceiver_rl.sb3.mixin import EntityPolicyMixin
from perceiver_rl.sb3.presets import Preset


class MaskableEntityPolicy(  # type: ignore[misc]  # its parent is not the mixin's assumed one
    EntityPolicyMixin, MaskableActorCriticPolicy
):
    """Entity policy for MaskablePPO: the observation's masks AND the algorithm's.

    The algorithm's mask is flat, ``[B, A + 2 N + N + G_r * G_c]`` (and 2 for ``queued``, D for
    ``delay``) in the order of the action's components; of the two values of an entity, the second
    says whether it may be selected. The masks of the observation can say more (targets per action
    type) and need no extra call to the environment; ``learn(use_masking=False)`` uses them alone.

    Arguments as :class:`EntityPolicy`'s, without ``use_sde``.
    """


class RecurrentEntityPolicy(EntityPolicyMixin, RecurrentActorCriticPolicy):
    """Entity policy for RecurrentPPO: an LSTM core, with masks from the observation.

    Actor and critic have an LSTM each. Rows that the algorithm pads sequences with hold no entity
    and no legal action; they give finite values that the loss leaves out.

    Arguments as :class:`EntityPolicy`'s, and:

    Args:
        lstm_hidden_size: Features of an LSTM; default: the preset's (``alphastar``: 384).
        n_lstm_layers: Layers of an LSTM; default: the preset's (``alphastar``: 3).
        lstm_kwargs: Further arguments of ``torch.nn.LSTM``.
    """

    _own_arguments: ClassVar[tuple[str, ...]] = (
        "use_sde",
        "log_std_init",
        "lstm_hidden_size",
        "n_lstm_layers",
        "lstm_kwargs",
    )
    _core: ClassVar[str] = "lstm"

    def _preset_arguments(self, preset: Preset) -> dict[str, Any]:
        return {"lstm_hidden_size": preset.lstm_width, "n_lstm_layers": preset.lstm_layers}

    @property
    def _core_width(self) -> int:
        return self.lstm_output_dim

    @staticmethod
    def _process_sequence(  # type: ignore[override]  # features are structured here
        features: ActorFeatures,
        lstm_states: tuple[Tensor, Tensor],
        episode_starts: Tensor,
        lstm: nn.LSTM,
    ) -> tuple[ActorFeatures, tuple[Tensor, Tensor]]:
        """Run the LSTM over the state; entities and masks pass by."""
        state, (hidden, cell) = RecurrentActorCriticPolicy._process_sequence(
            features.features.state, lstm_states, episode_starts, lstm
        )
        return features._replace(features=features.features._replace(state=state)), (hidden, cell)
