"""Random traits of drawn people and of single images."""

import dataclasses

import numpy as np

from tfslim.data.drawn_faces.pen import Color, Pose

# Probability of each attribute for women and for men. A person keeps the stable ones in every image.
STABLE_RATES = {
    "Arched_Eyebrows": (0.45, 0.1),
    "Bags_Under_Eyes": (0.15, 0.35),
    "Bald": (0.0, 0.15),
    "Big_Lips": (0.35, 0.2),
    "Big_Nose": (0.15, 0.4),
    "Bushy_Eyebrows": (0.1, 0.35),
    "Chubby": (0.12, 0.2),
    "Double_Chin": (0.1, 0.15),
    "High_Cheekbones": (0.45, 0.25),
    "Narrow_Eyes": (0.2, 0.2),
    "Oval_Face": (0.4, 0.25),
    "Pale_Skin": (0.2, 0.1),
    "Pointy_Nose": (0.35, 0.25),
    "Receding_Hairline": (0.08, 0.25),
    "Young": (0.75, 0.6),
}
# Habits of a person: most people show them nearly always or nearly never; the mean over people is the rate.
HABIT_RATES = {
    "5_o_Clock_Shadow": (0.0, 0.3),
    "Bangs": (0.35, 0.2),
    "Eyeglasses": (0.15, 0.25),
    "Goatee": (0.0, 0.4),
    "Heavy_Makeup": (0.35, 0.0),
    "Mustache": (0.0, 0.25),
    "No_Beard": (1.0, 0.6),
    "Sideburns": (0.0, 0.3),
    "Wearing_Earrings": (0.45, 0.03),
    "Wearing_Hat": (0.1, 0.15),
    "Wearing_Lipstick": (0.6, 0.0),
    "Wearing_Necklace": (0.35, 0.03),
    "Wearing_Necktie": (0.02, 0.3),
}
PICTURE_RATES = {
    "Blurry": (0.08, 0.08),
    "Mouth_Slightly_Open": (0.45, 0.4),
    "Rosy_Cheeks": (0.25, 0.06),
    "Smiling": (0.55, 0.45),
}
HAIR_COLORS = {
    "Black_Hair": (34, 29, 34),
    "Brown_Hair": (104, 64, 38),
    "Blond_Hair": (226, 188, 106),
    "Gray_Hair": (172, 172, 178),
    "": (176, 70, 30),  # red hair, which CelebA has no attribute for
}
HAIR_TEXTURES = ("Straight_Hair", "Wavy_Hair", "")

DRAWN_ATTRIBUTES = tuple(
    sorted(
        ["Male", *STABLE_RATES, *HABIT_RATES, *PICTURE_RATES, *filter(None, HAIR_COLORS), *filter(None, HAIR_TEXTURES)]
    )
)
"""Attributes that a drawn face can show; CelebA's others are always -1."""

SKINS = ((244, 208, 178), (232, 186, 150), (214, 162, 122), (186, 132, 94), (146, 98, 68), (108, 72, 52))
IRISES = ((92, 58, 34), (58, 40, 30), (74, 120, 168), (86, 132, 84), (122, 134, 142), (140, 100, 50))
CLOTHES = (
    (52, 78, 120),
    (150, 52, 56),
    (60, 112, 92),
    (70, 66, 80),
    (206, 168, 88),
    (122, 92, 140),
    (218, 214, 206),
    (44, 48, 60),
)
BACKDROPS = (
    (176, 198, 214),
    (214, 196, 172),
    (158, 182, 160),
    (196, 176, 200),
    (120, 136, 156),
    (226, 218, 206),
    (150, 120, 110),
)


@dataclasses.dataclass(frozen=True)
class Person:
    """Traits of a person that every image shares.

    Measures are factors around 1.
    """

    attributes: frozenset[str]
    habits: dict[str, float]  # attribute -> fraction of this person's images that show it
    skin: Color
    hair: Color
    iris: Color
    hair_length: str  # "short", "bob" or "long"
    hair_volume: float
    parting: float  # position of the hair's parting: -1 left, 1 right
    eye_distance: float
    eye_size: float
    eye_slant: float  # pixels from the inner corner up to the outer corner
    brow_height: float
    nose_length: float
    nose_width: float
    mouth_width: float
    lip_fullness: float
    jaw: float
    face_length: float
    moles: tuple[tuple[float, float], ...]
    freckles: tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True)
class Shot:
    """Traits of one image: pose, gaze, light, clothes and background."""

    pose: Pose
    gaze: float
    light: tuple[float, ...]  # brightness at the image's four corners, around 1
    warmth: float
    backdrop: tuple[Color, Color]
    clothes: Color
    accent: Color  # color of hat, necktie and jewelry
    variant: int  # selects glasses, hat and collar


def tinted(color: Color, rng: np.random.Generator, spread: float) -> Color:
    """Perturb a color: brightness by `spread`, channels by a third."""
    moved = np.array(color) + rng.normal(0, spread) + rng.normal(0, spread / 3, 3)
    return tuple(int(c) for c in np.clip(moved, 12, 250))


def draw_person(seed: int, identity: int) -> Person:
    """Draw the traits of a person.

    Args:
        seed: seed of the data set.
        identity: index of the person, from 0; even numbers are women.
    """
    rng = np.random.default_rng([seed, 0, identity])
    male = identity % 2
    attributes = {name for name, rates in STABLE_RATES.items() if rng.random() < rates[male]}
    habits = {name: habit(rates[male], rng) for name, rates in HABIT_RATES.items()}
    skin = int(rng.choice(len(SKINS), p=(0.26, 0.26, 0.18, 0.12, 0.1, 0.08)))
    if skin > 1:
        attributes.discard("Pale_Skin")
    shares = (0.34, 0.28, 0.24, 0.02, 0.12) if "Young" in attributes else (0.18, 0.2, 0.1, 0.44, 0.08)
    color = str(rng.choice(list(HAIR_COLORS), p=shares))
    if skin > 2 and color in ("Blond_Hair", ""):
        color = "Black_Hair"
    texture = str(rng.choice(HAIR_TEXTURES, p=(0.4, 0.4, 0.2)))
    attributes |= {name for name in ("Male" if male else "", color, texture) if name}
    return Person(
        attributes=frozenset(attributes),
        habits=habits,
        skin=tinted(SKINS[skin], rng, 4),
        hair=tinted(HAIR_COLORS[color], rng, 5),
        iris=IRISES[rng.integers(len(IRISES))] if skin < 3 else IRISES[rng.integers(2)],
        hair_length=str(rng.choice(("short", "bob", "long"), p=(0.84, 0.1, 0.06) if male else (0.18, 0.36, 0.46))),
        hair_volume=factor(rng, 0.2),
        parting=float(rng.uniform(-1, 1)),
        eye_distance=factor(rng, 0.07),
        eye_size=factor(rng, 0.1),
        eye_slant=float(rng.uniform(-0.8, 2.2)),
        brow_height=factor(rng, 0.12),
        nose_length=factor(rng, 0.08),
        nose_width=factor(rng, 0.08),
        mouth_width=factor(rng, 0.08),
        lip_fullness=factor(rng, 0.12),
        jaw=factor(rng, 0.06),
        face_length=factor(rng, 0.04),
        moles=tuple(
            (float(x), float(y))
            for x, y in rng.uniform((-29, 14), (29, 31), (rng.choice(3, p=(0.55, 0.3, 0.15)), 2))
            if abs(x) > 12
        ),
        freckles=tuple((float(x), float(y)) for x, y in rng.normal((0, 17), (15, 3.5), (26, 2)))
        if skin < 2 and rng.random() < 0.2
        else (),
    )


def factor(rng: np.random.Generator, spread: float) -> float:
    """Draw a factor around 1, within twice `spread`."""
    return float(np.clip(rng.normal(1, spread), 1 - 2 * spread, 1 + 2 * spread))


def habit(rate: float, rng: np.random.Generator) -> float:
    """Draw how often one person shows a habit."""
    return float(rng.beta(rate * 0.8, (1 - rate) * 0.8)) if 0 < rate < 1 else rate


def draw_attributes(person: Person, rng: np.random.Generator) -> frozenset[str]:
    """Draw a consistent set of DRAWN_ATTRIBUTES for one image."""
    male = "Male" in person.attributes
    shown = {name for name, share in person.habits.items() if rng.random() < share}
    shown |= {name for name, rates in PICTURE_RATES.items() if rng.random() < rates[male]}
    return settled(person.attributes | shown)


def settled(attributes: frozenset[str]) -> frozenset[str]:
    """Remove attributes that another one hides or rules out."""
    hidden = set()
    if "Bald" in attributes:
        hidden |= {"Bangs", "Receding_Hairline", "Sideburns", *HAIR_COLORS, *HAIR_TEXTURES}
    if "Wearing_Hat" in attributes:
        hidden |= {"Bald", "Bangs", "Receding_Hairline"}
    if "Bangs" in attributes:
        hidden |= {"Receding_Hairline"}
    if "No_Beard" in attributes:
        hidden |= {"Goatee"}
    else:
        hidden |= {"5_o_Clock_Shadow"}
        if "Goatee" not in attributes:  # a full beard reaches up to the ears
            hidden |= {"Sideburns", "Double_Chin"}
    if "Wearing_Necktie" in attributes:
        hidden |= {"Wearing_Necklace"}
    return attributes - hidden


def draw_shot(rng: np.random.Generator) -> Shot:
    """Draw the traits of one image."""
    first, second = rng.choice(len(BACKDROPS), 2)
    return Shot(
        pose=Pose(
            yaw=float(np.clip(rng.normal(0, 2.2), -5, 5)),
            pitch=float(np.clip(rng.normal(0, 1.2), -2.5, 2.5)),
            roll=float(np.clip(rng.normal(0, 2.5), -6, 6)),
            zoom=float(np.clip(rng.normal(1, 0.025), 0.94, 1.06)),
        ),
        gaze=float(rng.uniform(-1.4, 1.4)),
        light=tuple(float(light) for light in np.clip(rng.normal(0.98, 0.08, 4), 0.78, 1.1)),
        warmth=float(rng.normal(0, 0.02)),
        backdrop=(tinted(BACKDROPS[first], rng, 14), tinted(BACKDROPS[second], rng, 14)),
        clothes=tinted(CLOTHES[rng.integers(len(CLOTHES))], rng, 10),
        accent=tinted(CLOTHES[rng.integers(len(CLOTHES))], rng, 10),
        variant=int(rng.integers(1 << 16)),
    )
