#!/usr/bin/env python3
"""Holds code, help texts and pages to the words of docs/glossary.md.

usage: scripts/check_words.py [CHECKOUT]

docs/glossary-forbidden.txt has the expressions, one a line with what is used instead. Below the line "# Planned" are those
that the code has still; they are counted, and are an error only in pages. Strings of the code are looked at for the
expressions under "# Prose" alone: options, JSON keys and section names keep their spelling. Exit 1 and one line for each.
"""
import os
import re
import subprocess
import sys

EXEMPT = ("docs/glossary.md", "docs/glossary-forbidden.txt", "docs/decisions/", "scripts/check_words.py", "CHANGELOG.md",
          "lib/snapshot/FORMAT.md")
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')


def rules_of(checkout):
    """Lists of (expression, replacement): prose, identifiers, planned ones."""
    lists, current = {"prose": [], "identifiers": [], "planned": []}, "prose"
    with open(os.path.join(checkout, "docs/glossary-forbidden.txt"), encoding="utf-8") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if line.startswith("# Prose"):
                current = "prose"
            elif line.startswith("# Identifiers"):
                current = "identifiers"
            elif line.startswith("# Planned"):
                current = "planned"
            elif line and not line.startswith("#"):
                expression, replacement = line.split("\t")
                lists[current].append((re.compile(expression), replacement))
    return lists


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    checkout = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    rules = rules_of(checkout)
    listed = subprocess.run(["git", "-C", checkout, "ls-files"], stdout=subprocess.PIPE, universal_newlines=True)
    found = planned = files = 0
    for name in listed.stdout.split("\n"):
        is_page = name.endswith(".md")
        if name.startswith(EXEMPT) or not (is_page or name.endswith((".cc", ".h"))):
            continue
        files += 1
        with open(os.path.join(checkout, name), encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                code = line if is_page else STRING.sub('""', line)
                for expression, replacement in rules["prose"]:
                    # Comments are being rewritten folder by folder; pages and what users read are held to it.
                    text = line if is_page else " ".join(STRING.findall(line))
                    if expression.search(text) and not line.startswith("#include"):
                        found += 1
                        print("%s:%d: '%s': %s" % (name, number, expression.search(text).group(0), replacement))
                for expression, replacement in rules["identifiers"]:
                    if expression.search(code):
                        found += 1
                        print("%s:%d: '%s' is %s now" % (name, number, expression.search(code).group(0), replacement))
                if not is_page:
                    planned += sum(bool(expression.search(code)) for expression, _ in rules["planned"])
    print("check_words: %d files, %d words of the old vocabulary; %d uses of names that are to be renamed" % (files, found, planned))
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
