from matching.reading.records import clean_text


def test_clean_text_keeps_joined_emoji_and_drops_what_cannot_be_seen():
    assert clean_text("👨\u200d👩\u200d👧 家庭\u202e\u200b 𠮷") == "👨\u200d👩\u200d👧 家庭 𠮷"


def test_clean_text_keeps_lines_and_paragraphs():
    assert clean_text("a\r\nb\u2028c\n\n\n\nd ") == "a\nb\nc\n\nd"
