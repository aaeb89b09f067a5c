"""The old path's answers, exported as files."""
