"""Where a person opens a Stripe object in a browser."""

DASHBOARD = "https://dashboard.stripe.com"
PAGES = {"payments": "payments", "payouts": "payouts", "disputes": "disputes", "refunds": "refunds"}


def record_url(entity: str, native_id: str, *, live: bool) -> str:
    """The object's page in the dashboard; empty where it has none."""
    page = PAGES.get(entity)
    if page is None or not native_id.replace("_", "").isalnum():
        return ""
    return f"{DASHBOARD}/{'' if live else 'test/'}{page}/{native_id}"
