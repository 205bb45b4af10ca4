-- Who reaches a threshold of large values on a day: sums of legs, by customer at the moment of the question.

-- reached --
-- One row for each customer, direction and threshold whose sum reaches it, or a share of it.
with rule as (
    select * from unnest(
        %(subjects)s::text[], %(currencies)s::text[], %(means)s::text[], %(reaches)s::text[], %(amounts)s::numeric[],
        %(inclusive)s::bool[]
    ) with ordinality as r (subject, currency, means, reach, amount, inclusive, number)
), leg as (
    select t.account, t.direction, t.currency, t.amount, t.cny, t.usd, t.branch, t.channel,
        case when t.cash then 'cash' else 'transfer' end as means,
        case when t.cross_border then 'cross-border' else 'domestic' end as reach
    from kyc_read.transaction_index t
    where t.booked_at >= %(start)s and t.booked_at < %(stop)s and t.kind <> all (%(exempt)s::text[])
), holder as (
    select distinct h.account, h.customer
    from kyc_read.account_holding h
    where h.role in ('owner', 'joint') and h.since <= %(on)s and (h.until is null or h.until > %(on)s)
        and (%(customer)s::uuid is null or h.customer = %(customer)s)
), moved as (
    select h.customer, l.*, false as without_file from leg l join holder h on h.account = l.account
    union all
    select coalesce(o.customer, o.person), null, o.direction, o.currency, o.amount,
        case o.currency when 'CNY' then o.amount end, case o.currency when 'USD' then o.amount end, o.branch, 'counter',
        case when o.cash then 'cash' else 'transfer' end, 'domestic', o.customer is null
    from kyc_read.one_off_service o
    where o.done_at >= %(start)s and o.done_at < %(stop)s and o.kind <> all (%(exempt)s::text[])
        and (%(customer)s::uuid is null or o.customer = %(customer)s)
), counted as (
    select l.customer, l.direction, l.branch, l.channel, l.account, r.number, r.amount as threshold, r.inclusive,
        case when r.currency = l.currency then l.amount when r.currency = 'CNY' then l.cny else l.usd end as amount,
        l.without_file
    from moved l
    left join kyc_read.customer_profile p on p.stream_id = l.customer
    join rule r on r.means = l.means and r.reach in ('*', l.reach)
        and r.subject = case when p.type is null or p.type = 'natural' then 'natural' else 'organisation' end
        and r.currency = case when l.currency = %(home)s then l.currency else %(foreign)s end
)
select customer, direction, number::int, sum(amount) as total, count(*) as legs, max(amount) as largest,
    count(distinct account) as accounts, array_agg(distinct branch) as branches, array_agg(distinct channel) as channels,
    count(*) filter (where amount is null) as unconverted, bool_and(without_file) as without_file
from counted
group by customer, direction, number, threshold, inclusive
having sum(amount) > threshold * %(share)s or (inclusive and sum(amount) = threshold * %(share)s)
order by sum(amount) / threshold desc, customer, direction, number limit %(limit)s

-- totals --
-- What a customer received and paid on a day, by currency, means and reach, with what it was worth.
select l.direction, case when l.cash then 'cash' else 'transfer' end as means,
    case when l.cross_border then 'cross-border' else 'domestic' end as reach, l.currency, count(*), sum(l.amount),
    sum(l.cny), sum(l.usd), count(*) filter (where l.cny is null), count(*) filter (where l.usd is null),
    array_agg(distinct l.branch), array_agg(distinct l.channel)
from kyc_read.transaction_index l
where l.booked_at >= %(start)s and l.booked_at < %(stop)s and l.account in (
    select h.account from kyc_read.account_holding h
    where h.customer = %(customer)s and h.role in ('owner', 'joint')
        and h.since <= %(on)s and (h.until is null or h.until > %(on)s))
group by 1, 2, 3, 4 order by 1, 2, 3, 4

-- legs --
-- The legs behind a day of a customer, in the order they were booked.
select l.postings, l.version
from kyc_read.transaction_index l
where l.booked_at >= %(start)s and l.booked_at < %(stop)s and l.account in (
    select h.account from kyc_read.account_holding h
    where h.customer = %(customer)s and h.role in ('owner', 'joint')
        and h.since <= %(on)s and (h.until is null or h.until > %(on)s))
order by l.booked_at, l.lane, l.position limit %(limit)s

-- unconverted --
-- Legs of a day in another currency than the home currency that name no rate.
select count(*) from kyc_read.transaction_index
where booked_at >= %(start)s and booked_at < %(stop)s and usd is null and currency <> %(home)s
