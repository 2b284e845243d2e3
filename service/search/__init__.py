"""Finding needs and offers in any language: by meaning, words and concepts; saved searches, digests, pins."""
