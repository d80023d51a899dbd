"""The admins' queries and views of the ledger; amounts are paise inside and rupees on the wire."""

from shared.kit.schemas import Id, Query, QueryDay, Rupees, View
from shared.ledger.postings import AccountCode


class LedgerQuery(Query):
    booking_id: Id | None = None
    date_to: QueryDay | None = None


class BalanceView(View):
    """The balance of an account: a debit is positive, a credit negative."""

    account: AccountCode
    balance: Rupees


class LedgerView(View):
    """Every account with its balance; `total` is their sum, always 0 in a correct ledger."""

    accounts: list[BalanceView]
    total: Rupees
