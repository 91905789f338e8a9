"""What the report of a calculation says: the result, what counted, and the rule of each line."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from ...documents.rules import Block, block, heading, key_values, note, paragraph, table
from ...documents.rules.texts import Texts
from ...money import ZERO
from .assets import AAOIFI
from .catalog import DUE_RULE, NUMBERS

MAX_LINES = 300
LINES_OF_MORE = 150  # of an old calculation: its lines take memory, also those left out
# Of all labels in a report: whole ones of 120 characters in 37 lines, 15 of each in 300.
LABEL_CHARACTERS = 4_500
MAX_PARTS = 7  # of the bar: the largest categories, and the others together
OWN_RATES = ("crops", "rikaz", "livestock")  # apart from the wealth that is compared with the nisab


def report_blocks(texts: Texts, calculation: Any, name: str, day: date) -> Iterator[Block]:
    """Yield the blocks of a report of ``day`` for the user called ``name``."""
    lines = calculation.breakdown or [_single_line(calculation)]
    shown = lines if len(lines) <= MAX_LINES else lines[:LINES_OF_MORE]
    yield _result(texts, calculation, day)
    yield key_values(_summary(texts, calculation, name, day))
    if bar := _counted_bar(texts, calculation, lines):
        yield bar
    yield heading(texts("zakat.lines"))
    notes = _number_rules(shown)
    yield _line_table(texts, calculation, shown, notes, day)
    if len(lines) > len(shown):
        yield note(texts("zakat.shortened", shown=str(len(shown)), total=str(len(lines))))
    yield heading(texts("zakat.rules"))
    rules = [_cite(texts, rule, source) for rule, source in notes]
    yield block("clauses", clauses=rules)
    if calculation.notes:
        yield heading(texts("zakat.notes"))
        yield paragraph(calculation.notes)
    yield note(texts("frame.no_fatwa"))


def _single_line(calculation: Any) -> dict[str, Any]:
    """Build the breakdown line of a calculation from a single amount of wealth."""
    return {
        "category": "wealth",
        "label": None,
        "counted": calculation.wealth,
        "rate": calculation.rate,
        "zakat": calculation.zakat_amount,
        "due": [],
        "rule": DUE_RULE,
        "source": AAOIFI,
    }


def _result(texts: Texts, calculation: Any, day: date) -> Block:
    """Return what is due, in money and animals, or why nothing is."""
    currency, zakat = calculation.currency, calculation.zakat_amount
    figure = texts.money(zakat, currency)
    if not calculation.eligible:
        completes = calculation.hawl_completes_on
        is_early = bool(completes and completes > day)
        reason = (
            texts("zakat.reason_hawl", day=texts.both_days(completes))
            if is_early
            else texts("zakat.reason_nisab")
        )
        label = texts("zakat.later" if is_early else "zakat.nothing")
        return block("amount", label=label, figure=figure, words=reason)
    words = texts.amount_in_words(zakat, currency)
    if animals := " + ".join(texts.animals(animals_due(calculation, day))):
        words = f"{words}\n{texts('zakat.animals', animals=animals)}"
    return block("amount", label=texts("zakat.due"), figure=figure, words=words)


def animals_due(calculation: Any, day: date) -> dict[str, int]:
    """Return the animals that are due on ``day`` by kind; none before the hawl completes."""
    completes_on, counts = calculation.hawl_completes_on, Counter[str]()
    if calculation.eligible and not (completes_on and completes_on > day):
        for line in calculation.breakdown or []:
            counts.update({due["animal"]: due["count"] for due in line["due"]})
    return dict(counts)


def _animals(texts: Texts, line: dict[str, Any]) -> list[str]:
    return texts.animals({due["animal"]: due["count"] for due in line["due"]})


def _summary(texts: Texts, calculation: Any, name: str, day: date) -> Iterator[tuple[str, str]]:
    currency, nisab = calculation.currency, calculation.nisab
    nisab_text = texts("zakat.not_needed")
    if nisab:
        nisab_text = texts.money(nisab, currency)
        if calculation.nisab_basis:
            metal = texts(f"zakat.{calculation.nisab_basis}")
            nisab_text = texts("zakat.basis", amount=nisab_text, metal=metal)
        if calculation.nisab_grams:
            nisab_text += f"\n{_describe_nisab(texts, calculation)}"
    year = texts(f"zakat.{calculation.year_basis}")
    yield texts("zakat.for"), name
    yield texts("zakat.calculated"), texts.both_days(day)
    yield texts("zakat.wealth"), texts.money(calculation.wealth, currency)
    yield texts("zakat.nisab"), nisab_text
    rate = texts.percent(calculation.rate)
    yield texts("zakat.year"), texts("zakat.year_rate", year=year, rate=rate)
    first, last = calculation.hawl_started_on, calculation.hawl_completes_on
    if first and last:
        days = {"first": texts.both_days(first), "last": texts.both_days(last)}
        yield texts("zakat.hawl"), texts("zakat.hawl_range", **days)


def _describe_nisab(texts: Texts, calculation: Any) -> str:
    """Return the weight and the price of the nisab, and the day of a published price."""
    price = f"{calculation.currency}\u00a0{texts.quantity(calculation.nisab_price_per_gram)}"
    parts = [texts.isolate(f"{texts.quantity(calculation.nisab_grams)} g × {price}")]
    if calculation.nisab_priced_on:
        day = texts.day(calculation.nisab_priced_on, "d MMM y")
        parts.append(texts("zakat.priced", day=day))
    return texts("zakat.separator").join(parts)


def _counted_bar(texts: Texts, calculation: Any, lines: Sequence[dict[str, Any]]) -> Block | None:
    """Return a bar of the wealth by category above one of debts and net wealth, with the nisab."""
    currency, nisab = calculation.currency, calculation.nisab or ZERO
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        if line["category"] not in OWN_RATES:
            sums[line["category"]] += Decimal(line["counted"])
    debts = -sums.pop("liability", ZERO)
    scale = max(sum(sums.values(), ZERO), nisab)
    if not scale:
        return None

    def part(label: str, amount: Decimal) -> tuple[str, float, str]:
        return label, float(amount / scale), texts.money(amount, currency)

    largest = sorted(sums.items(), key=lambda item: -item[1])
    parts = [
        part(texts.find("categories", name), sum_) for name, sum_ in largest[:MAX_PARTS] if sum_
    ]
    if rest := sum((sum_ for _, sum_ in largest[MAX_PARTS:]), ZERO):
        parts.append(part(texts.find("categories", "other"), rest))
    net = [part(texts("zakat.debts"), debts), part(texts("zakat.wealth"), calculation.wealth)]
    mark = [f"{texts('zakat.nisab_mark')} {texts.money(nisab, currency)}", float(nisab / scale)]
    return block(
        "split_bar",
        title=texts("zakat.counted_bar"),
        bars=[parts, net] if debts else [parts],
        mark=mark if nisab else None,
    )


def _number_rules(lines: Sequence[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """Return the number of each rule with its source, in the order of the groups of lines."""
    ordered = [line for _, group in _by_category(lines) for line in group]
    pairs = dict.fromkeys((line["rule"], line["source"]) for line in ordered)
    return {pair: number for number, pair in enumerate(pairs, 1)}


def _by_category(lines: Sequence[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the lines of each category, in the order in which the categories first appear."""
    order = {line["category"]: None for line in lines}
    rank = {category: place for place, category in enumerate(order)}
    ordered = sorted(lines, key=lambda line: rank[line["category"]])
    for category, group in groupby(ordered, key=lambda line: line["category"]):
        yield category, [*group]


def _line_table(
    texts: Texts,
    calculation: Any,
    lines: Sequence[dict[str, Any]],
    notes: dict[tuple[str, str], int],
    day: date,
) -> Block:
    currency, length = calculation.currency, LABEL_CHARACTERS // len(lines)
    rows: list[list[str]] = []
    for category, group in _by_category(lines):
        rows.append([texts.find("categories", category)])
        rows += [_row(texts, line, currency, length, notes) for line in group]
    total = [texts.money(calculation.zakat_amount, currency)]
    total += texts.animals(animals_due(calculation, day))
    return table(
        [
            (texts("zakat.item"), 1, "start"),
            (texts("zakat.note"), 0, "end"),
            (texts("zakat.counted"), 0, "end"),
            (texts("zakat.rate"), 0, "end"),
            (texts("zakat.zakat"), 0, "end"),
        ],
        rows,
        [texts("zakat.due"), "", "", "", "\n".join(total)],
    )


def _row(
    texts: Texts,
    line: dict[str, Any],
    currency: str,
    length: int,
    notes: dict[tuple[str, str], int],
) -> list[str]:
    """Return a line of the breakdown as a row, its label cut to ``length``."""
    label = " ".join((line["label"] or texts.find("categories", line["category"])).split())
    label = label if len(label) <= length else label[: length - 1] + "…"
    detail = _describe_inputs(texts, line, currency)
    animals = "\n".join(_animals(texts, line))
    return [
        texts("zakat.line", label=label, detail=detail) if detail else label,
        str(notes[line["rule"], line["source"]]),
        "–" if line["due"] else texts.number(Decimal(line["counted"]), currency),
        "–" if line["due"] else texts.percent(Decimal(line["rate"])),
        animals or texts.number(Decimal(line["zakat"]), currency),
    ]


def _describe_inputs(texts: Texts, line: dict[str, Any], currency: str) -> str:
    """Say what a line was counted from, unless that is the amount counted itself."""
    inputs = line.get("inputs") or {}
    factors = " × ".join(_factors(texts, inputs, Decimal(line["counted"]), currency))
    parts = [texts.isolate(factors) if factors else "", *_remarks(texts, inputs)]
    return texts("zakat.separator").join(filter(None, parts))


def _factors(
    texts: Texts, inputs: dict[str, Any], counted: Decimal, currency: str
) -> Iterator[str]:
    """Yield what was multiplied."""
    own_currency = inputs.get("currency", currency)
    if "inventory" in inputs:
        yield _business(texts, inputs, own_currency)
    elif "amount" in inputs and (own_currency != currency or inputs["amount"] != abs(counted)):
        yield texts.money(Decimal(inputs["amount"]), own_currency)
    patterns = {
        "share": "{}",
        "grams": "{} g",
        "karat": "{}/24",
        "fineness": "{}",
        "price": f"{own_currency}\u00a0{{}}",
        "priceKarat": "24/{}",
        "exchange": "{}",
    }
    for name, pattern in patterns.items():
        if (value := inputs.get(name)) is not None:
            number = texts.percent(Decimal(value)) if name == "share" else texts.quantity(value)
            yield pattern.format(number)


def _business(texts: Texts, inputs: dict[str, Any], currency: str) -> str:
    """Return what was added and deducted of a business."""
    added = [
        texts.money(Decimal(inputs[name]), currency)
        for name in ("cash", "inventory", "workInProgress", "receivables")
        if inputs.get(name)
    ]
    text = " + ".join(added) or texts.money(ZERO, currency)
    if inputs.get("liabilities"):
        text += f" − {texts.money(Decimal(inputs['liabilities']), currency)}"
    return f"({text})"


def _remarks(texts: Texts, inputs: dict[str, Any]) -> Iterator[str]:
    """Yield the price's day, the school where it matters, and what harvests and herds have."""
    if "priced" in inputs:
        day = date.fromisoformat(inputs["priced"])
        yield texts("zakat.priced", day=texts.day(day, "d MMM y"))
    if inputs.get("school") == "hanafi":
        yield texts("zakat.hanafi")
    if "kilograms" in inputs:
        yield f"{texts.quantity(inputs['kilograms'])} kg"
        yield texts(f"zakat.{inputs['watering']}")
    if "count" in inputs:
        species = texts(f"zakat.{inputs['species']}")
        yield texts.isolate(f"{texts.quantity(inputs['count'])} {species}")


def _cite(texts: Texts, rule: str, source: str) -> str:
    """Return a rule with its source, and its number in the list of all rules."""
    text = f"{texts.find('rules', rule)} — {texts.find('rules', source)}"
    number = NUMBERS.get((rule, source))
    return text if number is None else f"{text} ({texts('zakat.number', number=str(number))})"
