"""Zakat on grazing animals, due in animals. No table is interpolated and no animal is priced.

Sources: Abu Bakr's letter (al-Bukhari 1454) for camels and sheep; the instruction to Mu'adh in
Yemen (at-Tirmidhi 623, Abu Dawud 1576) for cattle.
"""

from typing import Literal, TypedDict

Species = Literal["camels", "cattle", "sheep"]


class AnimalsDue(TypedDict):
    """A number of animals of one kind that is due."""

    animal: str
    count: int


# The animals due from a number of camels on. Below 25 sheep are due; from 121 see _cover().
CAMELS = [
    (91, "hiqqah", 2),
    (76, "bint_labun", 2),
    (61, "jadhaah", 1),
    (46, "hiqqah", 1),
    (36, "bint_labun", 1),
    (25, "bint_makhad", 1),
]

RULES: dict[Species, str] = {
    "camels": "Taken as one herd: up to 24 a sheep for each 5, up to 120 by age, from 121 a bint"
    " labun for every 40 and a hiqqah for every 50, the fewest animals that cover it.",
    "cattle": "Taken as one herd: a tabi' for every 30 and a musinnah for every 40, the fewest"
    " animals that cover it.",
    "sheep": "Taken as one flock: 1 from 40, 2 from 121, 3 from 201, and from 400 one for each"
    " full hundred.",
}
SOURCES: dict[Species, str] = {
    "camels": "Sahih al-Bukhari 1454",
    "cattle": "Jami' at-Tirmidhi 623; Sunan Abi Dawud 1576",
    "sheep": "Sahih al-Bukhari 1454",
}


def animals_due(species: Species, count: int) -> list[AnimalsDue]:
    """Return the animals due on ``count`` grazing animals held for a hawl; none below the nisab."""
    tables = {"camels": _for_camels, "cattle": _for_cattle, "sheep": _for_sheep}
    return [due for due in tables[species](count) if due["count"]]


def _for_sheep(count: int) -> list[AnimalsDue]:
    if count >= 400:
        return [AnimalsDue(animal="sheep", count=count // 100)]
    return [AnimalsDue(animal="sheep", count=sum(count >= step for step in (40, 121, 201)))]


def _for_cattle(count: int) -> list[AnimalsDue]:
    if count >= 60:
        return _cover(count, "tabi", "musinnah", 4)
    if count >= 40:
        return [AnimalsDue(animal="musinnah", count=1)]
    return [AnimalsDue(animal="tabi", count=int(count >= 30))]


def _for_camels(count: int) -> list[AnimalsDue]:
    if count >= 121:
        return _cover(count, "bint_labun", "hiqqah", 5)
    for step, animal, number in CAMELS:
        if count >= step:
            return [AnimalsDue(animal=animal, count=number)]
    return [AnimalsDue(animal="sheep", count=count // 5)]


def _cover(count: int, lesser: str, greater: str, tens: int) -> list[AnimalsDue]:
    """Cover the full tens of ``count`` with the fewest animals.

    A ``greater`` animal covers ``tens`` tens and a ``lesser`` one covers ``tens - 1``. All full
    covers are valid; the one with the fewest animals has the fewest lesser ones. As ``tens - 1``
    is -1 modulo ``tens``, their number is what the herd's tens lack to a multiple of ``tens``.
    A full cover exists from 60 cattle and from 120 camels on.
    """
    lesser_count = -(count // 10) % tens
    greater_count = (count // 10 - lesser_count * (tens - 1)) // tens
    return [
        AnimalsDue(animal=lesser, count=lesser_count),
        AnimalsDue(animal=greater, count=greater_count),
    ]
