"""The module `tieout` of Tryton 8.2: what Tieout needs an ERP to hold and Tryton has no field for.

It runs inside Tryton, so it is licensed as Tryton is (README.md), and nothing else of the project imports it.
"""
