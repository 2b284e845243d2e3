"""Reviews: who scores which application by which criteria, with conflicts of interest kept out."""
