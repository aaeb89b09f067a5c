"""What of Stripe's objects is of people: all that is not named here as needed, and of that what says who paid.

https://docs.stripe.com/api: charges, events, refunds, disputes, payouts, balance transactions, and what is expanded.
"""

PERSONAL = frozenset(
    {
        *("billing_details", "shipping", "receipt_email", "receipt_url", "payer_text", "owner", "wallet"),
        *(
            "name",
            "email",
            "phone",
            "address",
            "customer_name",
            "customer_email",
            "customer_phone",
            "customer_address",
        ),
        *("last4", "dynamic_last4", "fingerprint", "exp_month", "exp_year", "iin", "generated_sepa_debit"),
        *(
            "evidence",
            "customer_email_address",
            "customer_purchase_ip",
            "billing_address",
            "shipping_address",
        ),
        *(
            "account_number",
            "routing_number",
            "account_holder_name",
            "iban",
            "iban_last4",
            "ip",
            "ip_address",
        ),
        *("payer_email", "payer_name", "payer_id", "verified_name", "verified_email", "verified_phone"),
        *("verified_phone_last4", "verified_address", "cardholder_name", "buyer_id", "cashtag", "username"),
    }
)
"""What says who paid, at any depth, each kept as a value of its own."""

_OBJECT = frozenset({"id", "object", "amount", "currency", "created", "livemode", "metadata", "status"})
_SETTLED = frozenset({"balance_transaction", "failure_balance_transaction"})
_TRANSACTION = _OBJECT | {
    *("available_on", "exchange_rate", "fee", "fee_details", "net", "payout", "reporting_category", "source"),
    "type",
}
_CHARGE = (
    _OBJECT
    | _SETTLED
    | {
        *("amount_captured", "amount_refunded", "captured", "disputed", "paid", "refunded", "failure_code"),
        *("customer", "description", "dispute", "invoice", "payment_intent", "payment_method", "refunds"),
        *("outcome", "payment_method_details"),
    }
)
_REFUND = (
    _OBJECT
    | _SETTLED
    | {
        *("charge", "payment_intent", "reason", "failure_reason", "pending_reason"),
        *("source_transfer_reversal", "transfer_reversal"),
    }
)
_DISPUTE = (
    _OBJECT
    | _SETTLED
    | {
        *("balance_transactions", "charge", "evidence_details", "is_charge_refundable", "payment_intent"),
        *("payment_method_details", "reason"),
    }
)
_PAYOUT = (
    _OBJECT
    | _SETTLED
    | {
        *("arrival_date", "automatic", "destination", "failure_code", "method", "original_payout"),
        *("reconciliation_status", "reversed_by", "source_type", "type"),
    }
)
_ID = frozenset({"id", "object"})

SHOWN = {
    "payments": _CHARGE,
    "attempts": frozenset(
        {"id", "object", "api_version", "created", "data", "livemode", "pending_webhooks", "type"}
    ),
    "data": frozenset({"object"}),
    "object": _CHARGE,
    "refunds": _REFUND,
    "disputes": _DISPUTE,
    "payouts": _PAYOUT,
    "payout_items": _TRANSACTION,
    **dict.fromkeys((*_SETTLED, "balance_transactions"), _TRANSACTION),
    **dict.fromkeys(("charge", "customer", "dispute", "invoice", "payment_intent", "payout", "source"), _ID),
    "metadata": frozenset(
        {
            *("arrival_date", "attempt_no", "created_on", "erp_customer", "fee", "gross", "invoice_id"),
            *("occurred_at", "opened_on", "paid_on", "tieout_key"),
        }
    ),
    "outcome": frozenset(
        {
            *("advice_code", "network_advice_code", "network_decline_code", "network_status", "reason"),
            *("risk_level", "risk_score", "seller_message", "type"),
        }
    ),
    "fee_details": frozenset({"amount", "application", "currency", "description", "type"}),
    "evidence_details": frozenset({"due_by", "has_evidence", "past_due", "submission_count"}),
    "payment_method_details": frozenset(
        {
            "type",
            "brand",
            "network",
            "funding",
            "country",
            "currency",
            "amount_authorized",
            "description",
            "*",
        }
    ),
}
"""Of each object, and of what stands in it, what is shown. The rest may name anybody: a refund's next action has an
address, metadata what somebody thought of, and each new way to pay says it in words of its own.
"""
