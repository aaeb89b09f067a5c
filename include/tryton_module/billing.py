"""Sales that are invoiced line by line: one invoice for each period sold."""

from typing import Any

from trytond.model import ModelView
from trytond.pool import Pool, PoolMeta


class SaleLine(metaclass=PoolMeta):
    """A line of a sale whose invoices are asked for (its invoice method is manual) may be asked for alone."""

    __name__ = "sale.line"

    @classmethod
    def __setup__(cls) -> None:
        super().__setup__()
        cls._buttons.update({"bill": {}})

    @classmethod
    @ModelView.button
    def bill(cls, lines: Any) -> None:
        """A draft invoice of each line that has none yet; one that has is left as it is, however often it is asked."""
        pool = Pool()
        sales, invoices = pool.get("sale.sale"), pool.get("account.invoice")
        asked = {line.sale for line in lines}
        sales.lock(list(asked))
        for line in lines:
            sale = line.sale
            billed = line.get_invoice_line() if sale.state in {"processing", "done"} else []
            if billed and sale.invoice_method == "manual":
                invoice = sale._get_invoice()  # noqa: SLF001  # as the sale itself makes them
                invoice.lines = billed
                invoices.save([invoice])
                sale.copy_resources_to(invoice)
        sales.process(list(asked))
