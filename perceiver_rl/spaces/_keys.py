"""Names of the observation's keys; the table in :func:`observation_space` says what they hold."""

ENTITIES = "entities"
ENTITY_MASK = "entity_mask"
SCALARS = "scalars"
MINIMAP = "minimap"
ACTION_TYPE_MASK = "action_type_mask"
SELECTABLE_MASK = "selectable_mask"
TARGET_MASK = "target_mask"

REQUIRED_KEYS = (ENTITIES, ENTITY_MASK)
OBSERVATION_KEYS = (
    *REQUIRED_KEYS,
    SCALARS,
    MINIMAP,
    ACTION_TYPE_MASK,
    SELECTABLE_MASK,
    TARGET_MASK,
)
