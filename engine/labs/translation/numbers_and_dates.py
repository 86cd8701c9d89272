"""Numbers in words and dates, whose digits come from known places."""

from __future__ import annotations

from engine.labs.translation.word_lists import MONTHS, ONES, TENS

Pair = tuple[list[str], list[str], list[int]]


def number(value: int) -> Pair:
    """A number from 1 to 999,999 in words, units before tens ("two and forty"), and its digits."""
    source: list[str] = []
    digits: list[tuple[str, int]] = []
    for group, name in ((value // 1000, "thousand"), (value % 1000, "")):
        hundreds, rest = divmod(group, 100)
        tens, ones = divmod(rest, 10)
        at = {"hundreds": len(source) - 1, "tens": len(source) - 1, "ones": len(source) - 1}
        if hundreds:
            source += [ONES[hundreds], "hundred"]
            at = {"hundreds": len(source) - 2, "tens": len(source) - 1, "ones": len(source) - 1}
        if 0 < rest < 20:
            source.append(ONES[rest])
            at["tens"] = at["ones"] = len(source) - 1
        elif rest:
            source += [ONES[ones], "and", TENS[tens]] if ones else [TENS[tens]]
            at["tens"] = len(source) - 1
            at["ones"] = len(source) - 3 if ones else at["tens"]
        digits += [(str(hundreds), at["hundreds"]), (str(tens), at["tens"]), (str(ones), at["ones"])]
        if name and group:
            source.append(name)
    kept = digits[-len(str(value)) :]
    return source, [digit for digit, _ in kept], [place for _, place in kept]


def values(words: list[str]) -> list[int]:
    """The numbers that `words` may stand for: one, or none."""
    value, group = 0, 0
    for word in words:
        if word == "hundred":
            group *= 100
        elif word == "thousand":
            value, group = 1000 * group, 0
        elif word in ONES:
            group += ONES.index(word)
        elif word in TENS:
            group += 10 * TENS.index(word)
    return [value + group] if 0 < value + group < 1_000_000 else []


def date(day: int, month: int, year: int, form: int = 0) -> Pair:
    """A date in one of three forms, and as year-month-day.  A dash belongs to what follows it; months count from 0."""
    days, years = list(str(day)), list(str(year))
    name = MONTHS[month]
    if form == 0:
        source, d, m = [*days, name, *years], 0, len(days)
    elif form == 1:
        source, d, m = [name, *days, ",", *years], 1, 0
    else:
        source, d, m = ["the", *days, "th", "of", name, *years], 1, len(days) + 3
    y = len(source) - 4
    of_day = [d, d + len(days) - 1]
    target = [*years, "-", *f"{month + 1:02}", "-", *f"{day:02}"]
    return source, target, [y, y + 1, y + 2, y + 3, m, m, m, d, *of_day]


def dates(words: list[str]) -> list[Pair]:
    """The dates that `words` may stand for, in each form: none if there is no month, day or year."""
    digits = "".join(word for word in words if word in set("0123456789"))
    months = [MONTHS.index(word) for word in words if word in MONTHS]
    if len(months) != 1 or not 5 <= len(digits) <= 6 or not 1 <= int(digits[:-4]) <= 28:
        return []
    return [date(int(digits[:-4]), months[0], int(digits[-4:]), form) for form in range(3)]
