# SPDX-License-Identifier: BSD-3-Clause
"""The command line of capture, which is vmirrorctl's but for the ports."""

from programs import Failed

# The letters that have a value, those that vmirrorctl refuses among them.
VALUED = "ifwscaQpbCGWzZ"


class Line:
    """vmirrorctl capture's, read far enough to know the ports and the direction."""

    def __init__(self, words):
        self.ports, self.place, self.rest, self.letters = [], [], [], set()
        self.direction = self.file = None
        self.following = []  # what is said of files that follow each other
        self.words = list(words)
        while self.words:
            self.take(self.words.pop(0))

    def take(self, word):
        if word == "--":
            self.rest += ["--", *self.words]
            self.words = []
        elif word.startswith("--"):
            self.take_name(word)
        elif word.startswith("-") and word != "-":
            self.take_letters(word[1:])
        else:
            self.rest.append(word)

    def take_name(self, word):
        name = word.partition("=")[0]
        if name in ("--help", "--version"):
            self.letters.add({"--help": "h", "--version": "V"}[name])
            return
        values = [word]
        if name in ("--control", "--capture-comment") and "=" not in word:
            values += [self.words.pop(0)] if self.words else []
        if name == "--control":
            self.place += values
        else:
            self.rest += values

    def take_letters(self, letters):
        for at, letter in enumerate(letters):
            if letter in VALUED:
                value = [letters[at + 1:]] if letters[at + 1:] else self.words[:1]
                if not letters[at + 1:]:
                    del self.words[:1]
                self.take_value(letter, value)
                return
            self.letters.add(letter)
            if letter not in "hVDd":
                self.rest.append(f"-{letter}")

    def take_value(self, letter, value):
        if letter == "i":
            if not value:
                raise Failed("capture: -i needs a value: -i PORT; 'vmirror-ovs list' has them", 2)
            self.ports += value
        elif letter == "p":
            self.place += ["-p", *value]
        elif letter == "Q" and self.direction is None and value:
            self.direction = value[0]
        elif letter == "w" and self.file is None and value:
            self.file = value[0]
        elif letter in "bCGWz" or letter == "a" and value and value[0].startswith("files:"):
            self.following += [f"-{letter}", *value]
        else:
            self.rest += [f"-{letter}", *value]

    def direction_words(self):
        return ["-Q", self.direction] if self.direction is not None else []

    def file_words(self):
        return (["-w", self.file] if self.file is not None else []) + self.following
