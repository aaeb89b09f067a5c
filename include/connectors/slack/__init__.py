"""Slack, and whatever takes what its incoming webhooks take."""
