"""Writes functions/tokenizer/unicode-tables.ts: character properties exactly as the Rust `tokenizers` library has them.

usage: python unicode-tables.py SEGMENTATION_TABLES_RS > ../../functions/tokenizer/unicode-tables.ts

Each property is probed from the installed `tokenizers` package, one code point at a time, because the crates inside it
follow different Unicode versions (categories: 8, NFD: 9, lower case: the Rust standard library's). Only grapheme
categories cannot be probed whole; they are read from src/tables.rs of the `unicode-segmentation` crate (1.13, Unicode 17).

A table is a list of ranges in ascending order: `gap.length.value` in base 36, `gap` counted from the end of the range
before; `.length` of 1 and `.value` of 1 are left out.
"""

import re
import sys
import unicodedata

from tokenizers import Regex, __version__, normalizers, pre_tokenizers

points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def base36(number):
    if number < 0:
        return "-" + base36(-number)
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
        if number == 0:
            return digits


def encode(values):
    """{code point: value} as text; ranges join over surrogates never, as those are absent."""
    ranges = []
    for point, value in sorted(values.items()):
        if ranges and ranges[-1][1] == point and ranges[-1][2] == value:
            ranges[-1][1] = point + 1
        else:
            ranges.append([point, point + 1, value])
    words, end = [], 0
    for start, stop, value in ranges:
        word = base36(start - end)
        if value != 1:
            word += f".{base36(stop - start)}.{base36(value)}"
        elif stop - start != 1:
            word += f".{base36(stop - start)}"
        words.append(word)
        end = stop
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) > 104:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


def bert(**on):
    options = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    return normalizers.BertNormalizer(**{**options, **on})


def probe(normalizer, expected):
    return {c: 1 for c in points if normalizer.normalize_str(f"a{chr(c)}b") == expected(chr(c))}


def matched(expression):
    """What one character of an expression matches; Oniguruma's Unicode is another version again."""
    split = pre_tokenizers.Split(Regex(expression), "removed")
    return {c: 1 for c in points if not split.pre_tokenize_str(chr(c))}


def combining():
    """Canonical classes never change once given; the probe says which characters this library's Unicode knows."""
    nfd = normalizers.NFD()
    last = "\u0345"  # class 240, the highest
    known = {}
    for c in points:
        value = unicodedata.combining(chr(c))
        if value and (chr(c) == last or nfd.normalize_str(f"a{last}{chr(c)}")[1] != last):
            known[c] = value
    return known


def lowercase():
    lower = normalizers.Lowercase()
    mapped = {c: lower.normalize_str(chr(c)) for c in points}
    longer = {c: text for c, text in mapped.items() if len(text) != 1}
    assert longer == {0x130: "i\u0307"}, longer
    return {c: ord(text) - c for c, text in mapped.items() if len(text) == 1 and ord(text) != c}


CATEGORIES = [
    "Any", "CR", "LF", "Control", "Extend", "ZWJ", "SpacingMark", "Prepend", "Regional_Indicator",
    "Extended_Pictographic", "InCB_Consonant", "L", "V", "T", "LV", "LVT",
]  # fmt: skip


def graphemes(path):
    source = open(path, encoding="utf-8").read()
    char = r"'\\u\{([0-9a-f]+)\}'"
    body = source[source.index("const grapheme_cat_table") :]
    body = body[: body.index("];")]
    values = {}
    for low, high, category in re.findall(rf"\(\s*{char},\s*{char},\s*GC_(\w+)\s*\)", body):
        for c in range(int(low, 16), int(high, 16) + 1):
            values[c] = CATEGORIES.index(category)
    body = source[source.index("const InCB_Extend_table") :]
    body = body[: body.index("];")]
    for low, high in re.findall(rf"\(\s*{char},\s*{char}\s*\)", body):
        for c in range(int(low, 16), int(high, 16) + 1):
            values[c] = values.get(c, 0) | 16
    linkers = re.search(r"is_incb_linker\(c: char\) -> bool \{(.*?)\n\}", source, re.S).group(1)
    for c in re.findall(r"\\u\{([0-9A-Fa-f]+)\}", linkers):
        values[int(c, 16)] = values.get(int(c, 16), 0) | 32
    return values


def main():
    nfd = normalizers.NFD()
    syllables = range(0xAC00, 0xD7A4)
    words = pre_tokenizers.BertPreTokenizer()
    pieces = {c: len(words.pre_tokenize_str(f"a{chr(c)}b")) for c in points}
    digits = pre_tokenizers.Digits(individual_digits=True)
    whitespace = {c: 1 for c in points if pieces[c] == 2}
    assert matched("\\s") == whitespace
    decomposable = {}
    for c in points:
        text = nfd.normalize_str(chr(c))
        if c not in syllables and text != chr(c):
            assert text == unicodedata.normalize("NFD", chr(c)), hex(c)
            decomposable[c] = 1
    tables = {
        "removed": ("What BertNormalizer's clean_text removes.", probe(bert(clean_text=True), lambda c: "ab")),
        "whitespace": ("White_Space.", whitespace),
        "letters": (r"\p{L} in ByteLevel's expression.", matched(r"\p{L}")),
        "numbers": (r"\p{N} in ByteLevel's expression.", matched(r"\p{N}")),
        "numeric": (
            "What Digits takes for one.",
            {c: 1 for c in points if len(digits.pre_tokenize_str(f"a{chr(c)}b")) == 3},
        ),
        "ideographs": (
            "What BertNormalizer's handle_chinese_chars puts spaces around.",
            probe(bert(handle_chinese_chars=True), lambda c: f"a {c} b"),
        ),
        "marks": (
            "What BertNormalizer's strip_accents removes: the non-spacing marks.",
            {c: 1 for c in points if c not in decomposable and bert(strip_accents=True).normalize_str(f"a{chr(c)}b") == "ab"},
        ),
        "punctuation": ("What BertPreTokenizer splits off.", {c: 1 for c in points if pieces[c] == 3}),
        "combining": ("Canonical combining class of nonstarters.", combining()),
        "decomposable": ("What has a canonical decomposition, Hangul syllables apart.", decomposable),
        "lowercase": ("Lower case minus the character itself; U+0130, which becomes two, apart.", lowercase()),
        "graphemes": (
            "Grapheme category (the order of `category` in graphemes.ts), 16 for InCB=Extend, 32 for InCB=Linker.",
            graphemes(sys.argv[1]),
        ),
    }
    print("/**")
    print(f" * Character properties as the Rust library tokenizers {__version__} has them, generated by")
    print(" * test/tokenizer/unicode-tables.py. Format: `gap.length.value` in base 36 (see unicode.ts).")
    print(" */\nexport const tables = {")
    for name, (about, values) in tables.items():
        print(f"  /** {about} */\n  {name}: `\n{encode(values)}`,")
    print("};")


main()
