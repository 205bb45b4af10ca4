-- Steps between accounts, found in the read models. Accounts are named by the keyed digest of their number, which
-- is the same whether we keep them or another bank does.

-- of_customers --
-- The accounts that customers hold or held.
select stream_id, number, holders || former from kyc_read.account_register
where (holders && %s or former && %s) and number is not null

-- of_numbers --
-- Which of some account numbers are ours.
select stream_id, number, holders || former from kyc_read.account_register where number = any (%s)

-- of_streams --
-- The numbers of our accounts.
select stream_id, number, holders || former from kyc_read.account_register
where stream_id = any (%s) and number is not null

-- legs --
-- Legs on our accounts in a span of time, the oldest of each account; one more than wanted tells that there are more.
select t.account, case when t.known_by in ('account', 'leg') then t.counterparty end, t.reference, t.direction,
    t.booked_at, t.postings, t.version
from unnest(%s::uuid[], %s::timestamptz[]) as f (account, since)
cross join lateral (
    select * from kyc_read.transaction_index t
    where t.account = f.account and t.booked_at >= f.since and t.booked_at < %s
    order by t.booked_at limit %s) t

-- siblings --
-- The other legs of some transactions.
select t.reference, t.account, t.direction from kyc_read.transaction_index t where t.reference = any (%s)

-- against --
-- Legs of ours that name an account as the other side, the oldest of each.
select t.counterparty, t.account, t.direction, t.booked_at, t.postings, t.version
from unnest(%s::uuid[], %s::timestamptz[]) as f (counterparty, since)
cross join lateral (
    select * from kyc_read.transaction_index t
    where t.counterparty = f.counterparty and t.booked_at >= f.since and t.booked_at < %s
    order by t.booked_at limit %s) t
