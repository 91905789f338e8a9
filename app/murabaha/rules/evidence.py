"""The rules that a sale has to keep, with their sources, for the evidence that a board reads."""

from typing import NamedTuple

from ...messages import Message

AAOIFI = "AAOIFI Shari'ah Standard 8 (Murabahah)"


class SourcedRule(NamedTuple):
    """A rule in a sentence, and where it comes from."""

    text: Message
    source: str


RULES = {
    "separate_parties": SourcedRule(
        Message("Vendor, institution and client are separate; who applies does not decide."), AAOIFI
    ),
    "promise": SourcedRule(
        Message("Before the sale there is a request, an offer or a promise, and no debt."), AAOIFI
    ),
    "ownership": SourcedRule(
        Message("The institution owns the goods, and bears their risk, before it sells them."),
        f"{AAOIFI}; Abu Dawud 3503: do not sell what you do not have",
    ),
    "true_cost": SourcedRule(
        Message("Cost and profit are known to both, and the cost is that of the invoice."), AAOIFI
    ),
    "sale": SourcedRule(
        Message("Offer and acceptance conclude the sale, at one price that cannot rise."), AAOIFI
    ),
    "down_payment": SourcedRule(
        Message("A down payment is part of the price, and returned in full without a sale."), AAOIFI
    ),
    "no_increase": SourcedRule(
        Message("What is paid lowers the debt, and nothing is added to it for lateness."),
        "al-Baqarah 275; OIC Fiqh Academy, resolution 51 (2/6)",
    ),
    "respite": SourcedRule(
        Message("A debtor in hardship is given time, or relieved as charity."), "al-Baqarah 280"
    ),
    "rebate": SourcedRule(
        Message("A rebate for early payment is the institution's choice, and was not agreed."),
        f"{AAOIFI}; OIC Fiqh Academy, resolution 64 (2/7)",
    ),
    "record": SourcedRule(
        Message("Debts are written down; a mistake is corrected by a step of its own."),
        "al-Baqarah 282",
    ),
}

# The rule that asks for each step, by the name of its event.
RULE_OF_ACTION = {
    **dict.fromkeys(("apply", "update", "reject", "cancel", "withdraw", "expire"), "promise"),
    **dict.fromkeys(("request_approval", "approve"), "true_cost"),
    "acquire": "ownership",
    "accept": "sale",
    **dict.fromkeys(
        (
            *("record_down_payment", "pay_down_payment", "receive_down_payment"),
            "return_down_payment",
        ),
        "down_payment",
    ),
    **dict.fromkeys(("record", "pay", "receive", "complete"), "no_increase"),
    "settle": "rebate",
    **dict.fromkeys(("reschedule", "waive", "promise", "withdraw_promise"), "respite"),
    **dict.fromkeys(("reverse", "take_back", "undo_settle", "undo_waive"), "record"),
    "erase_client": "record",
}
# Steps that depart from the way from application to last payment.
DEVIATIONS = (
    *("withdraw", "return_down_payment", "reverse", "take_back"),
    *("settle", "undo_settle", "reschedule", "waive", "undo_waive"),
)
TITLES = {
    "apply": Message("The client applied for the goods"),
    "update": Message("The application or the vendor was changed"),
    "request_approval": Message("An officer requested a second person's approval"),
    "approve": Message("The institution offered the goods at cost and a known profit"),
    "reject": Message("The institution rejected the application"),
    "cancel": Message("The client cancelled before the sale"),
    "withdraw": Message("The institution withdrew its offer before the sale"),
    "expire": Message("The offer expired"),
    "acquire": Message("The institution acquired the goods"),
    "accept": Message("The client accepted: the sale"),
    "record_down_payment": Message("Money for the down payment was received"),
    "pay_down_payment": Message("The client began to pay the down payment"),
    "receive_down_payment": Message("Money for the down payment was received by card"),
    "return_down_payment": Message("The down payment became owed to the client"),
    "record": Message("Money for instalments was received"),
    "pay": Message("The client began to pay an instalment"),
    "receive": Message("Money for instalments was received by card"),
    "complete": Message("The price was paid"),
    "reverse": Message("A receipt was reversed"),
    "take_back": Message("A card payment was refunded or disputed"),
    "settle": Message("The rest became due at once, less a rebate"),
    "undo_settle": Message("The early settlement was taken back"),
    "reschedule": Message("Due dates were put off"),
    "waive": Message("An instalment was waived as charity"),
    "undo_waive": Message("The waiver was reversed"),
    "promise": Message("The client promised to pay"),
    "withdraw_promise": Message("The record of a promise was withdrawn"),
    "erase_client": Message("The client's account was deleted"),
}
