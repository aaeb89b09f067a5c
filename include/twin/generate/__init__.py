"""Worlds with truth: what Salesforce, the ERP, the payments platform and the bank hold, and what is so.

A world's rows come from counter-based draws keyed by (seed, stream, index), so that any world is the start of
every larger one of its seed, profile and as_of (but for payouts, which add up all customers). Nothing here is
shared with the engine that the truth is to judge.

How to read the truth, which knows only facts dated up to as_of:

links        R1 account-customer (amount 0), R2 opportunity-order and order-invoice (net), R3 payment-invoice,
             R4 payment-payout, refund-payout, dispute-payout, payment-bank line and payout-bank line,
             R5 subscription-opportunity (ARR). The amount of an R3 pair is what the payment settles, in the
             invoice's currency, without withheld tax, fees, discounts and credit notes. Pairs that nobody can
             tell from the files are there too, and in unmatchable.
breaks       the key is the id of what is wrong: the payment (CA), but the refund for CA13 and the dispute for
             CA14; the order, opportunity, invoice, payout, subscription, account or customer for the others.
             Amounts are in the currency of what is wrong; CA09 and PO08 are in SGD.
unmatchable  R3 payments to be held: ambiguous, many_to_many, no_counterpart, duplicate, void_invoice, scale_error.
faults       each case's kind: all of R1 and R3, of the others what is not clean. Empty in a clean world.

A subscription's end date is the first day without service; its row has the first quantity, amendments have
the later ones, and `arr` is the figure on record at as_of. Credit notes are positive.
"""

from include.twin.generate.world import WorldSummary, generate_world

__all__ = ["WorldSummary", "generate_world"]
