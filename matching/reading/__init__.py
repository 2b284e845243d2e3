"""Files as people have them: encodings, tables, words and numbers of five languages → profiles, and back.

`load_profiles` reads a file or a folder; `writing` and `template` make files that it reads back.
"""

from matching.reading.loading import load_profiles

__all__ = ["load_profiles"]
