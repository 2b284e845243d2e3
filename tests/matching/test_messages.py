from datetime import date

from matching.messages import Message, Quantity, Term


def test_message_says_its_template_with_its_parameters():
    message = Message(
        "late", "Due {day}, {sum} by {who}.", day=date(2021, 11, 24), sum=Quantity(1250050, "CNY"), who="x"
    )
    assert str(message) == "Due 2021-11-24, 12,500.50 CNY by x."
    assert repr(message) == "Message('late', 'Due 2021-11-24, 12,500.50 CNY by x.')"


def test_messages_are_equal_when_code_and_parameters_are():
    assert Message("a", "x {n}", n=1) == Message("a", "y {n}", n=1)
    assert Message("a", "x {n}", n=1) != Message("a", "x {n}", n=2)
    assert Message("a", "x") != "x"
    assert len({Message("a", "x"), Message("a", "x")}) == 1


def test_whole_quantity_shows_no_decimals():
    assert str(Quantity(28000000, "CNY")) == "280,000 CNY"
    assert str(Term("kinds", "money")) == "money"
