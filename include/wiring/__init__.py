"""Airflow to Tieout: connections, variables and run contexts become what flows and connectors are given."""
