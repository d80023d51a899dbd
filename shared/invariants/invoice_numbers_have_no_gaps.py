"""The invoice numbers of a series run from 1 to the last one issued, each once (docs/product.md#invoices)."""

BREACHES = """
select md5(series)::uuid, null::uuid, series || ': ' || coalesce(i.given, 0) || ' numbers up to ' || coalesce(s.last, 0)
from (select series, count(distinct serial) as given, min(serial) as first, max(serial) as highest
  from invoices group by series) i
full join invoice_series s using (series)
where s.last is null or i.given is distinct from s.last or i.highest <> s.last or i.first <> 1
"""
