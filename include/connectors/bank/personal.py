"""Where personal data stands in a bank's statements, in the words of CAMT.053 and of mt-940."""

from include.connectors.bank.slashes import PARTIES

PERSONAL = frozenset(
    {
        *("account", "RltdPties", "RltdRmtInf", "CardTx", "Invcr", "Invcee"),
        *(
            "applicant_name",
            "applicant_iban",
            "gvc_applicant_iban",
            "deviate_applicant",
            "debitor_identifier",
        ),
        *("recipient_name", "deviate_recipient", "account_identification", PARTIES),
        *("statement", "header", "entries", "text"),  # of a statement that is refused: all of it
    }
)
"""The elements and fields of both formats under which personal data stands; who wrote what for whom is a reference."""

SHOWN = {
    "TxDtls": frozenset(
        {
            *("Ustrd", "Ref", "Nb", "AddtlRmtInf", "AddtlTxInf"),
            *("MsgId", "AcctSvcrRef", "PmtInfId", "InstrId", "EndToEndId", "UETR", "TxId", "MndtId", "ChqNb"),
            *("ClrSysRef", "AcctOwnrTxId", "AcctSvcrTxId", "MktInfrstrctrTxId", "PrcgId"),
            *("Amt", "TtlAmt", "@Ccy", "SrcCcy", "TrgtCcy", "UnitCcy", "XchgRate", "CdtDbtInd", "RvslInd"),
            *("Cd", "SubFmlyCd", "Dt", "DtTm", "*"),
        }
    )
}
"""Of what a bank says of one transaction, what is shown, at any depth: much of what a standard adds is of people."""
